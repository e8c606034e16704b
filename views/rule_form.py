"""The editor's form of an automation rule: read from what was posted, checked, shown again. Rows of conditions and
actions carry their number in the names of their fields: c0-field, a1-text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from models import Rule
from orders import rules
from orders.placeholders import TEXT_LIMIT
from orders.rules import Draft

Row = dict[str, Any]
#: fields of a row that hold lists
_MANY = ("values", "statuses")
MOST_ROWS = 20
_TIME = re.compile(r"^([01]?\d|2[0-3]):[0-5]\d$")
_MAIL = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$")


@dataclass
class Form:
    """A rule while it is being written: texts as typed. `errors`: name of a field -> what is wrong with it."""

    name: str = ""
    event: str = "created"
    params: Row = field(default_factory=dict)
    conditions: list[Row] = field(default_factory=list)
    actions: list[Row] = field(default_factory=list)
    stop: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rule: Rule) -> Form:
        parts = ([dict(row) for row in rule.conditions], [dict(row) for row in rule.actions])
        return cls(rule.name, rule.event, dict(rule.params), *parts, rule.stop)

    @classmethod
    def posted(cls, form: MultiDict[str, str]) -> Form:
        event = form.get("event", "")
        return cls(
            form.get("name", "").strip(),
            event if event in rules.EVENTS else "created",
            _row(form, "p"),
            _rows(form, "c", "field"),
            _rows(form, "a", "kind"),
            form.get("stop") == "1",
        )

    def change(self, form: MultiDict[str, str]) -> None:
        """What the buttons of the editor ask for: one more row, or one less."""
        if form.get("add") == "condition":
            self.conditions.append({"field": "source", "op": "is"})
        elif form.get("add") == "action":
            self.actions.append({"kind": "chat"})
        elif (found := re.fullmatch(r"([ca])(\d+)", form.get("remove", ""))) is not None:
            rows = self.conditions if found[1] == "c" else self.actions
            if int(found[2]) < len(rows):
                del rows[int(found[2])]

    def draft(self) -> Draft:
        """The rule as it will be kept; `errors` say what keeps it from being."""
        self.errors = {}
        if not self.name:
            self.errors["name"] = _("Give it a name.")
        params = self._params()
        conditions = [self._condition(i, row) for i, row in enumerate(self.conditions)]
        actions = [self._action(i, row) for i, row in enumerate(self.actions)]
        if not actions:
            self.errors["add"] = _("Say what to do: add an action.")
        if self.event == "schedule" and not any(row["field"] == "status" for row in conditions):
            self.errors["event"] = _("A schedule looks at all orders: add a condition about the status.")
        return Draft(self.name[:80], self.event, params, conditions, actions, self.stop)

    def _params(self) -> Row:
        given = self.params
        if self.event == "status":
            return {"statuses": _numbers(given.get("statuses"))}
        if self.event == "external":
            return {"connection": _number(given.get("connection")), "their": str(given.get("their") or "").strip()}
        if self.event == "waited":
            return self._waited(given)
        if self.event == "schedule":
            return self._schedule(given)
        return {}

    def _waited(self, given: Row) -> Row:
        number, unit = _number(given.get("number")), str(given.get("unit") or "minutes")
        if not number or number > 1000:
            self.errors["p-number"] = _("A whole number from 1 to 1000.")
        if not _number(given.get("status")):
            self.errors["p-status"] = _("Choose a status.")
        unit = unit if unit in rules.UNITS else "minutes"
        return {"status": _number(given.get("status")), "number": number or 1, "unit": unit}

    def _schedule(self, given: Row) -> Row:
        every = str(given.get("every") or "day")
        if every not in rules.EVERY:
            every = "day"
        if every != "day":
            return {"every": every}
        at = str(given.get("at") or "09:00").strip()
        if not _TIME.match(at):
            self.errors["p-at"] = _("A time like 09:30.")
        return {"every": every, "at": at if _TIME.match(at) else "09:00"}

    def _condition(self, i: int, row: Row) -> Row:
        name, op = row["field"], "not" if row.get("op") == "not" else "is"
        if name == "paid":
            return {"field": name, "op": op}
        if name in rules.SUMS:
            return {"field": name, "value": self._sum(i, str(row.get("value") or ""))}
        values: list[Any] = list(row.get("values") or [])
        if name not in ("payment", "mark"):
            values = _numbers(values)
        if name == "mark":
            values = [value for value in values if value in rules.MARKS]
        if not values:
            self.errors[f"c{i}-values"] = _("Choose at least one.")
        return {"field": name, "op": op, "values": values}

    def _sum(self, i: int, written: str) -> str:
        try:
            amount = Decimal(re.sub(r"\s", "", written).replace(",", "."))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or not 0 <= amount < 10**9:
            self.errors[f"c{i}-value"] = _("A sum like 1500.")
            return "0"
        return f"{amount:f}"

    def _action(self, i: int, row: Row) -> Row:
        kind = row["kind"]
        made: Row = {"kind": kind}
        if kind == "send":
            made["connection"] = self._chosen(f"a{i}-connection", row.get("connection"))
            return made | {name: _number(row.get(name)) for name in ("success", "failure")}
        if kind == "status":
            return made | {"status": self._chosen(f"a{i}-status", row.get("status"))}
        if kind == "cancel":
            return made | {"text": str(row.get("text") or "").strip()[:500]}
        if kind == "webhook":
            return made | self._webhook(i, row)
        return made | self._message(i, row)

    def _message(self, i: int, row: Row) -> Row:
        text = str(row.get("text") or "").strip()
        if not text or len(text) > TEXT_LIMIT:
            self.errors[f"a{i}-text"] = _("From 1 to %(most)s letters.", most=TEXT_LIMIT)
        if row["kind"] == "chat":
            chat = str(row.get("chat") or "").strip()
            if not re.fullmatch(r"-?\d{1,19}|@\w{3,64}", chat):
                self.errors[f"a{i}-chat"] = _("Choose a chat, or write its number or @name.")
            return {"connection": self._chosen(f"a{i}-connection", row.get("connection")), "chat": chat, "text": text}
        to = str(row.get("to") or "").strip()
        if to and not _MAIL.match(to):
            self.errors[f"a{i}-to"] = _("One address like office@shop.ua, or nothing to write to the customer.")
        subject = str(row.get("subject") or "").strip()
        if not subject or len(subject) > 200:
            self.errors[f"a{i}-subject"] = _("From 1 to %(most)s letters.", most=200)
        return {"to": to, "subject": subject, "text": text}

    def _webhook(self, i: int, row: Row) -> Row:
        """An endpoint chosen, or an address for a new one: `url` is there only until it is made."""
        if number := _number(row.get("endpoint")):
            return {"endpoint": number}
        url = str(row.get("url") or "").strip()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > 500:
            self.errors[f"a{i}-url"] = _("Write the address with https://, for example https://shop.ua/hook.")
        return {"endpoint": 0, "url": url}

    def _chosen(self, name: str, value: Any) -> int:
        number = _number(value)
        if not number:
            self.errors[name] = _("Choose one.")
        return number or 0


def _rows(form: MultiDict[str, str], prefix: str, kind: str) -> list[Row]:
    known = rules.CONDITIONS if prefix == "c" else rules.ACTIONS
    rows = (_row(form, f"{prefix}{i}") for i in range(MOST_ROWS) if form.get(f"{prefix}{i}-{kind}") in known)
    return list(rows)


def _row(form: Mapping[str, Any], prefix: str) -> Row:
    start = f"{prefix}-"
    names = [name for name in form if name.startswith(start)]
    lists: Any = form
    return {name[len(start) :]: lists.getlist(name) if name[len(start) :] in _MANY else form[name] for name in names}


def _number(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) else None


def _numbers(values: Any) -> list[int]:
    return [number for value in values or () if (number := _number(value))]
