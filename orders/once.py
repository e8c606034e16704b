"""Requests that are carried out once: the same key brings the same answer, never a second order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from models import ApiRequest, db, insert_into, utcnow

#: how long a key is remembered; callers are promised 24 hours
KEPT = timedelta(hours=48)


class Reused(Exception):
    """The key came before, with another request."""


def fingerprint(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def reserve(token_id: int, key: str, print_: str) -> ApiRequest | None:
    """Take the key in the caller's transaction; None = it is ours, carry the request out and `settle` it.

    Else the request as it was answered before. Another one with the same key that is under way is waited for: the
    unique index makes PostgreSQL wait, SQLite has one writer anyway. Raises Reused."""
    row = {"token_id": token_id, "key": key, "fingerprint": print_, "status": 0, "answer": {}, "location": ""}
    made = insert_into(ApiRequest).values(**row, created_at=utcnow())
    made = made.on_conflict_do_nothing(index_elements=["token_id", "key"]).returning(ApiRequest.__table__.c.id)
    if db.session.scalar(made) is not None:
        return None
    found = db.session.scalar(db.select(ApiRequest).where(ApiRequest.token_id == token_id, ApiRequest.key == key))
    if found is None or found.fingerprint != print_:
        raise Reused(key)
    return found


def settle(token_id: int, key: str, status: int, answer: Mapping[str, Any], location: str = "") -> None:
    """Keep the answer, in the transaction of what was done."""
    query = db.update(ApiRequest).where(ApiRequest.token_id == token_id, ApiRequest.key == key)
    db.session.execute(query.values(status=status, answer=dict(answer), location=location))


def forget() -> None:
    """Drop keys that are older than promised."""
    db.session.execute(db.delete(ApiRequest).where(ApiRequest.created_at < utcnow() - KEPT))
