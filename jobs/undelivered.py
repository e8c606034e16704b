"""What did not reach people and programs, by cause: messages of rules, letters with customers' links, webhooks that the
hub has switched off. Part of the problems; the cures are here too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import aliased

from models import Connection, Message, Order, OrderLink, OrderMail, WebhookDelivery, WebhookEndpoint, db, utcnow
from orders.reports import COUNT_LIMIT, at_most
from orders.timeline import Actor

from . import messages, wake, webhooks
from .causes import normal

#: rows that a group shows
SHOWN = 30
#: the newest that are looked through
DEPTH = 5_000


@dataclass
class SentGroup:
    """What failed alike: messages of rules, letters with links, addresses of webhooks that are called no more (`kind`:
    "messages", "letters", "hooks"). `detail`: the words for the newest."""

    kind: str
    channel: str  # chat | email; "" of hooks
    state: str  # failed | unknown; "" of hooks
    fault: str
    detail: str
    connection_id: int | None = None
    system: str = ""  # the bot's name
    rows: list[Any] = field(default_factory=list)  # id, number, to, at, waits; newest first, up to SHOWN
    n: int = 0

    @property
    def id(self) -> int:
        """Names the group in forms: the newest of it."""
        return int(self.rows[0].id)


def find() -> list[SentGroup]:
    """All of them, in one query."""
    parts = [db.select(part.subquery()) for part in (_messages(), _letters(), _hooks())]
    found: dict[tuple[Any, ...], SentGroup] = {}
    for row in db.session.execute(db.union_all(*parts)):
        cause = (row.kind, *_cause(row))
        blank = SentGroup(row.kind, row.channel, row.state, row.fault, row.detail, row.connection_id, row.name or "")
        group = found.setdefault(cause, blank)
        group.n += 1
        if len(group.rows) < SHOWN:
            group.rows.append(row)
    return list(found.values())


def counts() -> Sequence[Any]:
    """Three expressions that count the same, for jobs.reports."""
    return tuple(at_most(query, COUNT_LIMIT) for query in (undelivered(), undelivered_letters(), given_up()))


def undelivered(*columns: Any) -> Any:
    """A query for messages that failed, or of which nobody knows whether they arrived, newest first."""
    query = db.select(*columns or (Message.id,)).outerjoin(Connection, Connection.id == Message.connection_id)
    open_ = db.text("messages.state IN ('failed', 'unknown')")  # written out, so that SQLite uses the partial index
    return query.where(open_, Connection.removed_at.is_(None)).order_by(Message.id.desc())


def undelivered_letters(*columns: Any) -> Any:
    """A query for letters that failed while their link still works and no later letter took it out, newest first."""
    later = aliased(OrderMail)
    newer = db.select(later.id).where(later.link_id == OrderMail.link_id, later.id > OrderMail.id).correlate(OrderMail)
    works = [OrderLink.used_at.is_(None), OrderLink.revoked_at.is_(None), OrderLink.expires_at > utcnow()]
    query = db.select(*columns or (OrderMail.id,)).join(OrderLink, OrderLink.id == OrderMail.link_id)
    return query.where(OrderMail.state == "failed", *works, ~newer.exists()).order_by(OrderMail.id.desc())


def given_up(*columns: Any) -> Any:
    query = db.select(*columns or (WebhookEndpoint.id,)).where(
        ~WebhookEndpoint.enabled, WebhookEndpoint.given_up_at.is_not(None)
    )
    return query.order_by(WebhookEndpoint.id)


def _messages() -> Any:
    to = db.case((Message.channel == "chat", Message.subject), else_=Message.target)
    about = (Message.id, Message.channel, Message.state, Message.fault, Message.detail, Message.connection_id)
    query = undelivered(_text("messages").label("kind"), *about, to.label("to"), Message.finished_at.label("at"),
                        Order.number, Connection.name, _no(BigInteger).label("waits"))  # fmt: skip
    return query.outerjoin(Order, Order.id == Message.order_id).limit(DEPTH)


def _letters() -> Any:
    query = undelivered_letters(_text("letters"), OrderMail.id, _text("email"), OrderMail.state, _text(""),
                                OrderMail.error, _no(BigInteger), OrderMail.address, OrderMail.created_at,
                                Order.number, _text(""), _no(BigInteger))  # fmt: skip
    return query.join(Order, Order.id == OrderLink.order_id).limit(DEPTH)


def _hooks() -> Any:
    events = db.select(db.func.count()).where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id, db.text("webhook_deliveries.state IN ('waiting', 'working')")
    )
    return given_up(_text("hooks"), WebhookEndpoint.id, _text(""), _text(""), _text(""), _text(""), _no(BigInteger),
                    WebhookEndpoint.url, WebhookEndpoint.given_up_at, _text(""), _text(""),
                    events.correlate(WebhookEndpoint).scalar_subquery()).limit(DEPTH)  # fmt: skip


def _text(value: str) -> Any:
    return db.literal(value, String)


def _no(kind: Any) -> Any:
    return db.cast(db.null(), kind)


def _cause(row: Any) -> tuple[Any, ...]:
    return row.channel, row.connection_id, row.state, row.fault, normal(row.detail)


# ---- cures; the caller commits


def alike(message_id: int) -> list[int]:
    """The ids of the messages that failed as this one did, newest first."""
    columns = (Message.id, Message.channel, Message.connection_id, Message.state, Message.fault, Message.detail)
    return _alike(message_id, db.session.execute(undelivered(*columns).limit(DEPTH)).all(), _cause)


def alike_letters(mail_id: int) -> list[int]:
    rows = db.session.execute(undelivered_letters(OrderMail.id, OrderMail.error).limit(DEPTH)).all()
    return _alike(mail_id, rows, lambda row: normal(row.error))


def _alike(row_id: int, rows: Sequence[Any], cause: Callable[[Any], Any]) -> list[int]:
    wanted = next((cause(row) for row in rows if row.id == row_id), None)
    return [row.id for row in rows if cause(row) == wanted]


def send_again(ids: Sequence[int], actor: Actor) -> int:
    """Messages; returns how many."""
    query = db.select(Message).where(Message.id.in_(ids)).order_by(Message.id).with_for_update()
    return sum(messages.send_again(row, actor) for row in db.session.scalars(query).all())


def set_aside(ids: Sequence[int]) -> int:
    """Messages that stay unsent, and are no problem any more."""
    query = db.update(Message).where(Message.id.in_(ids), Message.state.in_(("failed", "unknown")))
    query = query.values(state="dropped").returning(Message.id)
    return len(db.session.execute(query.execution_options(synchronize_session=False)).all())


def send_letters_again(ids: Sequence[int]) -> int:
    query = db.update(OrderMail).where(OrderMail.id.in_(ids), OrderMail.state == "failed")
    query = query.values(state="waiting", tries=0, not_before=utcnow()).returning(OrderMail.id)
    done = db.session.scalars(query.execution_options(synchronize_session=False)).all()
    for mail_id in done:
        wake.soon("mail", mail_id)
    return len(done)


def set_letters_aside(ids: Sequence[int]) -> int:
    query = db.update(OrderMail).where(OrderMail.id.in_(ids), OrderMail.state == "failed")
    query = query.values(state="dropped").returning(OrderMail.id)
    return len(db.session.scalars(query.execution_options(synchronize_session=False)).all())


def switch_on(endpoint_id: int) -> bool:
    """What waits for the address is delivered; False when it is on, or gone."""
    row = db.session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if row is None or row.enabled:
        return False
    webhooks.switch(row, True)
    return True


def leave_off(endpoint_id: int) -> bool:
    """It stays off, and is no problem any more."""
    row = db.session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if row is None or row.given_up_at is None:
        return False
    row.given_up_at = None
    return True
