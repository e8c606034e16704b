"""What delivery services answered, kept for a while; and which of their methods a shop uses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from models import KeptAnswer, MethodSwitch, Prepared, db, insert_into, utcnow

_kept, _off = KeptAnswer.__table__, MethodSwitch.__table__
_FIND = Prepared(
    db.select(_kept.c.answer)
    .where(_kept.c.connection_id == db.bindparam("connection"), _kept.c.key == db.bindparam("key"))
    .where(_kept.c.expires_at > db.bindparam("now", type_=_kept.c.expires_at.type)),
    same_plan=True,
)
_OFF = Prepared(
    db.select(_off.c.code).where(
        _off.c.shop_id == db.bindparam("shop"), _off.c.connection_id == db.bindparam("connection")
    ),
    same_plan=True,
)


def key(*parts: Any) -> str:
    """A digest of everything that an answer depends on."""
    written = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def find(connection_id: int, key: str) -> Any:
    """The answer kept under this key, None when there is none or it is too old."""
    found = _FIND.rows(connection=connection_id, key=key, now=utcnow())
    return found[0].answer if found else None


def keep(connection_id: int, shop_id: int | None, key: str, answer: Any, lasts: timedelta) -> None:
    """Keep an answer; those that are too old go. In the caller's transaction."""
    now = utcnow()
    db.session.execute(db.delete(KeptAnswer).where(KeptAnswer.expires_at < now))
    values = {"shop_id": shop_id, "answer": answer, "asked_at": now, "expires_at": now + lasts}
    query = insert_into(KeptAnswer).values(connection_id=connection_id, key=key, **values)
    db.session.execute(query.on_conflict_do_update(index_elements=["connection_id", "key"], set_=values))


def clear(shop_id: int) -> int:
    """Forget what services answered for this shop; how many answers."""
    gone = db.session.scalars(db.delete(KeptAnswer).where(KeptAnswer.shop_id == shop_id).returning(KeptAnswer.id))
    return len(gone.all())


def count(shop_id: int) -> int:
    query = db.select(db.func.count()).where(KeptAnswer.shop_id == shop_id, KeptAnswer.expires_at > utcnow())
    return int(db.session.scalar(query) or 0)


def switched_off(shop_id: int | None, connection_id: int) -> set[str]:
    """Codes of the methods that the shop doesn't use."""
    return {row.code for row in _OFF.rows(shop=shop_id, connection=connection_id)} if shop_id else set()


def switch(shop_id: int, connection_id: int, known: Iterable[str], on: Collection[str]) -> None:
    """Of the known methods, exactly these are on."""
    mine = db.delete(MethodSwitch).where(MethodSwitch.shop_id == shop_id, MethodSwitch.connection_id == connection_id)
    db.session.execute(mine)
    rows = [{"shop_id": shop_id, "connection_id": connection_id, "code": code} for code in known if code not in on]
    if rows:
        db.session.execute(db.insert(MethodSwitch), rows)
