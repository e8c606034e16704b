"""Connections as the rest of the hub uses them: made, changed, opened, tested, their lists fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import current_app
from werkzeug.datastructures import MultiDict

from integrations import connector, connectors
from integrations.base import Account as ConnectorAccount
from integrations.base import (
    Connector,
    OffersLists,
    PullsOrders,
    QuotesDelivery,
    ReceivesOrders,
    SettingsForm,
    TakesPayments,
    Task,
    TellsCategories,
)
from integrations.errors import VendorError
from integrations.http import HttpClient
from integrations.types import Reference, TestResult
from models import Connection, OfferCategory, ReferenceItem, Schedule, Shop, Source, add_rows, db, utcnow

from . import wake
from .pace import pace


class Configured(Protocol):
    """A connection: a row of the table or a copy of it."""

    @property
    def id(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    @property
    def secrets(self) -> Mapping[str, str]: ...


class InvalidSettings(Exception):
    """Settings that the connector's form refuses; `errors`: field -> messages (texts marked N_)."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class TestReport:
    """What testing a connection found. fault "" = the vendor answered; then `notes` say what else is missing."""

    ok: bool
    fault: str = ""
    detail: str = ""
    field: str = ""
    notes: Sequence[str] = ()


def create(kind: str, name: str, settings: Mapping[str, Any]) -> Connection:
    """Make a connection of this kind, with its schedules. Raises InvalidSettings, KeyError for an unknown kind."""
    plain, secret = _split(kind, settings, {})
    row = Connection(kind=kind, name=name, settings=plain, secrets=secret, cursor={})
    if connector(kind).can(PullsOrders):
        row.source_id, row.shop_id = _source(kind), db.session.scalar(db.select(Shop.id).where(Shop.key == "main"))
    db.session.add(row)
    db.session.flush()
    follow_tasks(row)
    return row


def _source(kind: str) -> int:
    """The source that orders of this kind of system get until staff choose another: one by the system's own name."""
    title, color = connector(kind).title, connector(kind).color
    row = db.session.scalar(db.select(Source).where(Source.name == title))
    if row is None:
        last = db.session.scalar(db.select(db.func.max(Source.position))) or 0
        row = Source(name=title, color=color, position=last + 1)
        db.session.add(row)
        db.session.flush()
    return row.id


def change(row: Connection, settings: Mapping[str, Any]) -> None:
    """Give a connection new settings; a secret that comes back as its mask stays. Raises InvalidSettings."""
    row.settings, row.secrets = _split(row.kind, settings, row.secrets or {})
    row.last_error = None
    wake.changed()


def remove(row: Connection) -> None:
    """Delete for good what can do harm (secrets, schedules); the name stays for the orders that point here."""
    row.enabled = False
    row.removed_at = utcnow()
    row.secrets = {}
    row.name = f"{row.name} (#{row.id})"[:80]
    db.session.execute(db.delete(Schedule).where(Schedule.connection_id == row.id))
    wake.changed()


def _split(kind: str, settings: Mapping[str, Any], kept: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(plain settings, secrets) as the connector's form reads them."""
    cls = connector(kind)
    form = _form(cls, settings)
    if not form.validate():
        raise InvalidSettings(form.errors)
    found = form.merged(kept)
    secret = {name: str(found.pop(name) or "").strip() for name in cls.secret_names()}
    return found, secret


def _form(cls: type[Connector], given: Mapping[str, Any]) -> SettingsForm:
    """The form filled as a browser would: everything is text, a tick that is off is absent."""
    defaults = {f.name: f.data for f in cls.Settings() if f.name not in given}
    texts = {}
    for name, value in {**defaults, **given}.items():
        if value is None or value is False or value in ("", "false"):
            continue
        texts[name] = "y" if value is True else str(value)
    return cls.Settings(MultiDict(texts))


def active() -> Sequence[Connection]:
    """All that are not removed, by name."""
    return db.session.scalars(
        db.select(Connection).where(Connection.removed_at.is_(None)).order_by(Connection.name)
    ).all()


def usable(row: Connection) -> bool:
    return row.enabled and row.removed_at is None and row.kind in connectors()


def destinations() -> list[Connection]:
    found = [row for row in active() if usable(row) and connector(row.kind).can(ReceivesOrders)]
    return [row for row in found if connector(row.kind).takes_orders(row.settings or {})]


def sources() -> list[Connection]:
    return [row for row in active() if usable(row) and connector(row.kind).can(PullsOrders)]


def payers(currency: str) -> list[Connection]:
    """Those that customers can pay through in this currency."""
    found = [row for row in active() if usable(row) and connector(row.kind).can(TakesPayments)]
    return [row for row in found if currency in (connector(row.kind).currencies or (currency,))]


def delivers(kind: str) -> bool:
    """Is it a delivery service: does sending an order there make a parcel?"""
    cls = connectors().get(kind)
    return bool(cls and cls.can(QuotesDelivery))


def account_settings(row: Configured) -> dict[str, Any]:
    return {**(row.settings or {}), **(row.secrets or {})}


def open_connector(row: Configured) -> Connector:
    """A connector bound to this connection: its settings, its pace, its secrets hidden from every log."""
    return _open(connector(row.kind), row.id, row.name, account_settings(row))


def _open(cls: type[Connector], row_id: int, name: str, settings: Mapping[str, Any]) -> Connector:
    secrets = [str(settings.get(key) or "") for key in _secret_names(cls)]
    http = HttpClient(
        policy=current_app.extensions["policy"],
        secrets=[s for s in secrets if s],
        pace=pace(wake.broker(), str(row_id), cls.rate, cls.rate_window),
    )
    return cls(ConnectorAccount(row_id, name, settings), http)


_secrets: dict[type[Connector], frozenset[str]] = {}


def _secret_names(cls: type[Connector]) -> frozenset[str]:
    """Asked once: it makes a form, which takes longer than all else about opening a connector."""
    if cls not in _secrets:
        _secrets[cls] = frozenset(cls.secret_names())
    return _secrets[cls]


def test(row: Connection) -> TestReport:
    """Try the credentials; never raises. The caller has no transaction open while the vendor is asked."""
    opened = open_connector(row)
    db.session.commit()
    return _tested(opened)


def test_settings(kind: str, settings: Mapping[str, Any], kept: Mapping[str, str]) -> TestReport:
    """The same before anything is saved. Raises InvalidSettings."""
    plain, secret = _split(kind, settings, kept)
    db.session.commit()
    return _tested(_open(connector(kind), 0, kind, {**plain, **secret}))


def _tested(opened: Connector) -> TestReport:
    try:
        result: TestResult = opened.test()
    except VendorError as error:
        return TestReport(False, error.fault, error.detail, error.field)
    return TestReport(result.ok, notes=tuple(result.notes))


def has_task(row: Connection, key: str) -> bool:
    """Whether the connector does this by itself now and then. What it doesn't can't be asked of it either."""
    return any(task.key == key for task in connector(row.kind).tasks)


def follow_tasks(row: Connection) -> None:
    """Schedules follow the connector's list: new tasks appear, dropped ones go, times that staff set stay."""
    wanted = {task.key: task for task in connector(row.kind).tasks}
    have = {s.task: s for s in db.session.scalars(db.select(Schedule).where(Schedule.connection_id == row.id))}
    for key, task in wanted.items():
        if key not in have:
            db.session.add(_schedule(row.id, task))
    for key, schedule in have.items():
        if key not in wanted:
            db.session.delete(schedule)


def _schedule(connection_id: int, task: Task) -> Schedule:
    """The first run is now: at its hour only from the second on."""
    when = {"every": task.every, "at_hour": task.at_hour, "next_at": utcnow(), "paused": task.asked}
    return Schedule(connection_id=connection_id, task=task.key, **when)


def note_answer(connection_id: int, error: VendorError | None) -> None:
    """How a call went, for the connection's health; commits. One that was refused for its contents says nothing
    against the connection."""
    values: dict[str, Any] = {"last_ok_at": utcnow(), "last_error": None}
    if error and error.fault not in ("validation", "duplicate", "not_found"):
        said = {"fault": error.fault, "detail": error.detail[:500], "field": error.field}
        values = {"last_error_at": utcnow(), "last_error": said}
    db.session.execute(db.update(Connection).where(Connection.id == connection_id).values(values))
    db.session.commit()


def _reference_rows(connection_id: int, lists: Mapping[str, Sequence[Reference]]) -> list[dict[str, Any]]:
    """Columns of `reference_items`, each code once."""
    now = utcnow()
    return [
        {
            "connection_id": connection_id,
            "list": name,
            "code": entry.code,
            "name": entry.name,
            "group": entry.group,
            "settable": entry.settable,
            "position": i,
            "fetched_at": now,
        }
        for name, entries in lists.items()
        for i, entry in enumerate({e.code: e for e in entries}.values())
    ]


def refresh_references(row: Connection) -> int:
    """Fetch the vendor's lists anew; returns the number of entries. Raises VendorError; the old lists stay then."""
    opened = open_connector(row)
    row_id = row.id
    db.session.commit()
    lists = opened.references() if isinstance(opened, OffersLists) else {}
    if isinstance(opened, TellsCategories):
        _keep_categories(row_id, opened.categories())
    values = _reference_rows(row_id, lists)
    db.session.execute(
        db.delete(ReferenceItem).where(ReferenceItem.connection_id == row_id, ReferenceItem.list.in_(lists))
    )
    if values:
        db.session.execute(db.insert(ReferenceItem), values)
    wake.changed()
    db.session.commit()
    return len(values)


def _keep_categories(connection_id: int, paths: Sequence[str]) -> None:
    db.session.execute(db.delete(OfferCategory).where(OfferCategory.connection_id == connection_id))
    rows = [{"connection_id": connection_id, "path": path} for path in sorted({path[:300] for path in paths})]
    add_rows(OfferCategory, rows)
