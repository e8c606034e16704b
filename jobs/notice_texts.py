"""What members of staff are told and in which words: the hub's own in the reader's language, or the owner's.

A template has a frame and a line that is repeated for each thing told of. One that names what isn't there is broken:
the hub's own words are used then, for a notice is worth more than its wording.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import structlog
from babel.dates import format_date
from flask import current_app
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from integrations.text import N_
from models import Notice, Option, Order, db
from orders import placeholders
from orders.placeholders import cut

log = structlog.get_logger()

OPTION = "notice_templates"
#: things that a message tells of one by one; the rest is a number
SHOWN = 10
SHOWN_IN_SUMMARY = 3
#: letters of one line, and of a template: a summary holds one of each kind
LINE, TEXT_LIMIT = 200, 800
_MARK = re.compile(r"\{(\w+)\}")
_BLANKS = re.compile(r"[ \t\r\n]+")  # not the one within a sum

Item = dict[str, Any]


class Broken(ValueError):
    """A template names something that isn't there; `name`: what, empty = the template is empty."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Template:
    text: str
    line: str


@dataclass(frozen=True)
class Kind:
    """`gather`: seconds in which what happens becomes one message. `line`: placeholders of the repeated line."""

    title: str
    help: str
    default: bool
    gather: int
    line: Sequence[str]
    own: Template
    headline: Callable[[int], str]
    values: Callable[[Item], dict[str, str]]
    page: Callable[[int, Sequence[Item]], str]
    sample: Sequence[Item] = field(default=())
    counts_orders: bool = False  # of many, only the first are named in `items`


#: placeholders of a frame
FRAME = ("headline", "count", "list", "link")


@dataclass(frozen=True)
class Text:
    """A message before it is bent to its channel."""

    subject: str
    parts: Sequence[tuple[str, bool]]  # (text, in bold)

    @property
    def plain(self) -> str:
        return "".join(text for text, _bold in self.parts)

    @property
    def chat_html(self) -> str:
        escaped = [(html.escape(text, quote=False), bold) for text, bold in self.parts]
        return "".join(f"<b>{text}</b>" if bold and text else text for text, bold in escaped)


def message(notices: Sequence[Notice], quiet: bool) -> Text:
    """What one message says, in the language that holds here. `quiet`: it gathers what happened in quiet hours."""
    if len(notices) == 1 and not quiet:
        row = notices[0]
        return _of(row.kind, row.n, row.items, SHOWN)
    ordered = sorted(notices, key=lambda row: list(KINDS).index(row.kind))
    room = placeholders.CHAT_LIMIT // max(len(ordered), 1) - 40  # for the heading and the blank lines
    texts = [_of(row.kind, row.n, row.items, SHOWN_IN_SUMMARY, room) for row in ordered]
    heading = _("While it was quiet")
    parts: list[tuple[str, bool]] = [(heading, True)]
    for text in texts:
        parts += [("\n\n", False), *text.parts]
    return Text(f"{heading}: {'; '.join(text.subject for text in texts)}"[:200], parts)


def _of(kind: str, n: int, items: Sequence[Item], shown: int, room: int = placeholders.CHAT_LIMIT) -> Text:
    stored = templates().get(kind)
    if stored is not None:
        try:
            return filled(kind, n, items, stored, shown, room)
        except Broken as error:
            log.warning("notice_template_broken", kind=kind, name=error.name)
    return filled(kind, n, items, KINDS[kind].own, shown, room)


def filled(
    kind: str,
    n: int,
    items: Sequence[Item],
    template: Template,
    shown: int = SHOWN,
    room: int = placeholders.CHAT_LIMIT,
) -> Text:
    """The template with its values, cut to `room` units. Raises Broken."""
    about = KINDS[kind]
    check(kind, template)
    headline = about.headline(n)
    lines = [_line(template.line, about.values(item)) for item in items[:shown]]
    more = (n if about.counts_orders else len(items)) - len(lines)
    if more > 0:
        lines.append(ngettext("and %(num)s more", "and %(num)s more", more))
    values = {"headline": headline, "count": str(n), "list": "\n".join(lines), "link": about.page(n, items)}
    parts = _MARK.split(template.text)
    values = placeholders.fitting(values, parts[1::2], room - placeholders.units("".join(parts[::2])))
    pieces = [(part, False) if i % 2 == 0 else (values[part], part == "headline") for i, part in enumerate(parts)]
    return Text(headline, _trimmed(pieces))


def _line(line: str, values: Mapping[str, str]) -> str:
    known = {name: cut(_one_line(value), 80) for name, value in values.items()}
    return cut(_one_line(_MARK.sub(lambda mark: known.get(mark[1], ""), line)).strip(" ·"), LINE)


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def _trimmed(pieces: Sequence[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """No blank ends."""
    found = [piece for piece in pieces if piece[0]]
    while found and not found[0][0].strip():
        found.pop(0)
    while found and not found[-1][0].strip():
        found.pop()
    return found


def check(kind: str, template: Template) -> None:
    """Raises Broken: an unknown placeholder, a frame without anything, one that is too long."""
    for text, known in ((template.text, FRAME), (template.line, KINDS[kind].line)):
        unknown = [mark[1] for mark in _MARK.finditer(text) if mark[1] not in known]
        if unknown:
            raise Broken(unknown[0])
    if not template.text.strip() or max(len(template.text), len(template.line)) > TEXT_LIMIT:
        raise Broken


def templates() -> dict[str, Template]:
    """The owner's, by kind."""
    row = db.session.get(Option, OPTION)
    found = row.value if row and isinstance(row.value, dict) else {}
    return {
        kind: Template(str(t.get("text", "")), str(t.get("line", ""))) for kind, t in found.items() if kind in KINDS
    }


def save(kind: str, template: Template | None) -> None:
    """The owner's words for a kind; None = the hub's own again. Raises Broken. The caller commits."""
    if template is not None:
        check(kind, template)
    row = db.session.get(Option, OPTION, with_for_update=True)
    kept = dict(row.value) if row else {}
    kept.pop(kind, None)
    if template is not None:
        kept[kind] = {"text": template.text, "line": template.line}
    if row is None:
        db.session.add(Option(key=OPTION, value=kept))
    else:
        row.value = kept


# ---- the kinds


def _url(path: str) -> str:
    return f"{current_app.config['HUB'].public_url}{path}"


def _order(item: Item) -> dict[str, str]:
    if "values" in item:  # of a preview
        return dict(item["values"])
    row = db.session.get(Order, item["id"])
    return placeholders.values(row, current_app.config["HUB"].public_url) if row else {}


#: how the waiting for a payment ended
OUTCOMES = {
    "paid": N_("paid"),
    "unpaid": N_("not paid in time"),
    "cancelled": N_("cancelled, not paid"),
}


def _waited(item: Item) -> dict[str, str]:
    return {**_order(item), "outcome": _(OUTCOMES.get(item["outcome"], ""))}


def _orders_page(n: int, items: Sequence[Item]) -> str:
    row = db.session.get(Order, items[0].get("id", 0)) if n == 1 and items else None
    return _url(f"/orders/{row.number}" if row else "/orders")


#: kinds of problems as jobs/reports.py counts them -> what they are
PROBLEMS = {
    "mapping": N_("Orders that need mapping"),
    "refused": N_("Transfers that were refused"),
    "parked": N_("Transfers of which nobody knows whether they arrived"),
    "unread": N_("Orders that came in and could not be read"),
    "second": N_("Orders that would reach a delivery service twice"),
    "duplicates": N_("Likely duplicates"),
    "sent": N_("Messages, letters and webhooks that reached nobody"),
}


def _problem(item: Item) -> dict[str, str]:
    title = PROBLEMS[item["what"]]
    return {"what": _(title), "count": str(item["n"])}


#: why a connection is out of order, by class of the failure
_REASONS = {
    "credentials": N_("its key is not accepted"),
    "blocked": N_("it has blocked the account"),
    "misconfigured": N_("it refuses how it is set up"),
    "unreachable": N_("it can't be reached"),
    "unavailable": N_("it is out of order itself"),
    "timeout": N_("it does not answer in time"),
    "rate_limited": N_("it lets no more calls through"),
}


def _connection(item: Item) -> dict[str, str]:
    if item["well"]:
        return {"name": item["name"], "state": _("works again"), "reason": ""}
    why = _REASONS.get(item.get("fault", ""))
    reason = _(why) if why else item.get("detail", "") or _("nothing came from it for a long time")
    return {"name": item["name"], "state": _("does not work"), "reason": f"({reason})"}


def _key(item: Item) -> dict[str, str]:
    day = format_date(date.fromisoformat(item["day"]), "long", locale=get_locale())
    return {"name": item["name"], "day": day, "days": str(item["days"])}


_SAMPLE = {"number": "A-1024", "total": "1 250,00 UAH", "name": "Олена <Тестова> & Ко", "city": "Київ",
           "phone": "+380501112233", "status": "New", "items": "2 × Чашка", "source": "Shop"}  # fmt: skip
_FRAME = "{headline}\n{list}\n\n{link}"
KINDS: dict[str, Kind] = {
    "new_order": Kind(
        title=N_("New orders"),
        help=N_("All that come in from connected systems, order forms and the API. What comes within a minute is one"
                " message."),
        default=False,
        gather=60,
        line=placeholders.NAMES,
        own=Template(_FRAME, "{number} · {total} · {name} · {city}"),
        headline=lambda n: ngettext("%(num)s new order", "%(num)s new orders", n),
        values=_order,
        page=_orders_page,
        sample=({"values": _SAMPLE},),
        counts_orders=True,
    ),
    "payment": Kind(
        title=N_("Orders that waited for payment"),
        help=N_("One that was kept back is taken in: its payment has come, or has not come in time."),
        default=False,
        gather=60,
        line=(*placeholders.NAMES, "outcome"),
        own=Template(_FRAME, "{number} · {total} · {name} · {outcome}"),
        headline=lambda n: ngettext("%(num)s order waited for its payment", "%(num)s orders waited for payment", n),
        values=_waited,
        page=_orders_page,
        sample=({"values": _SAMPLE, "outcome": "paid"}, {"values": _SAMPLE, "outcome": "unpaid"}),
        counts_orders=True,
    ),
    "problem": Kind(
        title=N_("Problems"),
        help=N_("Whatever waits for a person on the Problems page."),
        default=False,
        gather=60,
        line=("what", "count"),
        own=Template(_FRAME, "{what}: {count}"),
        headline=lambda n: ngettext("%(num)s new problem", "%(num)s new problems", n),
        values=_problem,
        page=lambda _n, _items: _url("/problems"),
        sample=({"what": "mapping", "n": 2}, {"what": "refused", "n": 1}),
    ),
    "connection": Kind(
        title=N_("Connection broken"),
        help=N_("A connected system refuses its key or has not answered for long; and when it works again."),
        default=True,
        gather=0,
        line=("name", "state", "reason"),
        own=Template(_FRAME, "{name} {state} {reason}"),
        headline=lambda n: _("Connected systems"),
        values=_connection,
        page=lambda _n, _items: _url("/problems"),
        sample=({"name": "My shop", "well": False, "fault": "credentials"},),
    ),
    "key": Kind(
        title=N_("Key about to expire"),
        help=N_("14, 7 and 1 days before the day that stands in a connection's settings."),
        default=True,
        gather=0,
        line=("name", "day", "days"),
        own=Template(_FRAME, "{name}: {day}"),
        headline=lambda n: ngettext("%(num)s key is about to expire", "%(num)s keys are about to expire", n),
        values=_key,
        page=lambda _n, items: _url(f"/settings/integrations/{items[0]['id']}" if items else "/settings/integrations"),
        sample=({"id": 1, "name": "My shop", "day": "2030-12-31", "days": 7},),
    ),
}  # fmt: skip
