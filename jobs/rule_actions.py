"""What a rule does with an order, in the caller's transaction. Each action tells what came of it:
{"kind", "result", …}, result "done" or why not (a key of RESULTS)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import current_app

from models import (
    Connection,
    Message,
    Order,
    ReferenceItem,
    Status,
    Transfer,
    WebhookDelivery,
    WebhookEndpoint,
    add_rows,
    db,
)
from orders import copies, events, outbox, placeholders, statuses
from orders.timeline import Actor

from . import connections, mail, messages

#: why an action did nothing, besides work.BLOCKS; pages have the sentence
RESULTS = ("done", "gone", "off", "unchanged", "working", "same", "no_mail", "no_address")
EVENT = "order.rule"  # of a webhook that a rule sends

Action = Mapping[str, Any]
Told = dict[str, Any]


def carry_out(action: Action, order: Order, rule: str, chain: Sequence[int]) -> Told:
    """Do it. `chain`: the rules that led here, this one at the end."""
    return {"kind": action["kind"], **_VERBS[action["kind"]](action, order, Actor("rule", rule), chain)}


def _send(action: Action, order: Order, actor: Actor, chain: Sequence[int]) -> Told:
    row = db.session.get(Connection, action["connection"])
    if row is None or row.removed_at is not None:
        return {"result": "gone", "to": row.name if row else ""}
    if not connections.usable(row):
        return {"result": "off", "to": row.name}
    refused = copies.request(order, row, actor)
    if not refused:
        wanted = {name: action[name] for name in ("success", "failure") if action.get(name)}
        waiting = db.update(Transfer).where(
            Transfer.order_id == order.id,
            Transfer.connection_id == row.id,
            Transfer.operation == "send",
            Transfer.state == "waiting",
        )
        db.session.execute(waiting.values(payload={**wanted, "chain": list(chain)}))
    return {"result": refused or "done", "to": row.name}


def _status(action: Action, order: Order, actor: Actor, _chain: Sequence[int]) -> Told:
    status = statuses.find(action["status"])
    if status is None or not status.active:
        return {"result": "gone", "to": status.name if status else ""}
    found = statuses.change([order.id], status, actor)
    return {"result": "done" if found.changed else found.skipped[0][1], "to": status.name}


def _cancel(action: Action, order: Order, actor: Actor, _chain: Sequence[int]) -> Told:
    status = db.session.scalars(db.select(Status).where(Status.key == "cancelled")).one()
    found = statuses.change([order.id], status, actor, text=str(action.get("text") or "")[:500])
    return {"result": "done" if found.changed else found.skipped[0][1], "to": status.name}


def _chat(action: Action, order: Order, actor: Actor, _chain: Sequence[int]) -> Told:
    row = db.session.get(Connection, action["connection"])
    name = _chat_name(action)
    if row is None or row.removed_at is not None:
        return {"result": "gone", "to": name}
    if not connections.usable(row):
        return {"result": "off", "to": row.name}
    body = placeholders.chat_html(str(action["text"]), _values(order))
    _message(order, actor, channel="chat", connection_id=row.id, target=str(action["chat"]), body=body, subject=name)
    return {"result": "done", "to": name}


def _chat_name(action: Action) -> str:
    known = db.select(ReferenceItem.name).filter_by(
        connection_id=action["connection"], list=messages.CHATS, code=str(action["chat"])
    )
    return db.session.scalar(known) or str(action["chat"])


def _email(action: Action, order: Order, actor: Actor, _chain: Sequence[int]) -> Told:
    if not mail.is_configured():
        return {"result": "no_mail", "to": str(action.get("to") or "")}
    target = str(action.get("to") or "") or order.email or order.buyer_email
    if not target:
        return {"result": "no_address", "to": ""}
    known = _values(order)
    subject = placeholders.cut(" ".join(placeholders.filled(str(action["subject"]), known).split()), 200)
    body = placeholders.filled(str(action["text"]), known)
    _message(order, actor, channel="email", target=target[:254], subject=subject, body=body)
    return {"result": "done", "to": target}


def _webhook(action: Action, order: Order, actor: Actor, _chain: Sequence[int]) -> Told:
    row = db.session.get(WebhookEndpoint, action["endpoint"])
    if row is None:
        return {"result": "gone", "to": ""}
    if not row.enabled:
        return {"result": "off", "to": row.url}
    detail = {"changes": [["rule", "", actor.name]]}
    add_rows(WebhookDelivery, [outbox.delivery(row.id, EVENT, order.id, detail)])
    outbox.wake([row.id])
    return {"result": "done", "to": row.url}


def _values(order: Order) -> dict[str, str]:
    db.session.flush()
    db.session.refresh(order)  # an action before this one may have changed the status
    return placeholders.values(order, current_app.config["HUB"].public_url)


def _message(order: Order, actor: Actor, **values: Any) -> None:
    db.session.add(Message(order_id=order.id, rule_name=actor.name[:80], **values))
    events.wake_messages()


_VERBS: dict[str, Callable[[Action, Order, Actor, Sequence[int]], Told]] = {
    "send": _send,
    "status": _status,
    "cancel": _cancel,
    "chat": _chat,
    "email": _email,
    "webhook": _webhook,
}
