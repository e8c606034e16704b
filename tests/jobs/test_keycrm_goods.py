"""KeyCRM's catalogue into products: in shifts, over stops and faults, and nothing is gone before all was read."""

from __future__ import annotations

import gc
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from catalogue import rules
from catalogue.rules import Rule
from integrations.errors import Later
from integrations.http import HttpClient
from integrations.sandbox import SandboxServer
from jobs import attempts, catalogue, connections, runs, standing
from models import Attempt, Connection, Offer, OfferCategory, Product, Run, Schedule, db, utcnow

from .conftest import queued

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def shop(context: Flask, sandbox: SandboxServer) -> Connection:
    settings = {"api_url": f"{sandbox.url}/keycrm", "api_key": "sandbox-token", "mode": "off"}
    row = connections.create("keycrm", "KeyCRM", settings)
    rules.save(row.id, Rule(gone="hide"))
    db.session.commit()
    return row


@pytest.fixture
def shifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker reads one page."""
    monkeypatch.setattr(catalogue, "SHIFT", -1)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PATIENCE", 0)


def begun(row: Connection, task: str = "catalogue") -> Run:
    made = runs.request(row.id, task, "test")
    assert made is not None
    db.session.commit()
    return made


def work(run: Run) -> str:
    runs.carry_out(run.id)
    db.session.expire_all()
    return run.state


def finished(run: Run) -> Counter[str]:
    for _ in range(10):
        if work(run) != "waiting":
            break
    assert run.state == "done"
    return Counter(run.counts)


def die(run: Run) -> None:
    """As a worker leaves it that was killed: nothing gives a sign of life any more."""
    run.state, run.lease_until = "working", utcnow() - timedelta(seconds=1)
    run.fence += 1
    db.session.commit()
    runs.free_expired()
    db.session.expire_all()


def gone() -> int:
    return db.session.scalar(db.select(db.func.count(Offer.id)).where(Offer.gone_at.is_not(None))) or 0


def ids(sandbox: SandboxServer) -> list[int]:
    """Of products without variants, in the order of the list."""
    kept = db.session.scalars(db.select(Offer.external_id)).all()
    return sorted(int(one) for one in kept if one.isdecimal())


def test_products_come_when_staff_say_so(shop: Connection, sandbox: SandboxServer) -> None:
    rows = db.session.scalars(db.select(Schedule).filter_by(connection_id=shop.id))
    paused = {row.task: row.paused for row in rows}
    assert (paused["catalogue"], paused["prices"], paused["references"]) == (True, True, False)
    connections.refresh_references(shop)
    assert db.session.scalar(db.select(db.func.count(OfferCategory.id)))
    counts = finished(begun(shop))
    assert (counts["seen"], counts["made"], counts["failed"]) == (420, 420, 0)
    variants = db.session.scalars(db.select(Product).where(Product.variant_of.is_not(None))).all()
    assert len(variants) == 60 * 2
    assert all(one.options for one in variants)
    sandbox.vendor("keycrm").change_product(ids(sandbox)[0], price=777.01)
    prices = finished(begun(shop, "prices"))
    assert (prices["seen"], prices["changed"], prices["updated"], prices["gone"]) == (420, 1, 1, 0)
    assert db.session.scalars(db.select(Product.sku).filter_by(price=Decimal("777.01"))).one() == "K-000001"


def test_the_calls_of_a_long_reading_do_not_pile_up(shop: Connection, sandbox: SandboxServer) -> None:
    sandbox.vendor("keycrm").account().options["products"] = 600
    run, held = begun(shop), list[int]()
    run.state = "working"
    db.session.commit()

    def keep(_run_id: int, **_counts: int) -> None:
        clients = [one for one in gc.get_objects() if type(one) is HttpClient]
        held.append(max(len(getattr(client._log, "items", ())) for client in clients))

    before = sandbox.vendor("keycrm").requests
    catalogue.take(run.id, shop, keep)
    made = sandbox.vendor("keycrm").requests - before
    assert made > attempts.KEPT
    assert max(held) < 3  # of a page: the call for it, and one for its variants
    row = db.session.scalars(db.select(Attempt).filter_by(verb="catalogue")).one()
    assert len(row.exchanges) == attempts.KEPT
    assert "page=12" in row.exchanges[-2]["url"]
    assert {len(one["response"]) for one in row.exchanges} == {attempts.BEGINNING}
    assert row.ms is not None
    assert row.ms > sum(one["ms"] for one in row.exchanges)


def test_it_is_read_in_shifts(shop: Connection, sandbox: SandboxServer, shifts: None) -> None:
    vendor = sandbox.vendor("keycrm")
    run = begun(shop)
    woken = queued().count("jobs.runs.carry_out")
    assert work(run) == "waiting"
    assert queued().count("jobs.runs.carry_out") == woken + 1
    began, moved = run.started_at, run.memo["mark"]
    assert (run.counts["seen"], moved["page"]) == (70, 2)
    before = vendor.requests
    assert finished(run)["seen"] == 420
    # a page of products has one of variants; each worker reads the categories, its page, and sees that another follows
    assert vendor.requests - before == 4 * (1 + 2 + 2) + (1 + 2)
    assert (run.started_at, run.finished_at is not None, gone()) == (began, True, 0)


def test_a_killed_worker_is_followed_by_one_that_goes_on(
    shop: Connection, sandbox: SandboxServer, shifts: None
) -> None:
    vendor = sandbox.vendor("keycrm")
    finished(begun(shop))
    first, last = ids(sandbox)[0], ids(sandbox)[-1]
    run = begun(shop)
    for _ in range(2):
        work(run)
    die(run)
    assert (run.state, run.memo["mark"]["page"], gone()) == ("waiting", 3, 0)
    vendor.change_product(last, gone=True)
    seen = run.counts["seen"]
    counts = finished(run)
    # the list has become shorter meanwhile, so the page before was read once more
    assert (seen, counts["seen"], counts["gone"], gone()) == (140, 70 + 419, 1, 1)
    hidden = db.session.scalars(db.select(Product.sku).where(~Product.active)).all()
    assert hidden == ["K-000300"]
    vendor.change_product(first, gone=True)
    run = begun(shop)
    work(run)
    die(run)
    assert (run.state, gone()) == ("waiting", 1)
    standing.begin(run, shop, rules.of(shop.id), True)
    die(run)  # its next worker came no further
    assert (run.state, run.fault, gone()) == ("failed", "lease_lost", 1)


def test_one_that_broke_off_is_continued_by_the_next(
    shop: Connection, sandbox: SandboxServer, shifts: None, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = sandbox.vendor("keycrm")
    at = db.session.scalars(db.select(Schedule).filter_by(connection_id=shop.id, task="catalogue")).one()
    at.next_at = utcnow() + timedelta(hours=20)
    finished(begun(shop))
    vendor.change_product(ids(sandbox)[0], gone=True)
    run = begun(shop)
    for _ in range(3):
        work(run)
    monkeypatch.setattr(catalogue, "SHIFT", 3600)
    vendor.fault("error500", times=0, path="offers")
    assert (work(run), run.fault, gone()) == ("failed", "unavailable", 0)
    vendor.clear_faults()
    assert at.next_at > utcnow() + timedelta(hours=19)  # its last worker came no further
    following = begun(shop)
    before = vendor.requests
    counts = finished(following)
    assert vendor.requests - before == 3 * 2 + 1
    assert (counts["seen"], counts["gone"], following.memo["since"]) == (419, 1, run.memo["since"])
    assert finished(begun(shop))["seen"] == 419  # after one that came to its end the next begins anew


def test_the_schedule_goes_on_soon(shop: Connection, sandbox: SandboxServer, impatient: None) -> None:
    vendor = sandbox.vendor("keycrm")
    at = db.session.scalars(db.select(Schedule).filter_by(connection_id=shop.id, task="catalogue")).one()
    at.next_at = utcnow() + timedelta(hours=20)
    run = begun(shop)
    run.state, run.fence = "working", 1
    db.session.commit()

    def break_off(_run_id: int, **counts: int) -> None:
        vendor.fault("error500", times=0)

    with pytest.raises(Later):
        catalogue.take(run.id, shop, break_off)
    db.session.expire_all()
    assert run.memo["mark"]["page"] == 2
    assert at.next_at < utcnow() + timedelta(minutes=11)


def test_another_rule_begins_anew(shop: Connection, sandbox: SandboxServer, shifts: None) -> None:
    run = begun(shop)
    for _ in range(2):
        work(run)
    rules.save(shop.id, Rule(categories=("Посуд",)))
    db.session.commit()
    work(run)
    assert (run.memo["mark"]["page"], run.counts["seen"]) == (2, 70)


def test_a_moments_patience_is_given(shop: Connection, sandbox: SandboxServer) -> None:
    sandbox.vendor("keycrm").fault("rate_limited", times=2, retry_after=0)
    assert finished(begun(shop))["seen"] == 420


def test_a_late_worker_ends_nothing(shop: Connection, sandbox: SandboxServer) -> None:
    run = begun(shop)

    def taken_over(_run_id: int, **counts: int) -> None:
        db.session.execute(db.update(Run).where(Run.id == run.id).values(fence=Run.fence + 1))

    run.state, run.fence = "working", 1
    db.session.commit()
    finished(begun(shop, "prices"))
    catalogue.take(run.id, shop, taken_over)
    db.session.expire_all()
    assert (run.state, run.counts, gone()) == ("working", {}, 0)
