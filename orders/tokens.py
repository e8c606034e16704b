"""Tokens of the API: made, found by what a program sends, revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import OperationalError

from models import ApiToken, Prepared, db, utcnow

#: so that scanners of leaked secrets, and people, know one when they see it
START = "perron_"
#: the time of the last use is written down this often at most
NOTED_EVERY = timedelta(minutes=5)


def digest(token: str) -> str:
    """What is kept of a token. It is 256 random bits: a slow hash would protect nothing more."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(name: str, scopes: Sequence[str], by: str, **more: Any) -> tuple[ApiToken, str]:
    """A new token, in the caller's transaction: the row, and the token itself, which can't be read again."""
    token = START + secrets.token_urlsafe(32)
    row = ApiToken(
        name=name, scopes=list(scopes), prefix=token[: len(START) + 6], token_hash=digest(token), created_by=by, **more
    )
    db.session.add(row)
    db.session.flush()
    return row, token


_tokens = ApiToken.__table__
_FIND = Prepared(
    db.select(_tokens).where(_tokens.c.token_hash == db.bindparam("hash"), _tokens.c.revoked_at.is_(None)),
    same_plan=True,
)


def find(token: str) -> Any:
    """The token's row (columns of ApiToken) while it is valid, else None."""
    found = _FIND.rows(hash=digest(token)) if token.startswith(START) else []
    return found[0] if found else None


def note_use(token: Any) -> None:
    """Write down, now and then, that a token is in use; apart from the request's transaction, which may only read."""
    now = utcnow()
    if token.last_used_at and token.last_used_at > now - NOTED_EVERY:
        return
    db.session.rollback()  # SQLite has one writer: this request must not wait for itself
    try:
        with db.engine.begin() as connection:
            connection.execute(db.update(_tokens).where(_tokens.c.id == token.id).values(last_used_at=now))
    except OperationalError:  # the database is busy: the time of the last use is worth no error
        return


def listed() -> Sequence[ApiToken]:
    """All tokens, those in use first."""
    query = db.select(ApiToken).options(db.joinedload(ApiToken.shop), db.joinedload(ApiToken.source))
    return db.session.scalars(query.order_by(ApiToken.revoked_at.is_not(None), ApiToken.id.desc())).all()


def revoke(token_id: int) -> ApiToken | None:
    """It opens nothing from now on. None when there is none."""
    row = db.session.get(ApiToken, token_id)
    if row is not None:
        row.revoked_at = row.revoked_at or utcnow()
    return row
