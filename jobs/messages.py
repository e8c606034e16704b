"""Messages to chats and addresses: each is sent once.

Taken and committed before the call, closed after it. What was certainly not taken by the other side is tried again; an
answer that was lost, or a worker that died in the call, leaves the message "unknown", and only a person sends it again.
"""

from __future__ import annotations

import smtplib
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from integrations import connector
from integrations.base import SendsMessages
from integrations.errors import Later, Unknown, VendorError
from integrations.types import MessageSent
from models import Connection, Message, Order, ReferenceItem, Rule, db, insert_into, utcnow
from orders import events
from orders.timeline import Actor, note

from . import connections, mail, notices, wake

log = structlog.get_logger()

#: seconds before the 2nd, 3rd… try; then the message has failed
WAITS = (10, 60, 300, 1800, 7200, 21_600)
#: a message taken so long ago and still not closed: its worker is gone
LEASE = timedelta(minutes=3)
STINT = 200
#: errors of the mail server after which it has certainly not taken the letter
_CERTAIN = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ConnectionRefusedError, socket.gaierror)


@dataclass
class _Result:
    state: str  # sent | failed | unknown | waiting
    detail: str = ""
    fault: str = ""  # class of the failure, or "off": the connection is
    external_id: str = ""
    retry_after: float | None = None
    moved_to: str = ""  # the chat has another id from now on
    holds: bool = False  # the whole bot has to wait, not this message alone
    error: VendorError | None = None  # as the messenger told it


def deliver() -> None:
    """The job: send what is due, one message after another."""
    wake.begun("messages", 0)
    _close_abandoned()
    for _ in range(STINT):
        message_id = _take()
        if message_id is None:
            return
        result = _send(message_id)
        connection_id = _settle(message_id, result)
        if connection_id and (result.error or result.state == "sent"):
            connections.note_answer(connection_id, result.error)
    events.wake_messages()
    db.session.commit()


def is_due() -> bool:
    return db.session.scalar(_due().limit(1)) is not None


def send_again(message: Message, actor: Actor) -> bool:
    """A person wants it sent once more; False when it waits, is being sent or has arrived."""
    if message.state not in ("failed", "unknown", "dropped"):
        return False
    message.state, message.tries, message.not_before, message.detail = "waiting", 0, utcnow(), ""
    message.fault = ""
    if message.order_id is not None:
        note(message.order_id, actor, "message", **_told(message, "requested"))
    events.wake_messages()
    return True


def listed(before: int, limit: int) -> list[Any]:
    """Messages, the newest first, with their orders' numbers: (message, number or None). `before`: an id, 0 = from
    the newest on."""
    query = db.select(Message, Order.number).outerjoin(Order, Order.id == Message.order_id).order_by(Message.id.desc())
    if before:
        query = query.where(Message.id < before)
    return list(db.session.execute(query.limit(limit)).all())


def _open() -> Any:
    """Written out, so that SQLite uses the partial index."""
    return db.text("messages.state IN ('waiting', 'working')")


def _due() -> Any:
    """`not_before` of one that is being sent is the end of its lease."""
    return db.select(Message.id).where(_open(), Message.not_before <= utcnow()).order_by(Message.not_before)


def _take() -> int | None:
    """The next one, marked as being sent, committed."""
    query = _due().where(Message.state == "waiting").limit(1).with_for_update(skip_locked=True)
    message_id: int | None = db.session.scalar(query)
    if message_id is not None:
        row = db.session.get_one(Message, message_id, populate_existing=True)
        row.state, row.tries, row.not_before = "working", row.tries + 1, utcnow() + LEASE
    db.session.commit()
    return message_id


def _close_abandoned() -> None:
    query = _due().where(Message.state == "working").limit(STINT).with_for_update(skip_locked=True)
    for message_id in list(db.session.scalars(query)):
        row = db.session.get_one(Message, message_id)
        _close(row, _Result("unknown", "the worker that sent it is gone", "lease_lost"))
    db.session.commit()


def _send(message_id: int) -> _Result:
    """The call, with no transaction open."""
    row = db.session.get_one(Message, message_id)
    channel, target, subject, body = row.channel, row.target, row.subject, row.body
    connection = db.session.get(Connection, row.connection_id) if row.connection_id else None
    opened = connections.open_connector(connection) if connection and connections.usable(connection) else None
    db.session.commit()
    if channel == "email":
        return _mail(target, subject, body)
    if not isinstance(opened, SendsMessages):
        return _Result("failed", "the connection is switched off", "off")
    try:
        sent: MessageSent = opened.send_message(target, body)
    except VendorError as error:
        return _not_sent(error)
    return _Result("sent", external_id=sent.external_id, moved_to=sent.chat if sent.chat != target else "")


def _not_sent(error: VendorError) -> _Result:
    if isinstance(error, Later):
        held = error.fault == "rate_limited"
        return _Result("waiting", error.detail, error.fault, retry_after=error.retry_after, holds=held, error=error)
    return _Result("unknown" if isinstance(error, Unknown) else "failed", error.detail, error.fault, error=error)


def _mail(target: str, subject: str, body: str) -> _Result:
    try:
        mail.send(target, subject, body)
    except mail.NotSent as error:
        if error.final:
            return _Result("failed", str(error))
        # what the mail server answered, or that it was not reached, is certain; anything else is a lost answer
        return _Result("waiting" if isinstance(error.__context__, _CERTAIN) else "unknown", str(error))
    return _Result("sent")


def _settle(message_id: int, result: _Result) -> int | None:
    """Closes the message, or has it wait; the connection that it went through. Commits."""
    row = db.session.get_one(Message, message_id, populate_existing=True)
    now = utcnow()
    if result.state == "waiting" and row.tries <= len(WAITS):
        wait = timedelta(seconds=max(WAITS[row.tries - 1], result.retry_after or 0))
        if result.retry_after is not None:
            wait = timedelta(seconds=min(result.retry_after, 86_400) + 1)
        row.state, row.not_before, row.detail = "waiting", now + wait, result.detail[:500]
        if result.holds:
            row.tries -= 1  # the bot was too fast; the message is not to blame
            _hold(row.connection_id, now + wait)
    else:
        _close(row, result if result.state != "waiting" else _Result("failed", result.detail, result.fault))
    connection_id = row.connection_id
    wake.changed()
    db.session.commit()
    return connection_id


def _hold(connection_id: int | None, until: Any) -> None:
    """Everything of this bot waits as long as it asked for."""
    mine = db.update(Message).where(
        Message.connection_id == connection_id, Message.state == "waiting", Message.not_before < until
    )
    db.session.execute(mine.values(not_before=until).execution_options(synchronize_session=False))


def _close(row: Message, result: _Result) -> None:
    row.state, row.external_id, row.detail = result.state, result.external_id[:64], result.detail[:500]
    row.fault = result.fault
    row.finished_at = utcnow()
    if row.order_id is not None:
        note(row.order_id, Actor("rule", row.rule_name), "message", **_told(row, result.state))
        touched = db.update(Order).where(Order.id == row.order_id).values(updated_at=utcnow())  # open cards look again
        db.session.execute(touched.execution_options(synchronize_session=False))
    if row.user_id is not None and result.state == "failed" and result.fault == "validation":
        row.state = "dropped"  # the person has left the chat: their page says so, and nobody else can mend it
        notices.lost(row.user_id, row.target, row.detail)
    if result.moved_to:
        _follow(row, result.moved_to)
    if result.state == "failed":
        log.warning("message_failed", message=row.id, detail=row.detail)


def _told(row: Message, outcome: str) -> dict[str, Any]:
    to = row.subject if row.channel == "chat" else row.target
    return {"channel": row.channel, "to": to, "outcome": outcome, "detail": row.detail, "message": row.id}


def _follow(row: Message, chat: str) -> None:
    """A group that became a supergroup has a new id: rules and messages that wait use it from now on."""
    for rule in db.session.scalars(db.select(Rule)):
        actions = [{**a, "chat": chat} if _is_to(a, row) else a for a in rule.actions]
        if actions != rule.actions:
            rule.actions = actions
    notices.moved(row.connection_id, row.target, chat)
    same = db.update(Message).where(
        Message.connection_id == row.connection_id, Message.target == row.target, Message.state == "waiting"
    )
    db.session.execute(same.values(target=chat).execution_options(synchronize_session=False))


def _is_to(action: dict[str, Any], row: Message) -> bool:
    return (action["kind"], action.get("connection"), action.get("chat")) == ("chat", row.connection_id, row.target)


# ---- chats

CHATS = "chats"


def bots() -> list[Connection]:
    """Connections that send messages."""
    return [r for r in connections.active() if connections.usable(r) and connector(r.kind).can(SendsMessages)]


def known_chats() -> list[ReferenceItem]:
    """Chats that have written to a bot, by name."""
    query = db.select(ReferenceItem).where(ReferenceItem.list == CHATS).order_by(ReferenceItem.name)
    return list(db.session.scalars(query))


def find_chats(row: Connection) -> tuple[int, str]:
    """Ask the bot who has written to it; (chats known, the link that opens a chat with it). Those found before stay:
    a bot forgets after a day. Raises VendorError."""
    opened: Any = connections.open_connector(row)
    row_id = row.id
    db.session.commit()
    link, found = opened.start_link(), opened.chats()
    for entry in found:
        values = {"name": entry.name[:200], "group": entry.group[:60], "fetched_at": utcnow()}
        query = insert_into(ReferenceItem.__table__).values(
            connection_id=row_id, list=CHATS, code=entry.code, position=0, **values
        )
        db.session.execute(query.on_conflict_do_update(index_elements=["connection_id", "list", "code"], set_=values))
    count = db.select(db.func.count()).where(ReferenceItem.connection_id == row_id, ReferenceItem.list == CHATS)
    total = db.session.scalar(count) or 0
    db.session.commit()
    return total, link
