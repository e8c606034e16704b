"""The rule of a connection's catalogue on its page: categories, regular readings, a try with its report."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from catalogue import rules
from catalogue.rules import Rule
from integrations.sandbox import SandboxServer
from jobs import catalogue_plan, runs
from models import Offer, Product, Run, db

from ..orders import build
from .helpers import login
from .test_catalogue import add, shop

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def extra_env(sandbox: SandboxServer) -> dict[str, str]:
    return {"SANDBOX_URL": sandbox.url}


@pytest.fixture
def staff(client: FlaskClient) -> FlaskClient:
    login(client)
    return client


def work() -> None:
    for run_id in db.session.scalars(db.select(Run.id).where(Run.state == "waiting")).all():
        runs.carry_out(run_id)
    db.session.expire_all()


def test_a_rule_is_tried_and_then_kept(staff: FlaskClient, sandbox: SandboxServer) -> None:
    with staff.application.app_context():
        ours = add("PL-00002", stock=9)
        row = shop(sandbox)
        connection_id = row.id
    url = f"/catalogue/matching/{connection_id}"
    assert "They can be chosen here once the catalogue was read" in staff.get(url).text
    assert f'href="{url}"' in staff.get(f"/settings/integrations/{connection_id}", follow_redirects=True).text
    given = {"match": ["sku", ""], "new": "hidden", "gone": "hide", "follow": ["price", "texts"], "do": "rehearse"}
    report = staff.post(url, data=given)
    assert (report.status_code, report.location[:15]) == (303, "/activity/runs/")
    again = staff.post(url, data=given, follow_redirects=True).text
    assert "Another try is under way" in again
    with staff.application.app_context():
        assert db.session.scalar(db.select(db.func.count(Run.id)).filter_by(task="rehearse")) == 1
        work()
        assert (db.session.scalar(db.select(db.func.count(Offer.id))), rules.of(connection_id)) == (0, Rule())
    page = staff.get(report.location).text
    assert "This was a try: nothing was changed" in page
    assert "Сандалі" in page
    found = staff.get(f"{report.location}?kind=found").text
    assert f'href="/catalogue/products/{ours}"' in found
    assert "374.00 UAH" in found
    first = re.search(r'href="([^"]*after=\d+[^"]*)"', page)
    assert first is None  # 59 fit one page
    hidden = dict(re.findall(r'<input type="hidden" name="(new|gone|sort)" value="([^"]*)"', page))
    assert hidden == {"new": "hidden", "gone": "hide"}
    taken = {**given, "do": "take"}
    assert "the catalogue is being taken in" in staff.post(url, data=taken, follow_redirects=True).text
    with staff.application.app_context():
        kept = Rule(match=("sku",), new="hidden", gone="hide", follow=("price", "texts"), sort=False)
        assert rules.of(connection_id) == kept
        work()
        assert db.session.scalar(db.select(db.func.count(Product.id)).where(~Product.active)) == 59
    settings = staff.get(url).text
    assert '<option value="Одяг / Куртки">' in settings
    saved = {**given, "do": "save", "categories": ["Одяг / Куртки"], "sort": "on"}
    staff.post(url, data=saved)
    with staff.application.app_context():
        assert (rules.of(connection_id).categories, rules.of(connection_id).sort) == (("Одяг / Куртки",), True)
        assert not catalogue_plan.is_regular(connection_id)
    assert '<option value="Одяг / Куртки" selected>' in staff.get(url).text
    staff.post(url, data={**saved, "regular": "on"})
    with staff.application.app_context():
        assert catalogue_plan.is_regular(connection_id)


def test_a_long_report_is_leafed_through(staff: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.vendor("price_list").size(250)
    with staff.application.app_context():
        build.ran(shop(sandbox).id, "catalogue")
        run_id = db.session.scalar(db.select(db.func.max(Run.id)))
    seen: list[str] = []
    url: str | None = f"/activity/runs/{run_id}"
    while url:
        page = staff.get(url).text
        seen += re.findall(r'href="(/catalogue/products/\d+)"', page)
        following = re.search(r'href="([^"]*after=\d+[^"]*)"', page)
        url = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 250
    assert staff.get(f"/activity/runs/{run_id}?kind=gone&after=x").status_code == 200
