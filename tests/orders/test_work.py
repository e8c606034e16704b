"""Work rows: asking twice is asking once; what a preview says; how far a batch is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import settle
from models import Link, Option, Order, Transfer, db, utcnow
from orders import batches, work
from orders.rows import FOUND

from . import build


def waiting():
    return db.session.scalars(db.select(Transfer).order_by(Transfer.id)).all()


def shown(ids):
    """What open lists go by."""
    return dict(db.session.execute(db.select(*FOUND).where(Order.id.in_(ids))).all())


def test_asking_twice_is_asking_once(db_session):
    crm, order_id = build.connection(), build.make({})[0]
    before, changed = shown([order_id]), db.session.get(Order, order_id).updated_at
    assert work.request_send([order_id, order_id], crm.id, "Olena") == 1
    assert work.request_send([order_id], crm.id, "Taras") == 1
    db.session.commit()
    rows = waiting()
    assert [(row.state, row.requested_by) for row in rows] == [("waiting", "Taras")]
    assert db.session.scalars(db.select(Link.state)).all() == ["pending"]
    assert shown([order_id]) != before, "open lists show it again"
    assert db.session.get(Order, order_id, populate_existing=True).updated_at == changed, "nothing came of it yet"


def test_an_ask_that_is_not_alone_after_all_is_no_more_lasting_than_the_rest(db_session):
    crm, order_id = build.connection(), build.make({})[0]
    crm_id = crm.id
    db.session.commit()
    db.session.add(Option(key="unsaved", value={}))
    assert work.request_send([order_id], crm_id, "Olena", alone=True) == 1
    db.session.rollback()
    assert waiting() == []
    assert db.session.get(Option, "unsaved") is None
    work.request_send([order_id], crm_id, "Olena", alone=True)
    db.session.commit()
    assert [row.state for row in waiting()] == ["waiting"]


def test_a_running_transfer_leaves_room_for_the_next(db_session):
    crm, order_id = build.connection(), build.make({})[0]
    work.request_send([order_id], crm.id, "Olena")
    waiting()[0].state = "working"
    work.request_send([order_id], crm.id, "Olena")
    db.session.commit()
    assert sorted(row.state for row in waiting()) == ["waiting", "working"]


def test_retry_puts_back_what_failed_unless_a_newer_one_waits(db_session):
    crm = build.connection()
    ids = build.make({}, {})
    for state in ("refused", "parked"):
        work.request_send(ids, crm.id, "Olena")
        for row in waiting():
            if row.state == "waiting":
                row.state = state
        db.session.flush()
    work.request_send(ids[:1], crm.id, "Olena")
    db.session.commit()
    failed = [row.id for row in waiting() if row.state in ("refused", "parked")]
    assert len(failed) == 4
    before = shown(ids)
    assert work.retry(failed, "Taras") == 1, "one order waits already, the other needs one row only"
    db.session.commit()
    assert sorted(row.order_id for row in waiting() if row.state == "waiting") == ids
    now = shown(ids)
    assert [now[i] != before[i] for i in ids] == [False, True], "lists show the one that is tried again as under way"


@pytest.fixture
def assorted(db_session):
    crm = build.connection()
    names = ("fresh", "changed", "same", "busy", "deleted", "cancelled", "preorder", "nobody", "unmapped")
    special = {
        "deleted": {"status_id": build.status("deleted").id},
        "cancelled": {"status_id": build.status("cancelled").id},
        "preorder": {"status_id": build.status("preorder").id},
        "nobody": {"first_name": "", "last_name": ""},
        "unmapped": {"needs_mapping": True},
    }
    ids = dict(zip(names, build.make(*({"number": n, **special.get(n, {})} for n in names)), strict=True))
    ids["empty"] = build.make({"number": "empty"}, lines=[])[0]
    build.link(ids["changed"], crm.id, sent_version=0)
    build.link(ids["same"], crm.id, sent_version=1)
    work.request_send([ids["busy"]], crm.id, "Olena")
    db.session.commit()
    return crm, ids


def test_a_preview_sorts_every_order_into_one_group(assorted):
    crm, ids = assorted
    found = work.preview([*ids.values(), ids["fresh"], 999], crm.id)
    assert found.create == [ids["fresh"]]
    assert found.update == [ids["changed"]]
    assert found.unchanged == [ids["same"]]
    assert found.working == [ids["busy"]]
    assert found.blocked == {
        "deleted": [ids["deleted"]],
        "cancelled": [ids["cancelled"]],
        "preorder": [ids["preorder"]],
        "no_recipient": [ids["nobody"]],
        "needs_mapping": [ids["unmapped"]],
        "no_lines": [ids["empty"]],
    }
    assert found.sendable == [ids["fresh"], ids["changed"]]


def test_a_batch_counts_its_own_transfers_only(assorted):
    crm, ids = assorted
    batch = batches.send([ids["fresh"], ids["changed"]], crm.id, "Olena")
    db.session.commit()
    assert batches.Batch.read(str(batch)) == batch
    work.request_send([ids["same"]], crm.id, "Olena")
    done, failed = db.session.scalars(db.select(Transfer).where(*batch.conditions()).order_by(Transfer.id))
    done.state = "done"
    failed.state, failed.fault, failed.detail = "refused", "rejected", "No such shop"
    db.session.commit()
    found = batches.progress(batch)
    assert (found.total, found.done, found.failed, found.waiting, found.finished) == (2, 1, 1, 0, 2)
    assert found.problems == [("changed", "rejected", "No such shop")]
    assert batches.send([], crm.id, "Olena") is None


def test_a_batch_tells_what_is_left_of_it(db_session):
    """No estimate without a basis; then as long for each as the others took; nothing once it stands still."""
    crm, ids = build.connection(), build.make(*({} for _ in range(10)))
    batch = batches.send(ids, crm.id, "Olena")
    now = utcnow()
    rows = waiting()
    for row in rows:
        row.created_at, row.not_before = now - timedelta(seconds=30), now - timedelta(seconds=30)
    db.session.commit()
    assert batches.progress(batch).seconds is None, "no basis"
    for row in rows[:4]:
        row.state, row.finished_at = "done", now - timedelta(seconds=10)
    rows[3].state = "refused"
    rows[4].state = "working"
    db.session.commit()
    found = batches.progress(batch)
    assert (found.done, found.failed, found.waiting) == (3, 1, 6)
    assert found.seconds == 30, "four took twenty seconds: five each, and six are left"
    for row in rows[:4]:
        row.finished_at = now - timedelta(hours=1)
        row.created_at = now - timedelta(hours=1, seconds=20)
    db.session.commit()
    assert batches.progress(batch).seconds is None, "it stands still"
    rows[4].state = "done"
    for row in rows[5:]:
        row.not_before = now + timedelta(minutes=5)
    db.session.commit()
    assert batches.progress(batch).later == now + timedelta(minutes=5)


def test_what_may_have_arrived_is_not_withdrawn(db_session):
    crm, ids = build.connection(), build.make(*({} for _ in range(5)))
    batch = batches.send(ids, crm.id, "Olena")
    rows = waiting()
    rows[0].state, rows[1].state = "done", "working"
    rows[2].uncertain = True
    rows[4].requested_by = "Taras"  # asked for in the same moment
    db.session.commit()
    found = batches.progress(batch, "Olena")
    assert (found.waiting, found.mine) == (4, 1)
    assert batches.withdrawable(batch, "Olena") == [rows[3].id]
    before = db.session.get(Order, ids[3]).updated_at
    assert settle.cancel(batches.withdrawable(batch, "Olena"), "Olena") == 1
    db.session.commit()
    found = batches.progress(batch, "Olena")
    assert (found.total, found.done, found.withdrawn, found.waiting, found.mine) == (5, 1, 1, 3, 0)
    assert found.finished == 2
    assert set(db.session.scalars(db.select(Link.order_id))) == set(ids) - {ids[3]}
    assert db.session.get(Order, ids[3], populate_existing=True).updated_at > before, "open lists show it again"


@pytest.mark.parametrize("text", ["", "1-2", "1-2-3-4", "a-b-c", "1-2-٣", "1-2-" + "9" * 40])
def test_a_mistyped_batch_is_none(text):
    assert batches.Batch.read(text) is None
