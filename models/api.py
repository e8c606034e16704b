"""Programs that talk to the hub and those the hub talks to: tokens of the API, requests answered once, webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Encrypted, Json, Model, UtcDateTime, db, partial_index, utcnow
from .registries import Shop, Source

#: what a token may do. form: only the public order form, whose token stands in the page for all to see
SCOPES = ("orders:read", "orders:write", "products:read", "products:write")
FORM_SCOPE = "form"


class ApiToken(Model):
    """A key of the API. The token itself is shown once; kept are its start, to tell tokens apart, and its hash."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    prefix: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    shop_id: Mapped[int | None] = mapped_column(
        ForeignKey("shops.id", ondelete="SET NULL")
    )  # what orders made with it get
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id", ondelete="SET NULL"))
    origin: Mapped[str] = mapped_column(String(200), default="")  # of a form: the site it stands on, https://shop.ua
    return_url: Mapped[str] = mapped_column(String(500), default="")  # of a form: where the customer goes afterwards
    created_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    shop: Mapped[Shop | None] = relationship()
    source: Mapped[Source | None] = relationship()

    @property
    def is_form(self) -> bool:
        return FORM_SCOPE in self.scopes


class ApiRequest(Model):
    """A request that was carried out, with its answer: the same key asks for the same answer, never for a second
    order. Written in the transaction of what the request did."""

    __tablename__ = "api_requests"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))  # of method, path and body
    status: Mapped[int] = mapped_column(default=0)
    answer: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    location: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
    __table_args__ = (db.UniqueConstraint("token_id", "key"),)


class WebhookEndpoint(Model):
    """An address that is told of events."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]] = mapped_column(Json, default=list)
    secrets: Mapped[dict[str, str]] = mapped_column(Encrypted, default=dict)  # {"current", "previous", "until"}
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    #: not called before: it has just failed
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: switched off by the hub, after days of failure or because the address said 410 Gone
    given_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WebhookDelivery(Model):
    """One event for one endpoint: the row is the queue."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
    message: Mapped[str] = mapped_column(String(40))  # the webhook-id: the same for every try
    event: Mapped[str] = mapped_column(String(30))
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # of the order's event
    body: Mapped[str | None] = mapped_column(Text)  # as first sent; later tries repeat it
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | working | done | failed
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    tries: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)  # grows with each claim; a late worker's number is too small
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    endpoint: Mapped[WebhookEndpoint] = relationship()
    attempts: Mapped[list[WebhookAttempt]] = relationship(order_by="WebhookAttempt.id", passive_deletes=True)
    __table_args__ = (
        Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        partial_index(
            "ix_webhook_deliveries_due", "endpoint_id", "not_before", where="state IN ('waiting', 'working')"
        ),
    )


class WebhookAttempt(Model):
    """One try to deliver, written after the call."""

    __tablename__ = "webhook_attempts"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    ms: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]  # None = no answer
    detail: Mapped[str] = mapped_column(String(500), default="")  # start of the answer, or why there was none
