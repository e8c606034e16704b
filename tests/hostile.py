"""A hub whose every text is an attack, and the addresses of all its pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from sqlalchemy import String, Text
from sqlalchemy.orm import DeclarativeBase
from werkzeug.routing import Rule

from jobs import connections
from models import (
    REGISTRIES,
    ApiToken,
    Attempt,
    AttemptItem,
    BulkUndo,
    Connection,
    Incoming,
    Link,
    Mapping,
    Order,
    OrderEvent,
    OrderLine,
    OrderType,
    Payment,
    Product,
    ReferenceItem,
    Run,
    SavedView,
    Schedule,
    Status,
    Transfer,
    User,
    UserSession,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    db,
)

#: closes attributes, texts and scripts, and trips up formats and templates
ATTACK = "'\"></script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}%(x)s%s"
#: what a browser would obey; must be on no page
OBEYED = ("<script>alert", "<img src=x", "onerror=alert(2)>{", "{{7*7}}</script>")
SHORT = "<img src=x>"  # for columns too short for more


def text_for(length: int | None) -> str:
    return ATTACK if length is None or length >= len(ATTACK) else SHORT[:length]


def filled(table: type[DeclarativeBase], /, **given: Any) -> Any:
    """A row whose every text column that is not given holds the attack; added and flushed."""
    values = {
        column.name: text_for(getattr(column.type, "length", None))
        for column in table.__table__.columns
        if isinstance(column.type, String | Text) and not column.primary_key and column.name not in given
    }
    row = table(**{**values, **given})
    db.session.add(row)
    db.session.flush()
    return row


def _order(n: int, **values: Any) -> Any:
    type_id = db.session.scalar(db.select(OrderType.id).limit(1))
    lists = {f"{name}_id": db.session.scalar(db.select(db.func.max(REGISTRIES[table].id)))  # type: ignore[attr-defined]  # every registry has an id
             for name, table in (("shop", "shops"), ("source", "sources"), ("delivery_method", "delivery"),
                                 ("payment_method", "payment"))}  # fmt: skip
    common = {"number": f"{n}{ATTACK}"[:64], "key": f"key-{n}", "phone": "+380501112233", "currency": "UAH"}
    codes = {"country": "UA", "cod_method": "cash", "payment_kind": "other", "buyer_phone": "", "type_id": type_id}
    unmapped = [{"table": "delivery_in", "code": ATTACK, "name": ATTACK, "connection_id": 1}]
    more = {"unmapped": unmapped, "needs_mapping": True, "utm": {ATTACK: ATTACK}}
    return filled(Order, **{**common, **codes, **lists, **more, **values})


def seed(app: Flask, sandbox_url: str) -> None:
    """Registries, people, connections, orders in every state, work done and failed. Commits."""
    with app.app_context():
        for kind in REGISTRIES.values():
            given = {"key": None, "position": 9, "color": "red", "currency": "UAH", "group": "new"}
            kinds = {"delivery_methods": "post", "payment_methods": "other"}
            own = {name: value for name, value in given.items() if hasattr(kind, name)}
            if hasattr(kind, "kind"):
                own["kind"] = kinds[kind.__tablename__]  # type: ignore[attr-defined]  # every registry is a table
            filled(kind, **own)  # type: ignore[arg-type]  # likewise
        settings = {"api_url": f"{sandbox_url}/prom", "token": "sandbox-token"}
        prom = connections.create("prom", f"P {ATTACK}"[:80], settings)
        crm_settings = {"api_url": f"{sandbox_url}/retailcrm", "api_key": "k", "site": ATTACK, "external_id_prefix": ""}
        crm = connections.create("retailcrm", f"C {ATTACK}"[:80], crm_settings)
        for connection in (prom, crm):
            connection.last_error = {"fault": "credentials", "detail": ATTACK}
            _lists(connection)
            _runs(connection)
        _orders(prom, crm)
        person = db.session.scalar(db.select(User).limit(1)) or filled(
            User, role="owner", language="", density="normal"
        )
        filled(SavedView, user_id=None, query="q=%3Cscript%3Ealert(1)%3C/script%3E")
        filled(UserSession, user_id=person.id, token_hash="x")
        _outside()
        db.session.commit()


def _outside() -> None:
    filled(ApiToken, token_hash="x", scopes=["orders:read", ATTACK])
    endpoint = filled(WebhookEndpoint, url=f"javascript:{ATTACK}", events=["order.created", ATTACK],
                      secrets={"current": "whsec_AAAA"}, enabled=False)  # fmt: skip
    for state in ("done", "failed", "waiting"):
        given = {"endpoint_id": endpoint.id, "order_id": None, "state": state, "body": None}
        delivery = filled(WebhookDelivery, event="order.created", **given)
        filled(WebhookAttempt, delivery_id=delivery.id, status=None)


def _lists(connection: Connection) -> None:
    for position, name in enumerate(("statuses", "delivery", "payment", "sites", "cancel_reasons")):
        filled(ReferenceItem, connection_id=connection.id, list=name, position=position)
    for table in ("status_in", "delivery_in", "payment_out", "status_out"):
        ours = db.session.scalar(db.select(Status.id).limit(1))
        extra = {"reason": ATTACK, "text": ATTACK}
        filled(Mapping, connection_id=connection.id, table=table, ours=ours, extra=extra)


def _runs(connection: Connection) -> None:
    for state, fault in (("done", ""), ("failed", "validation")):
        filled(Run, connection_id=connection.id, task="orders", state=state, fault=fault, counts={"seen": 3})


def _orders(prom: Connection, crm: Connection) -> None:
    states = ("new", "confirmed", "problem", "transferred", "cancelled", "deleted")
    for n, group in enumerate(states):
        status_id = db.session.scalar(db.select(Status.id).where(Status.group == group).order_by(Status.id).limit(1))
        order = _order(n, status_id=status_id)
        filled(OrderLine, order_id=order.id, price=10)
        for kind in ("created", "edited", "status", "sent", "failed"):
            changes = [["last_name", ATTACK, f"{ATTACK}!"], [ATTACK, ATTACK, ""]]
            detail = {"changes": changes, "text": ATTACK, "connection": ATTACK, "reason": ATTACK, "detail": ATTACK}
            filled(OrderEvent, order_id=order.id, actor="person", kind=kind, detail=detail)
        filled(Payment, order_id=order.id, kind="payment", currency="UAH", amount=5, external_id=str(n))
        _copies(order, prom, crm, n)
        came = {"channel": "pull", "event": "order", "external_id": f"{n}{SHORT}", "fingerprint": str(n)}
        state = "applied" if n else "failed"
        filled(Incoming, connection_id=prom.id, order_id=order.id, state=state, body={"name": ATTACK}, **came)
    filled(Product, sku=SHORT, currency="UAH")
    filled(BulkUndo, user_id=db.session.scalar(db.select(User.id).limit(1)), orders=[])


def _copies(order: Order, prom: Connection, crm: Connection, n: int) -> None:
    source = {"role": "source", "state": "linked", "external_id": f"s{n}{SHORT}", "url": "javascript:alert(1)"}
    filled(Link, order_id=order.id, connection_id=prom.id, **source)
    error = {"fault": "validation", "detail": ATTACK, "field": ATTACK}
    copy = {"role": "destination", "external_id": f"d{n}{SHORT}", "error": error, "url": "javascript:alert(1)"}
    filled(Link, order_id=order.id, connection_id=crm.id, state="problem" if n % 2 else "linked", **copy)
    for state, fault in (("done", ""), ("refused", "validation"), ("parked", "duplicate"), ("waiting", "unavailable")):
        names = {"connection_id": crm.id, "operation": "send", "payload": {"status": ATTACK}}
        transfer = filled(Transfer, order_id=order.id, state=state, fault=fault, **names)
        exchange = {"method": "POST", "url": ATTACK, "request": ATTACK, "response": ATTACK, "error": ATTACK,
                    "status": 400, "ms": 5}  # fmt: skip
        outcome = {"outcome": "refused", "fault": "validation"}
        attempt = filled(Attempt, connection_id=crm.id, verb="send", exchanges=[exchange], **outcome)
        filled(AttemptItem, attempt_id=attempt.id, transfer_id=transfer.id, order_id=order.id, **outcome)


#: for addresses with a word in them; numbers stand for row ids
WORDS = {
    "kind": ("prom", "retailcrm"),
    "token": ("x",),
    "number": ("key-0",),
    "table": (*REGISTRIES, "status_in", "status_out", "delivery_in"),
}


def addresses(app: Flask, method: str = "GET", ids: tuple[int, ...] = (1, 2, 3)) -> Iterator[tuple[Rule, str]]:
    """Every rule that answers to the method, with an address for each word or number that may stand in it."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if method not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        choices = [(name, WORDS.get(name, ids)) for name in sorted(rule.arguments)]
        longest = max((len(values) for _, values in choices), default=1)
        for position in range(longest):
            values = {name: found[position % len(found)] for name, found in choices}
            yield rule, adapter.build(rule.endpoint, values, method=method)


__all__ = ["ATTACK", "OBEYED", "Schedule", "addresses", "filled", "seed"]
