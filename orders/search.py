"""Search: what an order is found by, and how the two databases look for it.

Parts of words, any case, Cyrillic included: a trigram index over one lower-case text an order (FTS5 on SQLite,
pg_trgm on PostgreSQL), its digits packed (orders/digits.py). Terms of one or two letters can't use it and look through
the newest orders only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from models import Order, OrderLine, OrderSearch, add_rows, db

from . import digits

#: how many of the newest rows a one- or two-letter term looks through
SHORT_TERM_DEPTH = 20_000
#: how many, from the page's edge on, are walked before the trigram index is asked (PostgreSQL)
WALK = 4_000
_ALIKE = (("’", "'"), ("ʼ", "'"), ("`", "'"), ("ё", "е"))
_NO_DIGIT = re.compile(r"\D")
_PHONE = re.compile(r"^\+?[\d\s()\-]{7,}$")


def normal(text: str) -> str:
    """Lower case, one kind of apostrophe, ё as е, single spaces."""
    text = text.lower()
    for char, plain in _ALIKE:  # a table of all letters takes ten times as long
        text = text.replace(char, plain)
    return " ".join(text.split())


_NAMES = (
    *("number", "external_number", "last_name", "first_name", "patronymic", "buyer_name", "email", "buyer_email"),
    "ttn",
)


def _digits(text: str) -> str:
    bare = text.removeprefix("+")
    return bare if bare.isascii() and bare.isdecimal() else _NO_DIGIT.sub("", bare)


def text_of(order: dict[str, Any], lines: Iterable[dict[str, Any]]) -> str:
    """The text an order is found by, packed: numbers, names, phones (digits), e-mails, TTN, SKUs."""
    parts = [str(order.get(name) or "") for name in _NAMES]
    # a number made of digits and dashes is typed like a phone: it has to be found by its digits alone, too
    parts += [_digits(part) for part in parts[:2] if _PHONE.match(part)]
    parts += [_digits(order.get(name) or "") for name in ("phone", "buyer_phone")]
    parts += [line.get("sku") or "" for line in lines]
    return digits.packed(normal(" ".join(dict.fromkeys(part for part in parts if part))))


def terms(query: str) -> list[str]:
    """The words to look for; a phone typed with spaces and brackets is one word of digits."""
    query = query.strip()
    if _PHONE.match(query):
        digits = _digits(query)
        return [digits[1:] if query.startswith("0") and len(digits) == 10 else digits]
    return normal(query).split()[:6]


def store(rows: Iterable[tuple[int, str]]) -> None:
    """Keep the texts of these orders (order id, text)."""
    add_rows(OrderSearch, [{"order_id": order_id, "text": text} for order_id, text in rows], _or_replace)


def add(rows: Iterable[tuple[int, str]]) -> None:
    """The same for orders that were just made."""
    add_rows(OrderSearch, [{"order_id": order_id, "text": text} for order_id, text in rows])


def _or_replace(query: Any) -> Any:
    return query.on_conflict_do_update(index_elements=["order_id"], set_={"text": query.excluded.text})


def refresh(order: Order) -> None:
    """Make the text of one order anew."""
    lines = db.session.execute(db.select(OrderLine.sku).where(OrderLine.order_id == order.id)).mappings()
    store([(order.id, text_of(vars(order), [dict(line) for line in lines]))])


def like(term: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", term)
    return f"%{escaped}%"


# What the walks of orders and of products have alike


def are_short(words: Sequence[str]) -> bool:
    """One or two letters say too little for an index: the newest rows are looked through, one by one."""
    return all(len(word) < 3 for word in words)


def on_sqlite() -> bool:
    return db.session.get_bind().dialect.name == "sqlite"


def has_trigrams(words: Sequence[str]) -> bool:
    """Whether PostgreSQL's trigram index is asked for these words."""
    return not are_short(words) and not on_sqlite()


@contextmanager
def trigram_index_only() -> Iterator[None]:
    """For the queries within. After a failed one there is nothing to set back: the transaction is lost anyway."""
    db.session.execute(db.text("SET LOCAL enable_seqscan = off"))
    yield
    db.session.execute(db.text("SET LOCAL enable_seqscan = on"))


def fts_terms(words: Sequence[str]) -> str:
    """What FTS5 is to match: it knows no words of one or two letters."""
    return " AND ".join('"' + word.replace('"', '""') + '"' for word in words if len(word) >= 3)
