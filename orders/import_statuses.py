"""Statuses and tracking numbers from a file, for orders that are here: found by number, number at the source or TTN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Order, Prepared, Status, among, db, utcnow

from . import import_values as values
from . import search, statuses, work
from .export_columns import COLUMNS
from .import_files import Row
from .import_rows import Cells, Fate, Group, Vocabulary, refused
from .timeline import Actor, note

WILL = "update"
_NUMBERS = 3


@dataclass
class _Wanted:
    """What a row asks for; None = nothing."""

    group: Group
    number: str
    external: str
    by_ttn: str
    shop: int | None
    status: int | None
    ttn: str | None
    text: str

    def fits(self, row: Any) -> bool:
        """Is this the order that the row means?"""
        if self.shop is not None and row.shop_id != self.shop:
            return False
        if self.number and self.number not in (row.number, row.key, row.external_number):
            return False
        if self.external and self.external != row.external_number:
            return False
        return bool(self.number or self.external) or row.ttn == self.by_ttn


_o = Order.__table__.c
_COLUMNS = (_o.id, _o.number, _o.key, _o.external_number, _o.shop_id, _o.status_id, _o.ttn, _o.cancel_text)
#: "" as a literal: from a parameter neither database knows that its index of numbers serves
_BY_NUMBER = Prepared(
    db.select(*_COLUMNS).where(
        db.or_(
            among(_o.number, "numbers", str),
            among(_o.key, "numbers", str),
            db.and_(among(_o.external_number, "numbers", str), _o.external_number != db.literal_column("''")),
        )
    ),
    same_plan=True,
)
_BY_TTN = Prepared(
    db.select(*_COLUMNS).where(among(_o.ttn, "numbers", str), _o.ttn != db.literal_column("''")), same_plan=True
)


@dataclass
class _Statuses:
    """The table, as a chunk of rows needs it."""

    rows: dict[int, Status] = field(default_factory=dict)

    @classmethod
    def read(cls) -> _Statuses:
        return cls({row.id: row for row in db.session.scalars(db.select(Status))})


class Statuses:
    """Import of statuses and tracking numbers, a part of a file at a time."""

    def __init__(self, columns: Sequence[str], words: Vocabulary, shop_id: int | None) -> None:
        self.columns = columns
        self.words = words
        self.shop_id = shop_id
        self.finds_by_ttn = not {"number", "external_number"} & set(columns)

    def groups(self, rows: Iterable[Row]) -> Iterator[Group]:
        places = [(i, key) for i, key in enumerate(self.columns) if key]
        for number, cells in rows:
            yield Group(number, [{key: cells[i] for i, key in places}])

    def identities(self, group: Group) -> list[str]:
        first = group.first
        shop = search.normal(first.get("shop", ""))
        names = ("ttn",) if self.finds_by_ttn else ("number", "external_number")
        found = [(name, search.normal(values.plain(first.get(name, "")))) for name in names]
        return [f"{name}:{shop}:{value}" for name, value in found if value][:1]

    def check(self, groups: Sequence[Group]) -> list[Fate]:
        return [fate for fate, _ in self._settled(groups)]

    def apply(self, groups: Sequence[Group], actor: Actor, _detail: dict[str, Any]) -> list[Fate]:
        """Does what the rows ask for, in the caller's transaction."""
        settled = self._settled(groups)
        wanted = [(fate, want) for fate, want in settled if want and fate.fate == WILL]
        orders = {row.id: row for row in _locked([fate.order_id for fate, _ in wanted])}
        for fate, want in wanted:
            if fate.order_id in orders:
                _set_ttn(orders[fate.order_id], want, actor)
        db.session.flush()
        numbered = [fate.order_id for fate, want in wanted if want.ttn and fate.order_id in orders]
        work.request_number_push([order_id for order_id in numbered if order_id is not None], actor.name)
        self._change(wanted, actor)
        return [fate for fate, _ in settled]

    def _change(self, wanted: Sequence[tuple[Fate, _Wanted]], actor: Actor) -> None:
        groups: dict[tuple[int, str], list[int]] = {}
        for fate, want in wanted:
            if want.status is not None and fate.order_id is not None:
                groups.setdefault((want.status, want.text), []).append(fate.order_id)
        for (status_id, text), ids in groups.items():
            statuses.change(ids, db.session.get_one(Status, status_id), actor, text=text)

    # ---- what a row wants, and whether it can be

    def _settled(self, groups: Sequence[Group]) -> list[tuple[Fate, _Wanted | None]]:
        found = [self._read(group) for group in groups]
        wanted = [want for want in found if isinstance(want, _Wanted)]
        known = _Statuses.read()
        there = self._look(wanted, known)
        return [
            (_fate(want, there.get(want.group.row, ()), known), want) if isinstance(want, _Wanted) else (want, None)
            for want in found
        ]

    def _read(self, group: Group) -> _Wanted | Fate:
        cells = Cells(group.first)
        number, external = (cells.read(name, values.text, "") for name in ("number", "external_number"))
        shop = cells.read("shop", lambda cell: values.entry(cell, self.words.names["shops"]), self.shop_id)
        status = cells.read("status", lambda cell: values.entry(cell, self.words.names["statuses"]))
        ttn = cells.read("ttn", lambda cell: values.text(cell, 64))
        text = cells.read("cancel_text", lambda cell: values.text(cell, 500), "")
        if cells.reasons:
            return Fate("refused", cells.reasons)
        if not (ttn if self.finds_by_ttn else number or external):
            return refused("no_number")
        if status is None and (ttn is None or self.finds_by_ttn):
            return refused("nothing_asked")
        by = ttn if self.finds_by_ttn else ""
        return _Wanted(group, number, external, by, shop, status, None if by else ttn, text)

    def _look(self, wanted: Sequence[_Wanted], known: _Statuses) -> dict[int, list[Any]]:
        """Row of the file -> the orders that it may mean."""
        if self.finds_by_ttn:
            rows = _BY_TTN.rows(numbers=list({want.by_ttn for want in wanted}))
        else:
            rows = _BY_NUMBER.rows(numbers=list({name for w in wanted for name in (w.number, w.external) if name}))
        by_name: dict[str, dict[int, Any]] = {}
        for row in rows:
            for name in {row.ttn} if self.finds_by_ttn else {row.number, row.key, row.external_number}:
                by_name.setdefault(name, {})[row.id] = row
        return {
            want.group.row: [
                row for row in by_name.get(want.number or want.external or want.by_ttn, {}).values() if want.fits(row)
            ]
            for want in wanted
        }


def _locked(order_ids: Sequence[int | None]) -> Sequence[Order]:
    if not order_ids:
        return []
    query = db.select(Order).where(Order.id.in_(order_ids)).order_by(Order.id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def _set_ttn(order: Order, want: _Wanted, actor: Actor) -> None:
    if want.ttn is None or want.ttn == order.ttn:
        return
    before, order.ttn, order.ttn_state = order.ttn, want.ttn, ""
    order.version, order.updated_at = order.version + 1, utcnow()
    db.session.flush()
    note(order.id, actor, "edited", changes=[["ttn", before, want.ttn]])
    search.refresh(order)


def _fate(want: _Wanted, found: Sequence[Any], known: _Statuses) -> Fate:
    if len(found) != 1:
        return _not_one(want, found)
    row = found[0]
    now = known.rows[row.status_id]
    status = known.rows.get(want.status or 0)
    moves = status is not None and status.id != now.id
    renumbers = want.ttn is not None and want.ttn != row.ttn
    if moves and status is not None and not statuses.may_set_by_hand(status):
        code = "by_hand" if status.group == "transferred" else "entry_inactive"
        return refused(code, COLUMNS["status"].title, want.group.first.get("status", ""))
    if renumbers and now.group == "deleted":
        return refused("order_deleted", COLUMNS["number"].title, row.number)
    return Fate(WILL if moves or renumbers else "unchanged", order_id=row.id)


def _not_one(want: _Wanted, found: Sequence[Any]) -> Fate:
    name = "number" if want.number else "external_number" if want.external else "ttn"
    value = want.number or want.external or want.by_ttn
    if not found:
        return refused("no_such_order", COLUMNS[name].title, value)
    numbers = ", ".join(row.number for row in found[:_NUMBERS])
    return refused("ambiguous", COLUMNS[name].title, value, numbers=numbers)
