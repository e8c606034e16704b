"""The problems page: groups by cause with their cures, what parked work is settled by, the badge."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import g

from jobs import problems, reports, settle, wake
from models import (
    Connection,
    Incoming,
    LikelyDuplicate,
    Link,
    Mapping,
    Order,
    OrderEvent,
    Run,
    Schedule,
    SecondRoute,
    Status,
    Transfer,
    db,
    utcnow,
)
from orders import listing
from orders.rows import FOUND
from orders.timeline import Actor

from ..orders import build
from . import work_data as data
from .helpers import count_queries, login
from .pages import form_of, parse


@pytest.fixture
def filled(app):
    """Three causes of refusals, one parked order, unknown codes, a dead key, a failed import."""
    with app.app_context():
        crm = data.connection()
        prom = data.connection("prom", "Prom", last_ok_at=utcnow())
        data.connection(name="Old CRM", last_error_at=utcnow(), last_error={"fault": "credentials", "detail": "401"})
        data.connection(name="Gone", removed_at=utcnow(), last_error_at=utcnow(), last_error={"fault": "credentials"})
        ids = data.orders(9)
        for order_id in ids[:4]:
            data.refused(order_id, crm, detail=f'phone "+38050{order_id}" is wrong in order {order_id}: {data.HOSTILE}')
        data.refused(ids[4], crm, detail="no such shop")
        gone = data.refused(ids[5], crm, "Not found", "not_found")
        db.session.execute(db.update(Link).where(Link.order_id == gone.order_id).values(external_id="X5", url="u"))
        parked = data.transfer(ids[6], crm, "parked", fault="timeout", uncertain=True, sent_version=1)
        db.session.add(Link(order_id=ids[6], connection_id=crm.id, state="problem"))
        code = {"table": "delivery_in", "code": "77", "name": data.HOSTILE, "connection_id": prom.id}
        data.orders(3, prefix="M-", needs_mapping=True, unmapped=[code])
        data.orders(1, prefix="D-", needs_mapping=True, unmapped=[code], status_id=data.status_id("deleted"))
        data.schedule(prom, next_at=utcnow() + timedelta(hours=1))
        data.run(prom, "failed", fault="unreachable", detail="refused")
        db.session.commit()
        return {"crm": crm.id, "prom": prom.id, "orders": ids, "parked": parked.id, "gone": gone.id}


def waiting(app) -> int:
    with app.app_context():
        return db.session.scalar(db.select(db.func.count()).select_from(Transfer).where(Transfer.state == "waiting"))


def test_nothing(client):
    login(client)
    page = client.get("/problems").text
    assert "Nothing waits for you" in page
    assert page.count('nav-badge num" hidden') == page.count("nav-badge num") > 0


def test_groups_by_cause_largest_first(client, app, filled):
    login(client)
    with count_queries(client) as queries:
        page = client.get("/problems").text
    assert len(queries) <= 12, "\n".join(queries)
    counts = re.findall(r'class="problem-count num">(\d+)', page)
    assert counts == ["1", "4", "3", "1", "1", "1", "1"]  # the dead key, then by size, the failed import last
    assert "Old CRM does not accept the key" in page
    assert "Gone" not in page
    assert "<script>alert" not in page
    assert page.index('problem-count num">4') < page.index("M-3")
    assert '<span class="nav-badge num">12</span>' in page


def test_badge_equals_the_page(app, filled):
    with app.app_context():
        assert reports.waiting().total == problems.find().n == 12


def test_badge_is_kept_until_something_changes(client, app, filled):
    login(client)
    client.get("/problems")
    with app.app_context():
        db.session.execute(db.delete(Transfer))
        db.session.commit()
    kept = app.extensions["problem_count"]
    app.extensions["problem_count"] = (kept[0] - 5, *kept[1:])  # older than what is never asked again
    with client, count_queries(client) as queries:
        client.get("/problems/news?revision=none&n=12")
        assert g.problem_count == 12
        assert not [q for q in queries if "transfers" in q]
    with app.app_context():
        wake.changed()
        db.session.execute(db.update(Order).values(staff_comment="x"))
        db.session.commit()
    with client:
        news = client.get("/problems/news?revision=none&n=12", headers={"HX-Request": "true"}).text
        assert g.problem_count == 5
    assert "The problems have changed" in news


def test_news_only_when_the_number_changed(client, app, filled):
    login(client)
    page = client.get("/problems").text
    url = re.search(r'hx-get="(/problems/news[^"]+)"', page).group(1).replace("&amp;", "&")
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 204


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('Order "A-17": phone +380 50 111 is wrong', "Order «B»: phone 22 is wrong"),
        ("line 5,5 is too heavy", "line  7 is TOO heavy"),
        ("", ""),
    ],
)
def test_alike(one, other):
    assert problems.normal(one) == problems.normal(other)
    assert problems.normal(one) != problems.normal("another thing")


def test_remember_completes_all_that_wait(client, app, filled):
    login(client)
    with app.app_context():
        method = db.session.scalar(db.text("SELECT min(id) FROM delivery_methods"))
    form = {"connection": filled["prom"], "table": "delivery_in", "code": "77", "ours": method}
    answer = client.post("/problems/remember", data=form, follow_redirects=True)
    assert "3 orders are complete" in answer.text or "4 orders are complete" in answer.text
    with app.app_context():
        assert not db.session.scalar(db.select(Order.id).where(Order.number == "M-1", Order.needs_mapping))
        assert db.session.scalar(db.select(Mapping.ours).where(Mapping.lookup == "77")) == method
    assert "name things that the hub does not know" not in answer.text


@pytest.mark.parametrize("wrong", [{"ours": "999999"}, {"ours": "x"}, {"table": "nonsense"}, {"connection": "999"}])
def test_remember_refuses_what_is_gone(client, app, filled, wrong):
    login(client)
    with app.app_context():
        method = db.session.scalar(db.text("SELECT min(id) FROM delivery_methods"))
    form = {"connection": filled["prom"], "table": "delivery_in", "code": "77", "ours": method, **wrong}
    assert "Nothing was changed" in client.post("/problems/remember", data=form, follow_redirects=True).text
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(Mapping)) == 0


def test_remember_nothing_chosen(client, filled):
    login(client)
    form = {"connection": filled["prom"], "table": "delivery_in", "code": "77", "ours": ""}
    assert "Nothing was chosen" in client.post("/problems/remember", data=form, follow_redirects=True).text


def test_retry_and_set_aside_take_the_whole_group(client, app, filled):
    login(client)
    with app.app_context():
        one = db.session.scalar(db.select(Transfer.id).where(Transfer.order_id == filled["orders"][1]))
        shop = db.session.scalar(db.select(Transfer.id).where(Transfer.order_id == filled["orders"][4]))
    assert "4 transfers are back" in client.post(f"/problems/groups/{one}/retry", follow_redirects=True).text
    assert waiting(app) == 4
    assert "settled meanwhile" in client.post(f"/problems/groups/{one}/aside", follow_redirects=True).text
    assert "1 problem was set aside" in client.post(f"/problems/groups/{shop}/aside", follow_redirects=True).text
    with app.app_context():
        assert db.session.get(Transfer, shop).state == "cancelled"
        assert db.session.scalar(db.select(Link).where(Link.order_id == filled["orders"][4])) is None
    assert "settled meanwhile" in client.post("/problems/groups/999999/retry", follow_redirects=True).text


def test_copies_that_are_gone_are_created_anew(client, app, filled):
    login(client)
    assert "Create 1 again" in client.get("/problems").text
    client.post(f"/problems/groups/{filled['gone']}/anew")
    with app.app_context():
        row = db.session.get(Transfer, filled["gone"])
        link = db.session.scalar(db.select(Link).where(Link.order_id == row.order_id))
        event = db.session.scalar(db.select(OrderEvent).where(OrderEvent.kind == "unlinked"))
        assert (row.state, link.external_id, link.state, link.error) == ("waiting", None, "pending", None)
        assert event.detail == {"connection": "RetailCRM", "external": "X5"}


def test_set_aside_keeps_the_copy_that_is_there(app, filled):
    with app.app_context():
        assert settle.set_aside([filled["gone"]], "Olha") == 1
        db.session.commit()
        link = db.session.scalar(db.select(Link).where(Link.external_id == "X5"))
        assert (link.state, link.error) == ("linked", None)


def test_parked_it_is_there(client, app, filled):
    login(client)
    url = f"/problems/parked/{filled['parked']}/there"
    assert "Enter the number" in client.post(url, data={"external_id": " "}, follow_redirects=True).text
    assert "X5 already" in client.post(url, data={"external_id": "X5"}, follow_redirects=True).text
    assert "Linked to 4711" in client.post(url, data={"external_id": "4711"}, follow_redirects=True).text
    assert "settled meanwhile" in client.post(url, data={"external_id": "4712"}, follow_redirects=True).text
    with app.app_context():
        row = db.session.get(Transfer, filled["parked"])
        link = db.session.scalar(db.select(Link).where(Link.order_id == row.order_id))
        order = db.session.get(Order, row.order_id)
        assert (row.state, row.uncertain) == ("done", False)
        assert (link.external_id, link.state, link.sent_version) == ("4711", "linked", 1)
        assert order.status.group == "transferred"


def test_a_copy_that_is_there_shows_in_open_lists(client, app, filled):
    """Also of an order that was sent before, whose status therefore stays."""
    login(client)
    with app.app_context():
        order = db.session.get(Order, db.session.get(Transfer, filled["parked"]).order_id)
        order.status_id = db.session.scalar(db.select(Status.id).filter_by(key="transferred"))
        db.session.commit()
        order_id, looks = db.session.execute(db.select(*FOUND).where(Order.id == order.id)).one()
        seen = listing.stamp(looks)
    client.post(f"/problems/parked/{filled['parked']}/there", data={"external_id": "4711"})
    with app.app_context():
        changed, _ = listing.changed({order_id: seen})
        assert [(row.o.id, [tile.state for tile in row.tiles]) for row in changed] == [(order_id, ["linked"])]


def test_parked_look_again_or_send_again(client, app, filled):
    login(client)
    client.post(f"/problems/groups/{filled['parked']}/retry")
    with app.app_context():
        row = db.session.get(Transfer, filled["parked"])
        assert (row.state, row.uncertain) == ("waiting", True)  # looked up before anything is sent
        row.state = "parked"
        db.session.commit()
    client.post(f"/problems/groups/{filled['parked']}/again", data={"all": "1"})
    with app.app_context():
        row = db.session.get(Transfer, filled["parked"])
        assert (row.state, row.uncertain) == ("waiting", False)
        row.state, row.uncertain = "parked", True
        db.session.commit()
    client.post(f"/problems/groups/{filled['parked']}/again")
    assert waiting(app) == 1


def test_settling_without_a_tie_is_refused(app, filled):
    with app.app_context():
        db.session.execute(db.delete(Link))
        with pytest.raises(settle.NotSettled) as told:
            settle.confirm_there(filled["parked"], "1", Actor("person", "Olha"))
        assert told.value.reason == "gone"


def test_what_is_replaced_removed_or_working_again_is_no_problem(app, filled):
    """A later transfer, a removed connection, a later run that went well."""
    with app.app_context():
        crm, prom = db.session.get(Connection, filled["crm"]), db.session.get(Connection, filled["prom"])
        for order_id in filled["orders"][:4]:
            data.transfer(order_id, crm)
        data.run(prom)
        assert reports.waiting().total == problems.find().n == 12 - 4 - 1
        crm.removed_at = utcnow()
        db.session.flush()
        assert reports.waiting().total == problems.find().n == 12 - 4 - 1 - 3
        db.session.execute(db.delete(Schedule))
        prom.last_error_at, prom.last_error = utcnow(), {"fault": "timeout", "detail": ""}
        db.session.flush()
        assert problems.find().broken == [h for h in reports.health() if h.state == "broken"]
        assert {h.name: h.state for h in reports.health()}["Prom"] == "shaky"


def test_viewers_see_and_change_nothing(client, filled):
    login(client, "viewer")
    page = client.get("/problems").text
    assert "Remember this" not in page
    assert "Retry" not in page
    for url in (f"groups/{filled['parked']}/retry", f"parked/{filled['parked']}/there", "remember"):
        assert client.post(f"/problems/{url}").status_code == 403


def test_what_could_not_be_read_waits_here_and_is_read_again(client, app, filled):
    with app.app_context():
        common = {
            "connection_id": filled["prom"],
            "state": "failed",
            "note": f"KeyError: {data.HOSTILE}",
            "body": {"id": 5},
        }
        db.session.add_all(Incoming(external_id=str(i), fingerprint=str(i), **common) for i in range(2))
        db.session.commit()
        assert reports.waiting().total == problems.find().n == 14
    login(client)
    page = client.get("/problems").text
    assert "came in and could not be read" in page
    assert "<script>alert" not in page
    client.post(f"/problems/unread/{filled['prom']}/again")
    with app.app_context():
        assert set(db.session.scalars(db.select(Incoming.state))) == {"new"}
        assert db.session.scalars(db.select(Run).where(Run.task == "orders", Run.state == "waiting")).one()
        assert problems.find().unread == []


def test_what_cannot_be_read_is_set_aside(client, app, filled):
    login(client)
    with app.app_context():
        common = {"event": "order", "state": "failed", "body": {}, "connection_id": filled["prom"]}
        for n in ("1", "2"):
            db.session.add(Incoming(external_id=n, fingerprint=n, note="ValueError: no products", **common))
        db.session.commit()
    page = client.get("/problems").text
    assert "ValueError" not in page
    assert "no products" in page
    client.post(f"/problems/unread/{filled['prom']}/aside")
    with app.app_context():
        assert set(db.session.scalars(db.select(Incoming.state))) == {"aside"}
    assert "no products" not in client.get("/problems").text
    assert client.get("/activity/incoming?state=aside").text.count("Set aside") >= 2


def test_pairs_that_were_shown_are_two_orders(client, app):
    login(client)
    with app.app_context():
        lines = [{"sku": "CASE-1", "name": "Case"}]
        build.make(*({"number": f"D-{n}", "phone": "+380501112233"} for n in range(3)), lines=lines)
    form = form_of(client.get("/problems"), "#duplicates form")
    assert len(form.getlist("pair")) == 2
    client.post("/problems/duplicates/aside", data={"pair": [form.getlist("pair")[0], "x", "9" * 20]})
    assert len(form_of(client.get("/problems"), "#duplicates form").getlist("pair")) == 1
    client.post("/problems/duplicates/aside", data=form)
    page = client.post("/problems/duplicates/aside", data=form, follow_redirects=True).text
    assert "This was settled meanwhile." in page
    assert 'id="duplicates"' not in page


def test_groups_that_are_longer_than_the_page_are_counted_whole(client, app):
    n = problems.SHOWN + 1
    with app.app_context():
        crm, prom = data.connection(), data.connection("prom", "Prom")
        poshta = data.connection("nova_poshta", "Nova Poshta")
        gone = data.connection("prom", "Prom that was", removed_at=utcnow())
        code = {"table": "no_such_table", "code": "77", "name": "Голуб", "connection_id": gone.id}
        ids = data.orders(n, needs_mapping=True, unmapped=[code])
        for order_id in ids:
            data.refused(order_id, crm, detail="phone is wrong")
            routed = {"order_id": order_id, "first_id": crm.id}
            db.session.add(SecondRoute(**routed, connection_id=poshta.id))
            db.session.add(SecondRoute(**routed, connection_id=gone.id))
        came = {"connection_id": prom.id, "event": "order", "state": "failed", "body": {}}
        db.session.add_all(Incoming(external_id=str(i), fingerprint=str(i), note="No lines", **came) for i in range(n))
        pairs = zip(ids[1:], ids, strict=False)
        db.session.add_all(LikelyDuplicate(order_id=one, other_id=other, why="phone") for one, other in pairs)
        db.session.add(LikelyDuplicate(order_id=ids[-1], other_id=ids[0], why="phone"))
        db.session.commit()
        found = problems.find()
        (unmapped,) = found.mapping[0].entries
        assert (found.mapping[0].n, unmapped.n, len(unmapped.orders)) == (n, n, problems.SHOWN)
        assert (found.mapping[0].connection.name, unmapped.title) == ("Prom that was", "")
        kinds = [found.refused, found.unread, found.second, found.duplicates]
        assert [(group.n, len(group.rows)) for (group,) in kinds] == [(n, problems.SHOWN)] * 4
        assert found.second[0].connection.name == "Nova Poshta"
    login(client)
    counts = re.findall(r'class="problem-count num">(\d+)', client.get("/problems").text)
    assert counts == [str(n)] * 5


def test_deleted_copies_have_one_cure(client, app, filled):
    login(client)
    groups = parse(client.get("/problems")).all("section.problem")
    (gone,) = [group for group in groups if "somebody deleted it there" in group.text]
    assert [button.text for button in gone.all(".btn-primary")] == ["Create 1 again"]
