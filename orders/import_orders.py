"""Makes orders of the rows of a file, each once: an order is known again by its shop and its number there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import ImportedOrder, Order, Prepared, add_rows, among, db

from . import creation, numbers, search, stock
from . import import_values as values
from .import_drafts import Maker
from .import_files import Row
from .import_rows import Fate, Group, Vocabulary, grouped, refused
from .timeline import Actor

#: the fate of what the import has to do
WILL = "create"
_BY = ("number", "external_number", "shop")


@dataclass
class _Wanted:
    """A group that can be made into an order, if there is none yet."""

    group: Group
    draft: creation.Draft
    remarks: list[dict[str, Any]]
    number: str
    external: str  # the number at the source, without one the number
    shop: int | None
    external_given: bool

    @property
    def identity(self) -> str:
        return f"{self.shop or 0}:{search.normal(self.external)}"


_o, _i = Order.__table__.c, ImportedOrder.__table__.c
_COLUMNS = (_o.id, _o.number, _o.key, _o.external_number, _o.shop_id)
_BY_NUMBER = Prepared(
    db.select(*_COLUMNS).where(db.or_(among(_o.number, "numbers", str), among(_o.key, "numbers", str))), same_plan=True
)
#: "" as a literal: from a parameter neither database knows that its index of numbers serves
_BY_EXTERNAL = Prepared(
    db.select(*_COLUMNS).where(
        among(_o.external_number, "numbers", str), _o.external_number != db.literal_column("''")
    ),
    same_plan=True,
)
_IMPORTED = Prepared(db.select(_i.identity, _i.order_id).where(among(_i.identity, "identities", str)), same_plan=True)


@dataclass
class _There:
    """Orders that may be those of a file."""

    by_number: dict[str, Any] = field(default_factory=dict)
    by_external: dict[tuple[str, int | None], int] = field(default_factory=dict)
    imported: dict[str, int] = field(default_factory=dict)


class Orders:
    """Import of new orders, a part of a file at a time."""

    def __init__(self, columns: Sequence[str], words: Vocabulary, shop_id: int | None, stand_in: str) -> None:
        self.columns = columns
        self.maker = Maker(columns, words, shop_id, stand_in)

    def groups(self, rows: Iterable[Row]) -> Iterator[Group]:
        return grouped(rows, self.columns, _BY)

    def identities(self, group: Group) -> list[str]:
        """What no other rows of the file may say."""
        first = group.first
        number, external = (search.normal(values.plain(first.get(name, ""))) for name in ("number", "external_number"))
        found = [f"n:{number}"] if number else []
        return [*found, f"e:{search.normal(first.get('shop', ''))}:{external}"] if external else found

    def check(self, groups: Sequence[Group]) -> list[Fate]:
        return self._settled(groups)[0]

    def apply(self, groups: Sequence[Group], actor: Actor, detail: dict[str, Any]) -> list[Fate]:
        """Makes the orders that are not there, in the caller's transaction. Raises IntegrityError when somebody makes
        one of them at this moment."""
        fates, wanted = self._settled(groups)
        fresh = [(fate, want) for fate, want in zip(fates, wanted, strict=True) if want and fate.fate == WILL]
        if not fresh:
            return fates
        drafts = [want.draft for _, want in fresh]
        for draft in drafts:
            draft.event = dict(detail)
        ids = creation.insert_many(drafts, actor, "imported")
        add_rows(
            ImportedOrder,
            [{"identity": want.identity, "order_id": i} for i, (_, want) in zip(ids, fresh, strict=True)],
        )
        for currency in dict.fromkeys(draft.values["currency"] for draft in drafts):
            lines = [line for d in drafts if d.values["currency"] == currency for line in d.lines]
            creation.learn_products(lines, currency)
        stock.arrived(ids)
        for order_id, (fate, _) in zip(ids, fresh, strict=True):
            fate.order_id = order_id
        return fates

    def _settled(self, groups: Sequence[Group]) -> tuple[list[Fate], list[_Wanted | None]]:
        found = [self._read(group) for group in groups]
        there = _look([want for want in found if isinstance(want, _Wanted)])
        fates = [_fate(want, there) if isinstance(want, _Wanted) else want for want in found]
        return fates, [want if isinstance(want, _Wanted) else None for want in found]

    def _read(self, group: Group) -> _Wanted | Fate:
        number = values.plain(group.first.get("number", ""))
        external = values.plain(group.first.get("external_number", ""))
        if not (number or external):
            return refused("no_number")
        if number and (problem := numbers.problem(number)):
            return refused(problem, "Number", number)
        draft, remarks, reasons = self.maker.draft(group)
        if draft is None:
            return Fate("refused", reasons)
        draft.values["number"] = number or external
        shop = draft.values["shop_id"]
        return _Wanted(group, draft, remarks, number, external or number, shop, bool(external))


def _look(wanted: Sequence[_Wanted]) -> _There:
    there = _There()
    if not wanted:
        return there
    for row in _BY_NUMBER.rows(numbers=list({w.number for w in wanted if w.number})):
        there.by_number[row.number] = there.by_number[row.key] = row
    for row in _BY_EXTERNAL.rows(numbers=list({w.external for w in wanted})):
        there.by_external[(row.external_number, row.shop_id)] = row.id
    there.imported = dict(map(tuple, _IMPORTED.rows(identities=list({w.identity for w in wanted}))))
    return there


def _fate(want: _Wanted, there: _There) -> Fate:
    known = there.imported.get(want.identity) or there.by_external.get((want.external, want.shop))
    if known:
        return Fate("there", order_id=known)
    same = there.by_number.get(want.number) if want.number else None
    if same is None:
        return Fate(WILL, want.remarks)
    if same.shop_id == want.shop or (want.shop is None and not want.external_given):
        return Fate("there", order_id=same.id)
    return refused("number_of_another", "Number", want.number, number=same.number)
