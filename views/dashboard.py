"""The first page: the day, the month, what goes wrong, what waits for you. Every figure leads to its list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, g, url_for
from flask_babel import gettext as _
from htmx_flask import request

from jobs import reports as work
from jobs import wake
from models import Status, db, utcnow
from orders import counts, days, reports

from . import addresses, fragments
from .text import ZONE, money, number, translated

bp = Blueprint("dashboard", __name__)

WEEK = timedelta(days=7)
#: of the chart's lines, largest source first; the last one is for all others together
COLORS = ("blue", "teal", "orange", "violet", "pink", "cyan", "lime", "grey")


@bp.get("/")
def index() -> Any:
    revision = wake.revision()
    if fragments.wanted() and revision is not None and request.args.get("since") == str(revision):
        return fragments.unchanged()
    return fragments.render("dashboard/index.html", "dashboard/_figures.html", revision=revision, **figures(revision))


def figures(revision: int | None) -> dict[str, Any]:
    """All that the page shows, in nine queries."""
    now = utcnow()
    statuses = db.session.scalars(db.select(Status).order_by(Status.position, Status.id)).all()
    cells = counts.by_status()
    systems = work.health()
    if not cells:
        return {"is_new": True, "systems": systems}
    late_day = days.of(now) - timedelta(days=2)
    late = days.midnight(late_day + timedelta(days=1))
    waiting = work.waiting(reports.waiting_new(statuses, late))
    g.problem_count = work.keep_problem_count(waiting.total, revision)
    month = reports.month(days.of(now), statuses)
    tallies, complete = work.tallies(now - WEEK)
    return {
        "cards": day_cards(reports.day(now, ZONE, statuses), waiting),
        "month": month,
        "chart": chart(month),
        "source_links": source_links(month),
        "main_currency": main_currency(cells.values()),
        "by_status": [(s, cells[s.id]) for s in statuses if s.id in cells and s.group != "deleted"],
        "systems": systems,
        "tallies": tallies,
        "tallies_complete": complete,
        "week": days.of(now - WEEK),
        "waiting": waiting,
        "late_url": addresses.orders(f"group=new&until={late_day}"),
    }


@dataclass
class Card:
    """A figure with its comparison: arguments of ui.stat_card."""

    label: str
    value: str
    note: str
    url: str
    trend: int | None = None


def day_cards(day: reports.Day, waiting: work.Waiting) -> list[Card]:
    """Today until now beside the same weekday of last week until the same hour."""
    now, before = day.now, day.before
    currency = now.currency if now.n else before.currency
    url = addresses.orders(f"since={day.date}&until={day.date}")
    sums = (now.sums.get(currency, Decimal(0)), before.sums.get(currency, Decimal(0)))
    averages = (now.average(currency), before.average(currency))
    n = waiting.total
    note = _("for somebody to look at") if n else _("nothing waits for you")
    return [
        Card(_("Orders today"), number(now.n), _week_ago(number(before.n)), url, _change(now.n, before.n)),
        Card(_("Sum today"), money(sums[0], currency), _week_ago(money(sums[1], currency)), url, _change(*sums)),
        Card(_("Average order"), _or_dash(averages[0], currency), _week_ago(_or_dash(averages[1], currency)), url,
             _change(*averages)),
        Card(_("Problems waiting"), many(n), note, url_for("problems.index")),
    ]  # fmt: skip


def _week_ago(value: str) -> str:
    return _("%(value)s by now a week ago", value=value)


def main_currency(cells: Iterable[counts.Cell]) -> str:
    """The one that most orders are in."""
    numbers: Counter[str] = Counter()
    for cell in cells:
        numbers.update(cell.numbers)
    return numbers.most_common(1)[0][0] if numbers else ""


def _or_dash(amount: Decimal | None, currency: str) -> str:
    return "—" if amount is None else money(amount, currency)


def _change(now: Decimal | int | None, before: Decimal | int | None) -> int | None:
    """In percent; None when there is nothing to compare with."""
    return round((now - before) * 100 / before) if now is not None and before else None


@bp.app_template_filter()
def many(n: int) -> str:
    """A count that stopped at a thousand."""
    return number(n) if work.exact(n) else _("over %(n)s", n=number(reports.COUNT_LIMIT))


def chart(month: reports.Month) -> list[dict[str, Any]]:
    """The lines of ui.chart: the largest sources, the others together."""
    most = len(COLORS) - 1
    lines = [(source_name(line), line.values) for line in month.lines[:most]]
    if others := month.lines[most:]:
        lines.append((_("Others"), [sum(day) for day in zip(*(line.values for line in others), strict=True)]))
    return [{"label": name, "color": COLORS[at], "values": values} for at, (name, values) in enumerate(lines)]


def source_name(line: reports.SourceLine) -> str:
    return translated(line.name) or _("No source")


def source_links(month: reports.Month) -> list[tuple[str, str, int, str]]:
    """(name, colour, orders, address) of each line of the chart."""
    since: date = month.days[0]
    return [
        (
            source_name(line),
            COLORS[min(at, len(COLORS) - 1)],
            line.n,
            addresses.orders(f"source={line.source_id}&since={since}") if line.source_id else "",
        )
        for at, line in enumerate(month.lines)
    ]
