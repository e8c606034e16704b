"""Orders that look like one: found as they are made, looked at by a person, settled once.

Two orders look alike when the same phone orders one of the same products within a day, or when two sources bring the
same number. A new order is compared with earlier ones by the indexes of phone and external number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy.orm import aliased

from models import LikelyDuplicate, Order, OrderLine, Prepared, Status, add_rows, among, db, utcnow

from . import search
from .timeline import Actor, note

#: how far apart orders of one phone may be placed
APART = timedelta(days=1)
#: how long ago a number from another source may have been placed: chance makes older ones meet
NUMBER_APART = timedelta(days=30)
#: groups of statuses whose orders are no longer worked on
OVER = ("cancelled", "deleted")

_o, _s, _l, _p = (model.__table__.c for model in (Order, Status, OrderLine, LikelyDuplicate))
_COLUMNS = (_o.id, _o.phone, _o.external_number, _o.source_id, _o.placed_at)


def _among(column: Any, name: str) -> Prepared:
    return Prepared(
        db.select(*_COLUMNS)
        .join_from(Order.__table__, Status.__table__)
        # those that ask would find themselves first, each at the price of looking at its row
        .where(among(column, name, str), column != db.literal_column("''"), ~among(_o.id, "own"))
        .where(_s.group.not_in(OVER))
        .where(_o.placed_at >= db.bindparam("since", type_=_o.placed_at.type))
        .where(_o.placed_at <= db.bindparam("until", type_=_o.placed_at.type)),
        same_plan=True,
    )


_ENDED = Prepared(db.select(_s.id).where(_s.group.in_(OVER)), same_plan=True)
_BY_PHONE, _BY_NUMBER = _among(_o.phone, "phones"), _among(_o.external_number, "numbers")
_LINES = Prepared(db.select(_l.order_id, _l.sku, _l.name).where(among(_l.order_id, "ids")), same_plan=True)
_MARK = Prepared(
    db.update(Order.__table__)
    .where(among(_o.id, "ids"))
    .values(
        likely_duplicate=db.bindparam("flag", type_=_o.likely_duplicate.type),
        updated_at=db.bindparam("now", type_=_o.updated_at.type),
    ),
    same_plan=True,
)


def look(ids: Sequence[int], rows: Sequence[dict[str, Any]], lines: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Compare new orders (ids, columns, lines) with earlier ones and with each other; mark those that look alike. In
    the caller's transaction. Three queries, two more where something is found."""
    if not any(row.get("phone") or row.get("external_number") for row in rows):
        return
    ended = {row.id for row in _ENDED.rows()}
    made = [_new(order_id, row, own, ended) for order_id, row, own in zip(ids, rows, lines, strict=True)]
    pairs = _same_phone(made)
    pairs |= {key: "number" for key in _same_number(made) if key not in pairs}
    if not pairs:
        return
    common = {"state": "open", "created_at": utcnow()}
    found = [{"order_id": a, "other_id": b, "why": why, **common} for (a, b), why in pairs.items()]
    add_rows(LikelyDuplicate, found, _unless_known)
    _MARK.run(ids=sorted({i for pair in pairs for i in pair}), flag=True, now=utcnow())


@dataclass(slots=True)
class _New:
    """An order that was just made, with the names that rows of earlier ones have."""

    id: int
    phone: str
    external_number: str
    source_id: int | None
    placed_at: datetime
    goods: set[str]
    counts: bool  # others may look like it: it is still worked on


def _new(order_id: int, row: dict[str, Any], lines: Sequence[dict[str, Any]], ended: Collection[int]) -> _New:
    phone, number = row.get("phone") or "", row.get("external_number") or ""
    goods = _goods(lines) if phone else set()
    return _New(order_id, phone, number, row.get("source_id"), row["placed_at"], goods, row["status_id"] not in ended)


def _by(name: str, there: Sequence[Any], made: Sequence[_New]) -> dict[str, list[Any]]:
    """Value of this column -> the orders that have it, by id: those that were here and those that were just made."""
    found: dict[str, list[Any]] = {}
    for one in sorted([*there, *(new for new in made if new.counts)], key=attrgetter("id")):
        found.setdefault(getattr(one, name), []).append(one)
    return found


def _unless_known(query: Any) -> Any:
    return query.on_conflict_do_nothing(index_elements=["order_id", "other_id"])


def _goods(lines: Sequence[dict[str, Any]]) -> set[str]:
    """What lines are compared by: the SKU, without one the name."""
    return {_normal(line.get("sku") or line.get("name") or "") for line in lines} - {""}


_normal = lru_cache(maxsize=4096)(search.normal)  # the same products are ordered again and again


def _same_phone(made: Sequence[_New]) -> dict[tuple[int, int], str]:
    """(later, earlier) -> "phone". Of several earlier ones the first counts: all lead to it."""
    asking = [new for new in made if new.phone and new.goods]
    if not asking:
        return {}
    times = [new.placed_at for new in asking]
    there = _BY_PHONE.rows(
        phones=list({new.phone for new in asking}),
        own=[new.id for new in made],
        since=min(times) - APART,
        until=max(times) + APART,
    )
    met = {phone: found for phone, found in _by("phone", there, made).items() if phone and len(found) > 1}
    if not met:
        return {}
    goods = {new.id: new.goods for new in made}
    if earlier := [row.id for row in there if row.phone in met]:
        for order_id, sku, name in _LINES.rows(ids=earlier):
            goods.setdefault(order_id, set()).update(_goods([{"sku": sku, "name": name}]))
    found = ((new, _earlier(new, met.get(new.phone, ()), goods)) for new in asking)
    return {(new.id, other): "phone" for new, other in found if other}


def _earlier(new: _New, rows: Sequence[Any], goods: Mapping[int, set[str]]) -> int | None:
    """The first of the orders of the same phone, by id, that looks like this one."""
    for row in rows:
        if row.id >= new.id:
            return None
        if abs(row.placed_at - new.placed_at) <= APART and goods.get(row.id, set()) & new.goods:
            return int(row.id)
    return None


def _same_number(made: Sequence[_New]) -> dict[tuple[int, int], str]:
    asking = [new for new in made if new.external_number and new.source_id]
    if not asking:
        return {}
    times = [new.placed_at for new in asking]
    there = _BY_NUMBER.rows(
        numbers=list({new.external_number for new in asking}),
        own=[new.id for new in made],
        since=min(times) - NUMBER_APART,
        until=max(times) + NUMBER_APART,
    )
    by_number = _by("external_number", there, made)
    found: dict[tuple[int, int], str] = {}
    for new in asking:
        for row in by_number.get(new.external_number, ()):
            if row.id < new.id and row.source_id not in (None, new.source_id):
                found[(new.id, row.id)] = "number"
                break
    return found


_CLOSE = Prepared(
    db.update(LikelyDuplicate.__table__)
    .where(db.literal_column("state = 'open'"), db.or_(among(_p.order_id, "ids"), among(_p.other_id, "ids")))
    .values(
        state=db.bindparam("became", type_=_p.state.type),
        by=db.bindparam("who", type_=_p.by.type),
        settled_at=db.bindparam("now", type_=_p.settled_at.type),
    )
    .returning(_p.order_id, _p.other_id),
    same_plan=True,
)
_STILL = Prepared(
    db.select(_p.order_id, _p.other_id).where(
        db.literal_column("state = 'open'"), db.or_(among(_p.order_id, "ids"), among(_p.other_id, "ids"))
    ),
    same_plan=True,
)


def alike(order_ids: Sequence[int]) -> set[int]:
    """These orders and whatever looks like one of them: `over` changes all of them, so whoever means to call it locks
    them first, in the order of their ids. Two that are cancelled at once would wait for each other otherwise."""
    return {*order_ids, *(i for row in _STILL.rows(ids=list(order_ids)) for i in row)}


def over(order_ids: Sequence[int]) -> None:
    """Orders were cancelled or deleted: whatever looked like them stands alone now."""
    db.session.flush()
    rows = _CLOSE.rows(ids=list(order_ids), became="over", who="", now=utcnow())
    _unmark({i for row in rows for i in row})


def _unmark(order_ids: set[int]) -> None:
    """Take the mark off where no open pair is left."""
    if not order_ids:
        return
    still = {i for row in _STILL.rows(ids=list(order_ids)) for i in row}
    if free := order_ids - still:
        _MARK.run(ids=sorted(free), flag=False, now=utcnow())
        for order_id in free:
            if (held := db.session.identity_map.get(db.session.identity_key(Order, order_id))) is not None:
                db.session.expire(held, ["likely_duplicate", "updated_at"])


def settle(pair: LikelyDuplicate, state: str, actor: Actor, kept_id: int | None = None) -> None:
    """A person has looked. In the caller's transaction."""
    pair.state, pair.by, pair.settled_at, pair.kept_id = state, actor.name[:120], utcnow(), kept_id
    db.session.flush()
    _unmark({pair.order_id, pair.other_id})


def dismiss(pair: LikelyDuplicate, actor: Actor) -> None:
    """Two orders after all; nobody is asked about these two again."""
    numbers = dict(
        db.session.execute(db.select(Order.id, Order.number).where(Order.id.in_((pair.order_id, pair.other_id)))).all()
    )
    settle(pair, "dismissed", actor)
    for one, other in ((pair.order_id, pair.other_id), (pair.other_id, pair.order_id)):
        note(one, actor, "not_duplicate", name=numbers.get(other, ""))


def dismiss_many(pair_ids: Sequence[int], actor: Actor) -> int:
    """Those of the pairs that are still open; how many."""
    query = db.select(LikelyDuplicate).where(LikelyDuplicate.id.in_(pair_ids), LikelyDuplicate.state == "open")
    pairs = db.session.scalars(query.order_by(LikelyDuplicate.id).with_for_update()).all()
    for pair in pairs:
        dismiss(pair, actor)
    return len(pairs)


def of_order(order_id: int) -> list[Any]:
    """(pair's id, the other order's number, why) of the open pairs of an order."""
    other = aliased(Order)
    there = db.or_(
        (LikelyDuplicate.order_id == order_id) & (other.id == LikelyDuplicate.other_id),
        (LikelyDuplicate.other_id == order_id) & (other.id == LikelyDuplicate.order_id),
    )
    query = db.select(LikelyDuplicate.id, other.number, LikelyDuplicate.why).join(other, there)
    return list(db.session.execute(query.where(LikelyDuplicate.state == "open").limit(5)))


def open_pairs(*columns: Any) -> Any:
    """A query for the pairs that nobody has looked at, newest first."""
    query = db.select(*columns or (LikelyDuplicate.id,))
    return query.where(db.literal_column("likely_duplicates.state = 'open'")).order_by(LikelyDuplicate.id.desc())
