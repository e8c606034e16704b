"""The orders page: what it shows, what its buttons do, how it hears of changes, and that it stays small and safe."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import pytest
from sqlalchemy import event

from jobs import wake
from models import Connection, Link, Order, Run, SavedView, Status, Transfer, User, db, utcnow
from orders import statuses, work
from views import order_rows

from ..orders import build
from .helpers import count_queries, login
from .pages import parse

HTMX = {"HX-Request": "true"}


@pytest.fixture
def signed(client):
    login(client, "owner")
    return client


@pytest.fixture
def hub(signed, app):
    """An owner's browser, two connections, and a function that makes orders."""
    with app.app_context():
        build.connection("prom", "Prom shop")
        build.connection("retailcrm", "CRM")
    return signed


def seed(app, *orders, **more):
    with app.app_context():
        return build.make(*orders, **more)


def status_id(app, key):
    with app.app_context():
        return build.status(key).id


def crm_id(app):
    with app.app_context():
        return db.session.scalar(db.select(Connection.id).where(Connection.kind == "retailcrm"))


def page(client, address="/orders", **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return parse(answer.text)


def numbers(tree):
    return [link.text for link in tree.all("[data-row] [data-open]")]


def hrefs(tree, selector="a"):
    return [link.get("href") for link in tree.all(selector)]


def sent(form):
    """What a browser would send of this form as it stands."""
    given = {}
    for field in form.all("input"):
        if field.get("type") != "checkbox" or "checked" in field.attributes:
            given.setdefault(field.get("name"), []).append(field.get("value") or "")
    return given


def toast(answer):
    return json.loads(answer.headers["HX-Trigger"])["toast"]["text"]


# ---- what it shows


def test_an_empty_hub_teaches_the_first_step(signed):
    tree = page(signed)
    assert "No orders yet" in tree.text
    assert hrefs(tree, ".empty-state a") == ["/settings/integrations"]


def test_the_new_orders_first_and_every_filter_in_the_address(hub, app):
    seed(app, {"number": "A"}, {"number": "B", "status_id": status_id(app, "problem"), "paid": True})
    assert numbers(page(hub)) == ["A"]
    assert numbers(page(hub, "/orders?status=all")) == ["B", "A"]
    assert numbers(page(hub, "/orders?paid=yes")) == ["B"]
    assert numbers(page(hub, "/orders?q=olena")) == ["B", "A"]
    tree = page(hub, "/orders?paid=yes&type=3")
    assert "Nothing found" in tree.text
    assert hrefs(tree, ".empty-state a") == ["/orders"]
    both = f"/orders?status={status_id(app, 'new')}&status={status_id(app, 'problem')}"
    assert numbers(page(hub, both)) == ["B", "A"], "ticks of the status menu come one by one"


def test_the_strip_counts_and_sums_each_status(hub, app):
    seed(app, {"total": Decimal("1250.50")}, {"total": Decimal(1), "currency": "USD"}, {"total": Decimal(9)})
    cells = {a.all(".stats-name")[0].text.strip(): a for a in page(hub).all("#strip a")}
    assert list(cells)[:3] == ["All", "New", "Confirmed"]
    assert cells["New"].all("b")[0].text == "3"
    assert cells["New"].all(".sub")[0].text == "₴1,259.50"
    assert cells["New"].get("title") == "₴1,259.50 + $1.00"
    assert cells["New"].get("aria-current") == "true"
    assert cells["Confirmed"].get("aria-current") is None
    assert cells["New"].get("href") == f"/orders?status={status_id(app, 'new')}"


def test_a_row_shows_what_the_work_needs(hub, app):
    order_id = seed(
        app,
        {"number": "R/1", "last_name": "Shevchenko", "phone": "+380671234567", "city": "Lviv", "paid": True,
         "do_not_call": True, "needs_mapping": True, "ttn": "2045001", "total": Decimal("987654321.50")},
        lines=[{"name": "Kettle"}, {"name": "Cup"}, {"name": "Pan"}],
    )[0]  # fmt: skip
    with app.app_context():
        build.link(order_id, crm_id(app), url="https://crm.example/1", external_number="7C")
    row = page(hub).all("[data-row]")[0]
    text = " ".join(row.text.split())
    for part in ("Shevchenko Olena", "+380 67 123 4567", "Lviv", "+2 Kettle", "₴987,654,321.50", "New", "2045001"):
        assert part in text
    assert "/orders/R%2F1" in hrefs(row)
    assert "Do not call" in text
    assert "tel:+380671234567" not in hrefs(row)  # a customer who asked not to be called isn't by mistake
    assert {t.text for t in row.all("svg title")} >= {"Paid", "Do not call", "Needs mapping"}
    tile = row.all(".cell-copies a")[0]
    assert (tile.get("href"), tile.get("target"), tile.get("rel")) == (
        "https://crm.example/1", "_blank", "noopener noreferrer",
    )  # fmt: skip
    assert "7C" in tile.get("title")


def test_what_was_printed_once_never_stays_behind(hub, app):
    """Rows and parts of the page are kept by what they show: whatever changes is on the next page."""
    order_id = seed(app, {"number": "R1", "city": "Lviv"})[0]
    row, strip = page(hub).all("[data-row]")[0].text, page(hub).one("#strip").text
    assert page(hub).all("[data-row]")[0].text == row
    with app.app_context():
        db.session.execute(db.update(Order).where(Order.id == order_id).values(city="Odesa", updated_at=utcnow()))
        db.session.execute(db.text("UPDATE statuses SET name = 'Fresh' WHERE key = 'new'"))
        db.session.execute(db.text("UPDATE connections SET name = 'Other' WHERE kind = 'retailcrm'"))
        db.session.commit()
    tree = page(hub)
    now = tree.all("[data-row]")[0]
    assert "Odesa" in now.text
    assert "Fresh" in now.text
    assert now.all(".tile-send")[0].get("title") == "Send to Other"
    assert strip != tree.one("#strip").text
    assert "Other" in tree.one("#bulk").text
    with app.app_context():
        build.link(order_id, crm_id(app), state="problem", error={"detail": "No such shop"})
        work.TOUCH.run(ids=[order_id], now=utcnow())
        db.session.commit()
    assert "No such shop" in page(hub).all(".cell-copies .tile")[0].get("title")


def test_a_row_that_nobody_said_has_changed_is_not_trusted_for_ever(hub, app, monkeypatch):
    """Whoever changes something that a row shows moves the order's time of change; a statement of one's own may not."""
    order_id = seed(app, {"number": "R1"})[0]
    assert "Case" in page(hub).all("[data-row]")[0].text
    with app.app_context():
        db.session.execute(db.text("UPDATE order_lines SET name = 'Cover' WHERE order_id = :id"), {"id": order_id})
        db.session.commit()
    began = monotonic()
    monkeypatch.setattr(order_rows, "monotonic", lambda: began + order_rows.TRUSTED / 2)
    monkeypatch.setattr(order_rows, "utcnow", lambda: utcnow() + timedelta(minutes=5))
    assert "Case" in page(hub).all("[data-row]")[0].text, "printed again as five minutes old, not read"
    monkeypatch.setattr(order_rows, "monotonic", lambda: began + order_rows.TRUSTED + 1)
    assert "Cover" in page(hub).all("[data-row]")[0].text


def test_kept_parts_carry_the_token_of_each_reader(app, client):
    other = app.test_client()
    tokens = []
    for browser, email in ((client, "one@example.com"), (other, "two@example.com")):
        login(browser, "owner", email)
        tree = page(browser)
        head = next(each.get("content") for each in tree.all("meta") if each.get("name") == "csrf-token")
        assert {each.get("value") for each in tree.all("input") if each.get("name") == "csrf_token"} == {head}
        tokens.append(head)
    assert tokens[0] != tokens[1]
    assert "two@example.com" not in client.get("/orders").text


def test_hostile_texts_stay_texts(hub, app):
    evil = '"><script>alert(1)</script>{{7*7}}%s'
    fields = (
        "last_name",
        "first_name",
        "city",
        "external_number",
        "customer_comment",
        "ttn",
        "ttn_state",
        "pickup_address",
    )
    with app.app_context():
        bad = build.source(evil[:40])
        name = db.session.get(Status, build.status("new").id)
        name.name = evil[:60]
        db.session.commit()
    order_id = seed(
        app,
        {"number": evil[:50], "source_id": bad, "phone": evil[:30], **dict.fromkeys(fields, evil)},
        lines=[{"name": evil}],
    )[0]
    with app.app_context():
        build.link(order_id, crm_id(app), url="javascript:alert(1)", external_number=evil[:60], external_id=evil[:60])
        prefs = db.session.scalar(db.select(User))
        prefs.prefs = {
            "columns": ["number", "source", "external", "comment", "recipient", "shop", "nonsense", "copies"]
        }
        db.session.commit()
    for address in ("/orders", f"/orders?q={evil}", f"/orders?status=all&link={evil}&source={evil}&cursor={evil}",
                    f"/orders/row/{order_id}/menu", f"/orders/row/{order_id}/statuses", "/orders/views?view=" + evil,
                    f"/orders/bulk/send?ids={order_id}&to={crm_id(app)}"):  # fmt: skip
        answer = hub.get(address)
        assert answer.status_code == 200, address
        assert "<script>alert" not in answer.text, address
        assert 'href="javascript:' not in answer.text
        assert "49" not in re.findall(r"\{\{.{0,8}", answer.text)


@pytest.mark.parametrize(
    "address", ["/orders?status=all", "/orders?status=all&since=2020-01-01&until=2030-01-01&q=case"]
)
def test_a_full_page_takes_few_queries(hub, app, address):
    ids = seed(app, *({"number": f"{n}", "status_id": status_id(app, "confirmed")} for n in range(60)))
    with app.app_context():
        for order_id in ids[10:40]:
            build.link(order_id, crm_id(app))
    hub.get(address)
    with count_queries(hub) as queries:
        assert len(numbers(page(hub, address))) == 50
    assert len(queries) <= 12, "\n".join(queries)
    if "q=" in address:
        assert page(hub, address).one("#found").get("hx-get").startswith("/orders/total?")
        assert "60 found" in hub.get("/orders/total?" + address.partition("?")[2]).text


def test_htmx_gets_the_part_and_the_short_address(hub, app):
    seed(app, {})
    answer = hub.get("/orders?q=&status=all&paid=", headers=HTMX)
    assert "<html" not in answer.text
    assert answer.headers["HX-Push-Url"] == "/orders?status=all"
    assert 'id="order-q"' in answer.text, "the search box follows the address"
    typing = HTMX | {"HX-Trigger": "order-search", "HX-Current-URL": "http://localhost/orders?q=ca"}
    answer = hub.get("/orders?q=cas", headers=typing)
    assert answer.headers["HX-Replace-Url"] == "/orders?q=cas"
    assert 'id="order-q"' not in answer.text, "what is being typed is left alone"
    assert "<html" in hub.get("/orders", headers=HTMX | {"HX-History-Restore-Request": "true"}).text


def test_paging_links(hub, app):
    seed(app, *({"number": f"{n}"} for n in range(120)))
    tree = page(hub)
    links = {a.text.strip(): a.get("href") for a in tree.all(".pager a")}
    assert set(links) == {"Next", "Last"}
    second = page(hub, links["Next"])
    links = {a.text.strip(): a.get("href") for a in second.all(".pager a")}
    assert set(links) == {"First", "Back", "Next", "Last"}
    assert numbers(page(hub, links["Back"])) == numbers(tree)
    assert numbers(page(hub, links["Last"]))[-1] == "0"


def test_viewers_see_and_change_nothing(client, app):
    login(client, "viewer")
    order_id = seed(app, {})[0]
    tree = page(client)
    assert not tree.all("#bulk, .cell-status details, .tile-send, [data-confirmable], [data-send]")
    assert "Create" not in [summary.text for summary in tree.all("summary")]
    menu = client.get(f"/orders/row/{order_id}/menu").text
    assert "Delete" not in menu
    for address in (f"row/{order_id}/status", f"row/{order_id}/send", f"row/{order_id}/remove", "bulk/status",
                    "bulk/send/start", "bulk/delete", "bulk/change", "undo/1", "get"):  # fmt: skip
        assert client.post(f"/orders/{address}", data={"status": 2, "ids": order_id}).status_code == 403


# ---- one row


def test_one_status_is_changed_in_place_and_taken_back(hub, app):
    order_id = seed(app, {"number": "A"})[0]
    confirmed = status_id(app, "confirmed")
    choices = hub.get(f"/orders/row/{order_id}/statuses").text
    assert "Transferred" not in choices
    answer = hub.post(f"/orders/row/{order_id}/status", data={"status": confirmed, "view": ""}, headers=HTMX)
    assert answer.text.strip().startswith("<tr")
    assert "is-stale" in answer.text, "it no longer is among the New orders, but keeps its place"
    assert toast(answer) == "A: Confirmed"
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]
    assert toast(hub.post(undo, headers=HTMX)) == "Taken back: 1 order"
    assert numbers(page(hub)) == ["A"]
    assert toast(hub.post(undo, headers=HTMX)) == "Too late to take it back."
    stays = hub.post(f"/orders/row/{order_id}/status", data={"status": confirmed, "view": "status=all"}, headers=HTMX)
    assert "is-stale" not in stays.text


def test_what_only_the_hub_sets_is_refused(hub, app):
    order_id = seed(app, {})[0]
    address = f"/orders/row/{order_id}/status"
    answer = hub.post(address, data={"status": status_id(app, "transferred")}, headers=HTMX)
    assert (answer.status_code, toast(answer)) == (204, "Only a transfer sets this status")
    assert hub.post(address, data={"status": 999}).status_code == 400
    assert hub.post("/orders/row/999/status", data={"status": 1}).status_code == 404


def test_a_tile_sends_and_says_why_not(hub, app):
    good, bad = seed(app, {"number": "A"}, {"number": "B", "first_name": ""})
    button = page(hub).all(f"#order-{good} .tile-send")[0]
    assert button.get("title") == "Send to CRM"
    answer = hub.post(button.get("hx-post"), data={"to": button.get("value")}, headers=HTMX)
    assert "is-busy" in answer.text
    refused = hub.post(f"/orders/row/{bad}/send", data={"to": button.get("value")}, headers=HTMX)
    assert toast(refused) == "B is not sent. The recipient has no name"
    assert "switched off" in toast(hub.post(f"/orders/row/{good}/send", data={"to": 999}, headers=HTMX))
    with app.app_context():
        assert [t.order_id for t in db.session.scalars(db.select(Transfer))] == [good]


def test_deleted_orders_are_restored_or_removed_for_good(hub, app):
    order_id = seed(app, {"number": "A"})[0]
    early = hub.post(f"/orders/row/{order_id}/remove", headers=HTMX)
    assert toast(early) == "Only a deleted order can be removed for good."
    hub.post(f"/orders/row/{order_id}/status", data={"status": status_id(app, "deleted")}, headers=HTMX)
    assert numbers(page(hub, "/orders?status=all")) == []
    menu = parse(hub.get(f"/orders/row/{order_id}/menu").text)
    asked = menu.all("[hx-confirm]")[0].get("hx-confirm")
    assert "A, Olena, ₴100.00" in asked, "a confirmation names the object"
    assert toast(hub.post(f"/orders/row/{order_id}/remove", headers=HTMX)) == "A is removed for good"
    assert hub.get(f"/orders/row/{order_id}/menu").status_code == 404
    assert page(hub, "/orders?group=deleted").all("#strip b")[-1].text == "0"


# ---- many


def test_sending_is_shown_first_done_then_and_watched(hub, app):
    crm = crm_id(app)
    ids = seed(app, {"number": "A"}, {"number": "B"}, {"number": "C", "needs_mapping": True})
    with app.app_context():
        build.link(ids[1], crm, sent_version=1)
    answer = hub.post("/orders/bulk/send", data={"ids": ids, "to": crm}, headers=HTMX)
    tree = parse(answer.text)
    heads = [" ".join(h.text.split()) for h in tree.all(".group-head")]
    assert heads == [
        "1 Will be created",
        "1 There already, unchanged Tick to send them once more.",
        "1 Something in it is not mapped yet Not sent.",
    ]
    assert "Send 1 to CRM" in " ".join(tree.text.split())
    assert "/orders/C" in hrefs(tree)
    form = tree.all("form")[0]
    fields = sent(form)
    started = hub.post("/orders/bulk/send/start", data=fields, headers=HTMX)
    batch = started.headers["HX-Push-Url"]
    assert "0 of 1" in started.text
    assert 'hx-trigger="every' in started.text
    with app.app_context():
        row = db.session.scalar(db.select(Transfer))
        assert row.order_id == ids[0]
        row.state, row.fault, row.detail = "refused", "rejected", "No <such> shop"
        db.session.commit()
    watched = hub.get(batch, headers=HTMX)
    assert "1 of 1" in watched.text
    assert "No &lt;such&gt; shop" in watched.text
    assert "hx-trigger" not in watched.text, "nothing more to wait for"
    assert "<html" in hub.get(batch).text
    assert hub.get("/orders/batch/none").status_code == 404


def test_a_batch_is_cancelled_where_it_still_waits(hub, app):
    crm, ids = crm_id(app), seed(app, {}, {}, {})
    fields = {"to": crm, "groups": "create", "ids_create": ",".join(map(str, ids))}
    address = hub.post("/orders/bulk/send/start", data=fields, headers=HTMX).headers["HX-Push-Url"]
    with app.app_context():
        done, *_rest = db.session.scalars(db.select(Transfer).order_by(Transfer.id))
        done.state, done.finished_at = "done", utcnow()
        db.session.commit()
    watched = hub.get(address, headers=HTMX)
    assert "1 of 3" in watched.text
    assert "left</span>" in watched.text
    viewer = app.test_client()
    login(viewer, "viewer")
    assert "<form" not in viewer.get(address, headers=HTMX).text
    assert viewer.post(f"{address}/cancel").status_code == 403
    form = parse(watched).one("form")
    answer = hub.post(form.get("hx-post"), headers=HTMX)
    assert toast(answer) == "2 orders are withdrawn"
    text = " ".join(parse(answer).text.split())
    assert "3 of 3" in text
    assert "Sent: 1 Failed: 0 Withdrawn: 2" in text
    assert "hx-trigger" not in answer.text
    assert "<form" not in answer.text
    again = hub.post(f"{address}/cancel")
    assert (again.status_code, again.location) == (302, address)
    assert "Nothing waits any more" in hub.get(address).text
    assert hub.post("/orders/batch/none/cancel").status_code == 404
    with app.app_context():
        assert sorted(db.session.scalars(db.select(Transfer.state))) == ["cancelled", "cancelled", "done"]


def test_a_tick_changed_in_the_preview_changes_the_button(hub, app):
    crm, ids = crm_id(app), seed(app, {}, {})
    with app.app_context():
        build.link(ids[1], crm, sent_version=1)
    data = {"ids": ids, "to": crm, "seen": "1", "groups": ["create", "unchanged"]}
    assert "Send 2 to CRM" in " ".join(hub.post("/orders/bulk/send", data=data, headers=HTMX).text.split())


def test_without_a_system_chosen_the_drawer_asks_where_to(hub, app):
    order_id = seed(app, {})[0]
    assert "Will be created" in hub.get(f"/orders/bulk/send?ids={order_id}", headers=HTMX).text, "there is only one"
    with app.app_context():
        build.connection("retailcrm", "Second")
    assert "Where to?" in hub.get(f"/orders/bulk/send?ids={order_id}", headers=HTMX).text
    assert toast(hub.post("/orders/bulk/send", data={}, headers=HTMX)) == "Choose orders first."


def test_all_found_means_the_filter_not_the_page(hub, app):
    seed(app, *({"number": f"{n}", "paid": n % 2 == 0} for n in range(120)))
    data = {"all": "1", "ids": "1", "view": "status=all&paid=yes", "status": status_id(app, "confirmed")}
    tree = parse(hub.post("/orders/bulk/status", data=data, headers=HTMX).text)
    assert "60 orders chosen" in tree.text
    values = sent(tree.all("form")[0])
    done = hub.post("/orders/bulk/change", data=values, headers=HTMX)
    assert toast(done) == "60 orders: Confirmed"
    assert len(numbers(page(hub, "/orders"))) == 50
    assert "60 found" in hub.get("/orders").text
    undone = hub.post(json.loads(done.headers["HX-Trigger"])["toast"]["undo"], headers=HTMX)
    assert toast(undone) == "Taken back: 60 orders"


def test_only_the_ticked_groups_are_changed(hub, app):
    new, problem = seed(app, {"number": "A"}, {"number": "B", "status_id": status_id(app, "problem")})
    confirmed = status_id(app, "confirmed")
    tree = parse(hub.post("/orders/bulk/status", data={"ids": [new, problem], "status": confirmed}, headers=HTMX).text)
    values = sent(tree.all("form")[0])
    values["groups"] = f"from{status_id(app, 'problem')}"
    hub.post("/orders/bulk/change", data=values, headers=HTMX)
    assert numbers(page(hub, f"/orders?status={confirmed}")) == ["B"]


def test_bulk_deletion_and_removal(hub, app):
    bin_id = status_id(app, "deleted")
    ids = seed(app, {"number": "A"}, {"number": "B"}, {"number": "C", "status_id": bin_id})
    tree = parse(hub.post("/orders/bulk/delete", data={"ids": ids}, headers=HTMX).text)
    move, purge = tree.all("form")
    assert "C" in purge.get("hx-confirm")
    assert toast(hub.post("/orders/bulk/change", data=sent(move), headers=HTMX)) == "2 orders: Deleted"
    gone = hub.post("/orders/bulk/change", data=sent(purge), headers=HTMX)
    assert toast(gone) == "1 order is removed for good"
    assert numbers(page(hub, f"/orders?status={bin_id}")) == ["B", "A"]


def test_statuses_are_read_from_where_the_copies_are(hub, app):
    crm, order_id = crm_id(app), seed(app, {})[0]
    assert "None of these" in toast(hub.post("/orders/bulk/refresh", data={"ids": order_id}, headers=HTMX))
    with app.app_context():
        build.link(order_id, crm)
    assert (
        toast(hub.post("/orders/bulk/refresh", data={"ids": order_id}, headers=HTMX)) == "Statuses are being read: CRM"
    )
    with app.app_context():
        assert [(r.connection_id, r.task) for r in db.session.scalars(db.select(Run))] == [(crm, "statuses")]


def test_orders_are_fetched_on_demand_once(hub, app):
    tree = page(hub)
    source = next(b for b in tree.all("button") if b.text == "Prom shop").get("value")
    assert toast(hub.post("/orders/get", data={"source": source}, headers=HTMX)) == "Fetching orders from Prom shop."
    assert "already" in toast(hub.post("/orders/get", data={"source": source}, headers=HTMX))
    assert "switched off" in toast(hub.post("/orders/get", data={"source": crm_id(app)}, headers=HTMX))


def test_all_of_it_works_without_javascript(hub, app):
    crm, ids = crm_id(app), seed(app, {"number": "A"}, {"number": "B"})
    form = parse(hub.post("/orders/bulk/send", data={"ids": ids, "to": crm}).text).all("main form")[0]
    started = hub.post(form.get("action"), data=sent(form))
    assert started.status_code == 302
    assert "0 of 2" in hub.get(started.headers["Location"]).text
    done = hub.post(f"/orders/row/{ids[0]}/status", data={"status": status_id(app, "confirmed")}, follow_redirects=True)
    assert "A: Confirmed" in done.text


# ---- news


def live(tree):
    return json.loads(tree.all("#live")[0].get("hx-vals"))


def test_nothing_new_is_answered_without_a_look_at_the_orders(hub, app):
    seed(app, {})
    told = live(page(hub))
    with count_queries(hub) as queries:
        assert hub.get("/orders/changes", query_string=told, headers=HTMX).status_code == 204
    assert not [q for q in queries if "FROM orders" in q]


def test_changed_rows_counters_and_new_orders_come_by_themselves(hub, app):
    first, second = seed(app, {"number": "A"}, {"number": "B"})
    told = live(page(hub))
    with app.app_context():
        statuses.change([first], build.status("transferred"), build.JOB)
        wake.changed()
        db.session.commit()
        build.make({"number": "C"}, {"number": "D"}, {"number": "E", "status_id": build.status("problem").id})
    answer = hub.get("/orders/changes", query_string=told, headers=HTMX)
    text = answer.text
    assert f'id="order-{first}"' in text
    assert f'id="order-{second}"' not in text
    assert 'class="is-stale" data-flash hx-swap-oob="true"' in text
    assert "2 new orders" in text
    assert 'id="strip" class="stats"' in text
    assert parse(text).all("#found")[0].text.strip() == "3 found", "as the strip says: B, C and D are New"
    assert "[data-go=p] .nav-badge" in text, "the count of problems in the left bar follows"
    again = live(parse(text))
    assert hub.get("/orders/changes", query_string=again, headers=HTMX).status_code == 204
    assert again["top"] == told["top"], "the bar goes on counting from the page's first row"


def test_a_removed_row_leaves_its_place(hub, app):
    order_id = seed(app, {"status_id": status_id(app, "deleted")})[0]
    told = live(page(hub, "/orders?group=deleted"))
    hub.post(f"/orders/row/{order_id}/remove", headers=HTMX)
    text = hub.get("/orders/changes", query_string=told, headers=HTMX).text
    assert "Removed for good" in text
    assert f"{order_id}." not in live(parse(text))["seen"]


def test_without_a_broker_the_database_is_asked(hub, app):
    ids = seed(app, {"number": "A"})
    app.extensions["broker"] = None
    told = live(page(hub))
    assert told["since"] == ""
    quiet = hub.get("/orders/changes", query_string=told, headers=HTMX)
    assert "data-row" not in quiet.text
    with app.app_context():
        statuses.change(ids, build.status("problem"), build.JOB)
        db.session.commit()
    assert f'id="order-{ids[0]}"' in hub.get("/orders/changes", query_string=told, headers=HTMX).text


def test_deep_pages_announce_no_new_orders(hub, app):
    seed(app, *({"number": f"{n}"} for n in range(60)))
    assert "top" not in live(page(hub, "/orders?cursor=last"))
    assert "top" not in live(page(hub, "/orders?sort=old"))


@pytest.mark.parametrize("seen", ["", "x", "1.2,3", "٣.1", "9" * 40 + ".1", ",".join("1.1" for _ in range(500))])
def test_a_garbled_question_for_news_is_answered(hub, app, seen):
    answer = hub.get(
        "/orders/changes", query_string={"seen": seen, "top": "x", "view": "%%%", "since": "-"}, headers=HTMX
    )
    assert answer.status_code == 200


# ---- views and columns


def test_views_are_saved_shared_renamed_moved_deleted(hub, app):
    hub.post("/orders/views", data={"name": "Paid ones", "view": "status=all&paid=yes&paid=", "x": "1"}, headers=HTMX)
    saved = hub.post("/orders/views", data={"name": "Problems", "view": "group=problem", "shared": "1"}, headers=HTMX)
    assert saved.headers["HX-Redirect"] == "/orders?group=problem"
    hub.post("/orders/views", data={"name": "Problems", "view": "group=problem&type=1", "shared": "1"}, headers=HTMX)
    tabs = {a.text: a for a in page(hub, "/orders?group=problem&type=1").all(".list-tools nav a")}
    assert "Paid ones" in tabs
    assert tabs["Problems"].get("aria-current") == "page"
    with app.app_context():
        rows = {v.name: v.id for v in db.session.scalars(db.select(SavedView))}
    assert len(rows) == 2
    other = app.test_client()
    login(other, "manager")
    names = [a.text for a in page(other).all(".list-tools nav a")]
    assert "Problems" in names
    assert "Paid ones" not in names
    assert other.post(f"/orders/views/{rows['Paid ones']}", data={"do": "delete"}).status_code == 404
    hub.post(f"/orders/views/{rows['Paid ones']}", data={"do": "rename", "name": "Paid"}, headers=HTMX)
    taken = hub.post(f"/orders/views/{rows['Paid ones']}", data={"do": "rename", "name": " "}, headers=HTMX)
    assert "it is empty" in taken.text
    hub.post(f"/orders/views/{rows['Problems']}", data={"do": "left"}, headers=HTMX)
    names = [a.text for a in page(hub).all(".list-tools nav a")]
    assert names.index("Problems") < names.index("Paid")
    hub.post(f"/orders/views/{rows['Problems']}", data={"do": "delete"}, headers=HTMX)
    assert "Problems" not in [a.text for a in page(hub).all(".list-tools nav a")]
    assert hub.post("/orders/views", data={"name": " "}, headers=HTMX).status_code == 422


def test_a_viewer_has_views_and_columns_of_their_own(hub, app):
    seed(app, {})
    hub.post("/orders/views", data={"name": "Everybody's", "view": "group=problem", "shared": "1"}, headers=HTMX)
    viewer = app.test_client()
    login(viewer, "viewer")
    tools = page(viewer).one(".list-tools")
    assert {"Save view", "Columns"} <= {a.text.strip() for a in tools.all("a")}
    for name in ("Mine", "Paid"):
        saved = viewer.post("/orders/views", data={"name": name, "view": f"q={name}"}, headers=HTMX)
        assert saved.headers["HX-Redirect"] == f"/orders?q={name}"
    with app.app_context():
        ids = {v.name: v.id for v in db.session.scalars(db.select(SavedView))}
        places = {v.name: v.position for v in db.session.scalars(db.select(SavedView))}
    viewer.post(f"/orders/views/{ids['Paid']}", data={"do": "left"}, headers=HTMX)
    viewer.post(f"/orders/views/{ids['Paid']}", data={"do": "left"}, headers=HTMX)
    names = [a.text for a in page(viewer).all(".list-tools nav a")]
    assert names.index("Everybody's") < names.index("Paid") < names.index("Mine")
    with app.app_context():
        assert db.session.get(SavedView, ids["Everybody's"]).position == places["Everybody's"]

    drawer = parse(viewer.get("/orders/views", headers=HTMX))
    assert "shared" not in [i.get("name") for i in drawer.all("input")]
    assert [i.get("value") for i in drawer.all("form input") if i.get("name") == "name"] == [None, "Paid", "Mine"]
    everybodys = "/orders/views/" + str(ids["Everybody's"])
    assert viewer.post(everybodys, data={"do": "delete"}, headers=HTMX).status_code == 403
    shared = viewer.post("/orders/views", data={"name": "S", "view": "", "shared": "1"}, headers=HTMX)
    assert shared.status_code == 403

    viewer.post("/orders/columns", data={"order": ["number", "sum"], "columns": ["sum"]}, headers=HTMX)
    heads = [" ".join(th.text.split()) for th in page(viewer).all("thead th")]
    assert [h for h in heads if h] == ["Number", "Sum"]


def test_each_user_has_columns_of_their_own(hub, app):
    seed(app, {"external_number": "EXT-7"})
    order = ["number", "external", "sum", "status"]
    hub.post("/orders/columns", data={"order": order, "columns": ["external", "sum"]}, headers=HTMX)
    tree = page(hub)
    heads = [" ".join(th.text.split()) for th in tree.all("thead th")]
    assert [h for h in heads if h] == ["Number", "Number at the source", "Sum"]
    assert "EXT-7" in tree.all("[data-row]")[0].text
    moved = hub.post(
        "/orders/columns", data={"order": order, "columns": ["external", "sum"], "up": "sum"}, headers=HTMX
    )
    names = [i.get("value") for i in parse(moved.text).all("input") if i.get("name") == "order"]
    assert names[:3] == ["number", "sum", "external"]
    hub.post("/orders/columns", data={"reset": "1"}, headers=HTMX)
    assert "Created" in page(hub).all("thead")[0].text


def test_the_sum_and_the_phone_line_up_in_every_language(hub, app):
    seed(app, {"total": Decimal("1250"), "phone": "+380501112233"})
    for language, shown in (("uk", "1 250,00 ₴"), ("ru", "1 250,00 ₴"), ("en", "₴1,250.00")):
        tree = page(hub, "/orders", **{"Accept-Language": language})
        assert tree.all(".cell-sum")[0].text.strip() == shown
        assert "+380 50 111 2233" in tree.all("[data-row]")[0].text


def test_links_and_orders_left_over(hub, app):
    """A connection whose connector is gone, and a copy without a link: the row still shows."""
    order_id = seed(app, {})[0]
    with app.app_context():
        old = build.connection("vanished", "Old CRM")
        build.link(order_id, old.id, state="problem", error={"detail": "no such thing"})
        assert db.session.scalar(db.select(Link.id))
        assert db.session.get(Order, order_id)
    tile = page(hub).all(".cell-copies a")[0]
    assert "no such thing" in tile.get("title")
    assert tile.get("href").endswith("#copies")


def number_of(page):
    """The number of the last change that a page knows of."""
    return int(re.search(r'"since": "(\d+)"', html.unescape(page))[1])


@pytest.mark.parametrize("pages_before", [0, 3])
def test_a_change_while_a_page_is_made_is_news_to_it(hub, app, valkey, pages_before):
    """The page may hold what was there before the change: it has to hear of it."""
    seed(app, {"number": "1"})
    valkey.set("hub:revision", 7)
    for _ in range(pages_before):
        assert number_of(hub.get("/orders").text) == 7
    asked = []

    def change(_connection, _cursor, statement, *_more):
        asked.append(statement)
        if len(asked) == 2:  # the first only says who is there
            valkey.incr("hub:revision")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", change)
    page = hub.get("/orders").text
    event.remove(engine, "before_cursor_execute", change)
    assert int(valkey.get("hub:revision")) == 8
    assert number_of(page) == 7


def test_a_page_knows_of_what_was_committed_before_it(hub, app, valkey):
    seed(app, {"number": "1"})
    for number in (7, 8, 9):
        valkey.set("hub:revision", number)
        seed(app, {"number": f"N{number}"})
        for _ in range(2):
            page = hub.get("/orders").text
            assert (number_of(page), f"N{number}" in page) == (number, True)


def test_who_asks_for_news_is_told_of_them_though_nothing_was_committed_since(hub, app, valkey):
    """The number grows after the commit: in between pages show the change and do not know its number."""
    seed(app, {"number": "1"})
    valkey.set("hub:revision", 7)
    asked = "/orders/changes?since=7"
    assert number_of(hub.get("/orders").text) == 7
    assert hub.get(asked, headers=HTMX).status_code == 204
    valkey.incr("hub:revision")
    assert hub.get(asked, headers=HTMX).status_code == 200
