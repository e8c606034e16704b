"""The dashboard: figures that equal their lists, a bounded number of queries, the first steps of a new hub."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from jobs import reports as work
from jobs import wake
from models import Order, Status, db, utcnow
from orders import counts, days, reports
from views.text import ZONE

from . import work_data as data
from .helpers import count_queries, login
from .pages import parse


def test_a_new_hub_teaches_three_steps(client):
    login(client)
    page = client.get("/").text
    assert "Connect a source" in page
    assert "Connect a destination" in page
    assert 'href="/orders/new"' in page


def test_steps_that_are_done_say_with_what(client, app):
    with app.app_context():
        data.connection("prom", data.HOSTILE[:60])
        db.session.commit()
    login(client)
    page = client.get("/").text
    assert "Connect a source" not in page
    assert "Connect a destination" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def _fill(app):
    with app.app_context():
        crm = data.connection(last_ok_at=utcnow())
        data.connection(
            "prom", "Prom", last_ok_at=utcnow() - timedelta(hours=3), last_error_at=utcnow(),
            last_error={"fault": "credentials", "detail": data.HOSTILE},
        )  # fmt: skip
        shop = data.source(f"Shop {data.HOSTILE}")
        now = utcnow()
        ids = data.orders(3, now - timedelta(seconds=1), source_id=shop)
        data.orders(2, now - timedelta(days=7, seconds=1), prefix="B-", total=50)
        data.orders(1, now - timedelta(days=3), prefix="C-")
        data.orders(1, now - timedelta(seconds=1), prefix="D-", status_id=data.status_id("deleted"))
        data.orders(1, now, prefix="M-", needs_mapping=True, unmapped=[{"table": "x", "code": "1"}])
        data.transfer(ids[0], crm)
        data.refused(ids[1], crm)
        db.session.commit()


def test_a_connection_tells_what_it_did_last(client, app):
    """A destination imports nothing: its statuses are read."""
    with app.app_context():
        moment = utcnow() - timedelta(minutes=5)
        data.connection(last_ok_at=utcnow(), last_pull_at=moment)
        data.connection(name="Sent to only", last_ok_at=moment)
        data.connection("prom", "Prom", last_ok_at=utcnow(), last_pull_at=moment)
        data.orders(1)
        db.session.commit()
    login(client)
    for address, names in (("/", ".wait-line"), ("/settings/integrations", "[data-row]")):
        found = {}
        for line in parse(client.get(address)).all(names):
            name = next((name for name in ("Sent to only", "RetailCRM", "Prom") if name in line.text), "")
            found[name] = next(
                (
                    what
                    for what in ("last import 5 min", "statuses read 5 min", "last answer 5 min")
                    if what in line.text
                ),
                line.text,
            )
        assert (
            found
            | {
                "Prom": "last import 5 min",
                "RetailCRM": "statuses read 5 min",
                "Sent to only": "last answer 5 min",
            }
            == found
        )


def test_figures_and_their_links(client, app):
    _fill(app)
    login(client)
    with count_queries(client) as queries:
        page = client.get("/").text
    assert len(queries) <= 12, "\n".join(queries)
    today = utcnow().astimezone(ZONE).date()
    cards = re.findall(r'<a href="([^"]+)" class="stat-card">.*?stat-value num">([^<]+)<', page, re.S)
    assert dict(cards)[f"/orders?since={today}&amp;until={today}"]
    assert [value for _url, value in cards][0] == "4"
    assert "100 %" in page  # four orders against two
    assert "/activity?state=failed&amp;connection=" in page
    assert "/problems#mapping" in page
    assert "group=new&amp;until=" in page
    assert "Key not accepted" in page
    assert "<script>alert" not in page
    assert "data-chart" in page


def test_what_is_under_way_is_told_of_each_system(client, app):
    """Of one, too, whose connector this hub no longer has: nobody knows its pace, so one call a second is told."""
    with app.app_context():
        crm, old = data.connection(), data.connection("vanished", "Old shop")
        for order_id, state in zip(data.orders(4), ("waiting", "working", "done", "cancelled"), strict=True):
            data.transfer(order_id, crm, state)
            data.transfer(order_id, old, "waiting")
        db.session.commit()
        found, complete = work.tallies(utcnow() - timedelta(days=1))
        assert complete
        assert (found[crm.id].open, found[crm.id].done, found[crm.id].failed) == (2, 1, 0)
        assert {queue.name: (queue.waiting, queue.working) for queue in work.queues()} == {
            "RetailCRM": (1, 1), "Old shop": (4, 0)}  # fmt: skip
        assert [queue.seconds for queue in work.queues() if queue.name == "Old shop"] == [4]
    login(client)
    assert "state=open" in client.get("/").text
    assert "Old shop" in client.get("/activity").text


def test_it_updates_itself_only_when_something_changed(client, app):
    _fill(app)
    login(client)
    with app.app_context():
        revision = wake.revision()
    htmx = {"HX-Request": "true"}
    assert client.get(f"/?since={revision}", headers=htmx).status_code == 204
    with app.app_context():
        wake.changed()
        db.session.execute(db.update(Order).values(staff_comment="x"))
        db.session.commit()
    answer = client.get(f"/?since={revision}", headers=htmx)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="dashboard"')
    assert "HX-Request" in answer.headers["Vary"]


def test_the_day_counts_what_its_list_shows(app):
    """Today from midnight in the hub's zone; last week's day until the same hour; deleted orders nowhere."""
    with app.app_context():
        noon = utcnow().astimezone(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
        data.orders(2, noon - timedelta(hours=1), prefix="T-", total=30)
        data.orders(1, noon - timedelta(hours=13), prefix="Y-")
        data.orders(3, noon - timedelta(days=7, hours=1), prefix="W-", total=10)
        data.orders(5, noon - timedelta(days=7, hours=-1), prefix="L-")
        data.orders(4, noon - timedelta(hours=2), prefix="E-", currency="EUR", status_id=data.status_id("deleted"))
        statuses = db.session.scalars(db.select(Status)).all()
        day = reports.day(noon, ZONE, statuses)
    assert day.date == noon.date()
    assert (day.now.n, day.before.n) == (2, 3)
    assert day.now.sums == {"UAH": Decimal(60)}
    assert day.now.average("UAH") == Decimal(30)
    assert day.before.average("EUR") is None


def test_the_month_is_stacked_by_source(app):
    with app.app_context():
        one, two = data.source("One"), data.source("Two")
        now = utcnow()
        data.orders(3, now, prefix="a", source_id=one)
        data.orders(4, now - timedelta(days=2), prefix="b", source_id=two)
        data.orders(2, now - timedelta(days=40), prefix="c", source_id=two)
        data.orders(9, now, prefix="d", source_id=one, status_id=data.status_id("deleted"))
        month = reports.month(days.of(now), db.session.scalars(db.select(Status)).all())
    assert [(line.name, line.n) for line in month.lines] == [("Two", 4), ("One", 3)]
    assert month.lines[1].values[-1] == 3
    assert month.lines[0].values[-3] == 4
    assert (len(month.days), month.n) == (30, 7)


def test_the_chart_counts_the_days_of_the_hubs_zone(client, app):
    """An order of half past midnight belongs to the new day, as in the list that the day leads to."""
    with app.app_context():
        today = days.of(utcnow())
        data.orders(1, days.midnight(today) + timedelta(minutes=30), prefix="N-")
        data.orders(2, days.midnight(today) - timedelta(minutes=30), prefix="Y-")
        statuses = db.session.scalars(db.select(Status)).all()
        line = reports.month(today, statuses).lines[0]
        assert line.values[-2:] == [2, 1]
        counts.recount()
        assert reports.month(today, statuses).lines[0].values[-2:] == [2, 1]
        db.session.commit()
    login(client)
    page = parse(client.get("/"))
    assert page.all(".chart-table tr")[-1].text.split()[-1] == "1"
    listed = parse(client.get(f"/orders?status=all&since={today}&until={today}"))
    assert len(listed.all("#rows [data-row]")) == 1


def test_sums_by_status_are_in_the_currency_of_most_orders(client, app):
    now = utcnow()
    with app.app_context():
        data.orders(1, now, prefix="E-", currency="EUR", total=5)
        data.orders(2, now, prefix="U-", currency="UAH", total=10)
        db.session.commit()
    login(client)
    page = client.get("/").text
    assert "₴20.00" in page
    assert "€5.00" not in page
