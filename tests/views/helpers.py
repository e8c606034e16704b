"""What tests of pages share: people who are signed in, and a count of queries."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient
from sqlalchemy import event

from models import User, UserSession, db
from views import passwords, security

PASSWORD = "four words and nothing more"
_hashes: list[str] = []


def password_hash() -> str:
    """Of PASSWORD; made once, since a good hash is slow."""
    if not _hashes:
        _hashes.append(passwords.hashed(PASSWORD))
    return _hashes[0]


def add_user(email: str = "olena@example.com", role: str = "owner", **more: object) -> int:
    """Needs an application context; commits."""
    user = User(email=email, name=email.split("@")[0].title(), role=role, password_hash=password_hash(), **more)
    db.session.add(user)
    db.session.commit()
    return user.id


def login(client: FlaskClient, role: str = "owner", email: str = "") -> int:
    """Sign a user of this role in (made when absent); returns their id. The login page itself has tests of its own."""
    email = email or f"{role}@example.com"
    token = secrets.token_urlsafe(16)
    with client.application.app_context():
        user_id = db.session.scalar(db.select(User.id).where(User.email == email)) or add_user(email, role)
        db.session.add(UserSession(user_id=user_id, token_hash=security.digest(token), address="127.0.0.1"))
        db.session.commit()
    with client.session_transaction() as session:
        session.clear()
        session.update(_user_id=str(user_id), _fresh=True, token=token, seen=int(time.time()))
    return user_id


@contextmanager
def count_queries(client: FlaskClient) -> Iterator[list[str]]:
    """The statements that run meanwhile: `with count_queries(client) as queries: ...; assert len(queries) <= 12`."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    with client.application.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
