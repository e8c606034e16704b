"""Passwords: Argon2id hashes, one check that takes the same time for known and unknown people, and what is too weak."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import lazy_gettext as _l
from wtforms import Field, Form, ValidationError

from models import User

SHORTEST = 10
LONGEST = 200  # a megabyte of password would keep the hash busy for nothing

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    return _hasher.hash(password)


@cache
def _nobody() -> str:
    return hashed("nobody has this password")


def matches(user: User | None, password: str) -> bool:
    """Is it the user's password? Does the same work when there is no such user; renews a hash of older strength."""
    stored = user.password_hash if user and user.password_hash else _nobody()
    try:
        right = _hasher.verify(stored, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    if user is None or not user.password_hash:
        return False
    if right and _hasher.check_needs_rehash(stored):
        user.password_hash = hashed(password)
    return right


def strong(form: Form, field: Field) -> None:
    """WTForms validator: long enough, and not the e-mail address."""
    value = field.data or ""
    if len(value) < SHORTEST:
        raise ValidationError(_l("Use at least %(n)s characters: a few unrelated words do well.", n=SHORTEST))
    if len(value) > LONGEST:
        raise ValidationError(_l("Use at most %(n)s characters.", n=LONGEST))
    email = form["email"].data if "email" in form else None
    if email and value.casefold() == email.casefold():
        raise ValidationError(_l("The password must differ from the e-mail."))
