"""`flask demo-setup`: connects the hub to its sandbox vendors and sets orders flowing. Safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import click
import httpx
from flask import current_app
from flask.cli import with_appcontext
from wtforms import StringField
from wtforms.validators import InputRequired

from integrations import connectors
from integrations.base import Account, Connector, OffersLists, PullsOrders, SecretField
from integrations.errors import Later, VendorError
from integrations.http import HttpClient
from integrations.sandbox import TOKENS, Sandbox, discover
from jobs import connections, hooks, mapping
from models import Connection, Schedule, db
from orders import stock

from . import demo_content

#: Orders waiting at the first start, in the first and in the second shop of a source.
WAITING = (40, 20)
EVERY = 5  # seconds between new orders
#: Seconds between runs of a connection's tasks: a demo shows in seconds what a shop has in minutes.
QUICK = {"orders": 10, "statuses": 15}
#: the catalogues come first: goods that orders bring have neither stock nor category
AFTER_CATALOGUES = timedelta(seconds=8)
PATIENCE = 3  # times that a vendor is asked once more


@click.command("demo-setup")
@with_appcontext
def command() -> None:
    """Connect every sandbox vendor of SANDBOX_URL and let its shops have new orders."""
    url = current_app.config["HUB"].sandbox_url
    if not url:
        raise click.ClickException("SANDBOX_URL is not set: start the sandboxes and say where they are")
    for key, sandbox in discover().items():
        if key in connectors():
            _connect_vendor(connectors()[key], sandbox, f"{url}/{key}", f"{url}/_control/{key}")
    demo_content.find_chats()
    demo_content.fill()


def _connect_vendor(cls: type[Connector], sandbox: type[Sandbox], api_url: str, control: str) -> None:
    shops = len(WAITING) if cls.can(PullsOrders) else 1
    for number in range(shops):
        name = f"{cls.title} {number + 1}" if shops > 1 else cls.title
        is_new = _connect(cls, name, api_url, TOKENS[number], sandbox.demo)
        if is_new and "orders" in sandbox.controls:
            _control(f"{control}/orders", {"count": WAITING[number], "account": TOKENS[number]})
        if is_new and "start" in sandbox.controls:  # somebody opens the chat, as its owner would
            _control(f"{control}/start", {"name": "Demo", "account": TOKENS[number]})
    if "webhook" in sandbox.controls:  # its owner would enter the address in the vendor's cabinet
        row = db.session.scalar(db.select(Connection).where(Connection.name == cls.title, Connection.kind == cls.key))
        if row is not None and row.removed_at is None:
            _control(f"{control}/webhook", {"url": hooks.address(row.id), "account": TOKENS[0]})
            db.session.commit()
    if "emit" in sandbox.controls:
        _control(f"{control}/emit", {"every": EVERY, "account": TOKENS[0]})


def _connect(cls: type[Connector], name: str, api_url: str, token: str, more: Mapping[str, str]) -> bool:
    """Make the connection, or point it at where the sandboxes are now. True when it is new."""
    row = db.session.scalar(db.select(Connection).where(Connection.name == name, Connection.kind == cls.key))
    if row is not None:
        if row.removed_at is None and row.settings.get("api_url") != api_url:
            connections.change(row, connections.account_settings(row) | {"api_url": api_url})
        db.session.commit()
        return False
    row = connections.create(cls.key, name, _settings(cls, api_url, token, more))
    demo_content.book_commissions(row)
    for schedule in db.session.scalars(db.select(Schedule).where(Schedule.connection_id == row.id)):
        schedule.every = QUICK.get(schedule.task, schedule.every)
        schedule.next_at += AFTER_CATALOGUES if schedule.task == "orders" else timedelta()
    db.session.commit()
    _fill_mappings(row)
    return True


def _settings(cls: type[Connector], api_url: str, token: str, more: Mapping[str, str]) -> dict[str, Any]:
    """Address, token, and what the sandbox says; a required text named like one of the vendor's lists gets that list's
    first entry."""
    form = cls.Settings()
    settings: dict[str, Any] = {field.name: token for field in form if isinstance(field, SecretField)}
    settings |= {"api_url": api_url, **more}
    if stock.TELL in form:
        settings[stock.TELL] = True
    wanted = [f.name for f in form if _is_required_text(f) and f.name not in settings]
    if wanted:
        lists = _lists(cls, settings)
        settings |= {name: lists[f"{name}s"][0].code for name in wanted if lists.get(f"{name}s")}
    return settings


def _is_required_text(field: Any) -> bool:
    return isinstance(field, StringField) and any(isinstance(rule, InputRequired) for rule in field.validators)


def _lists(cls: type[Connector], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    opened = cls(
        Account(0, "demo", settings), HttpClient(policy=current_app.extensions["policy"], secrets=list(TOKENS))
    )
    return opened.references() if isinstance(opened, OffersLists) else {}


def _fill_mappings(row: Connection) -> None:
    """By suggestion, as a newcomer would accept them; the lists come first, they are what there is to choose from."""
    try:
        _patiently(lambda: connections.refresh_references(row))
        mapping.suggest_all(row)
        demo_content.wait_for_payments(row)
        db.session.commit()
    except VendorError as error:
        click.echo(f"{row.name}: its lists could not be fetched: {error}", err=True)


def _patiently(ask: Callable[[], Any]) -> None:
    """A vendor that wants a pause gets it: everything is connected within moments here, which no shop does."""
    for _ in range(PATIENCE):
        try:
            ask()
        except Later as error:
            time.sleep(error.retry_after or 1)
        else:
            return
    ask()


def _control(url: str, body: dict[str, Any]) -> None:
    try:
        httpx.post(url, json=body, timeout=30).raise_for_status()
    except httpx.HTTPError as error:
        raise click.ClickException(f"the sandboxes do not answer at {url}: {error}") from None
