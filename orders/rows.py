"""What a row of the order list shows, all of it in one query.

Whatever changes something that a row shows moves the order's `updated_at` (a line, a copy), or counts up its `asks`
where nothing has come of it yet (a transfer that waits). Open pages go by the two together (`looks`) when they ask for
news, and so does what is kept of printed rows. The database's values are kept as they come (`Raw`) and are read into
Python's types (`read`) only where something has to be made of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Text

from models import Connection, Link, Order, OrderLine, OrderLink, Prepared, Transfer, among, db

#: a row as the database's driver gives it, in the order of COLUMNS: the id first
Raw = tuple[Any, ...]
#: an order that a page shows: its id, and its `looks` as the driver gives them
Found = tuple[int, Any]


class json_rows(FunctionElement[str]):
    """The rows of a subquery as one text: a list of lists."""

    type = Text()
    inherit_cache = True


@compiles(json_rows)
def _of_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **kw)}))"


@compiles(json_rows, "postgresql")
def _of_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(json_agg(json_build_array({compiler.process(element.clauses, **kw)})) AS TEXT)"


class looks(FunctionElement[str]):
    """Of an order's (updated_at, asks): another text as soon as one of the two is another."""

    type = Text()
    inherit_cache = True


@compiles(looks)
def _text_of_both(element: Any, compiler: Any, **kw: Any) -> str:
    updated_at, asks = (compiler.process(part, **kw) for part in element.clauses)
    return f"({updated_at} || '+' || {asks})"


@compiles(looks, "postgresql")
def _last_writer(element: Any, compiler: Any, **kw: Any) -> str:
    """The transaction that wrote the row as it is: shorter, and a page has fifty of them."""
    updated_at, *_ = (compiler.process(part, **kw) for part in element.clauses)
    return f"CAST({updated_at.rpartition('.')[0]}.xmin AS TEXT)"


_ORDER, _LINE, _HERE = (model.__table__.c for model in (Order, OrderLine, OrderLink))
_LINK = Link.__table__.alias()  # lists may walk over the links themselves
_THERE = Connection.__table__.alias()


def _of_order(query: Any) -> Any:
    return query.correlate(Order.__table__)


_BUSY = (
    db.select(Transfer.__table__.c.id)
    .where(Transfer.order_id == _LINK.c.order_id, Transfer.connection_id == _LINK.c.connection_id)
    .where(Transfer.state.in_(("waiting", "working")))
    .correlate(_LINK)
    .exists()
)
_LINK_FIELDS = (
    *(_LINK.c.role, _LINK.c.connection_id, _THERE.c.kind, _THERE.c.name, _LINK.c.state, _LINK.c.url),
    *(_LINK.c.external_number, _LINK.c.external_status, _LINK.c.external_status_name),
    *(_LINK.c.error["detail"].as_string(), _BUSY),
)
#: what a row shows; the rest of the order is not read
COLUMNS = (
    *(_ORDER.id, _ORDER.number, _ORDER.created_at, looks(_ORDER.updated_at, _ORDER.asks).label("looks")),
    *(_ORDER.shop_id, _ORDER.source_id, _ORDER.type_id, _ORDER.status_id, _ORDER.external_number),
    *(_ORDER.last_name, _ORDER.first_name, _ORDER.phone, _ORDER.city),
    *(_ORDER.delivery_method_id, _ORDER.pickup_address, _ORDER.ttn, _ORDER.ttn_state),
    *(_ORDER.total, _ORDER.currency, _ORDER.paid, _ORDER.likely_duplicate),
    *(_ORDER.do_not_call, _ORDER.fulfilment, _ORDER.needs_mapping, _ORDER.staff_comment, _ORDER.customer_comment),
    _of_order(db.select(_LINE.name).where(_LINE.order_id == _ORDER.id).order_by(_LINE.position).limit(1))
    .scalar_subquery()
    .label("item"),
    _of_order(db.select(db.func.count()).where(_LINE.order_id == _ORDER.id)).scalar_subquery().label("items"),
    _of_order(
        db.select(json_rows(*_LINK_FIELDS)).join_from(_LINK, _THERE, _THERE.c.id == _LINK.c.connection_id)
        .where(_LINK.c.order_id == _ORDER.id)
    ).scalar_subquery().label("tiles"),
    # an index that is nearly always empty
    _of_order(db.select(_HERE.order_id).where(OrderLink.here, _HERE.order_id == _ORDER.id)).exists().label("here"),
)  # fmt: skip
#: where `looks` stand in it
LOOKS = 3
FOUND = (Order.id, looks(Order.updated_at, Order.asks))
_BY_IDS = Prepared(db.select(*COLUMNS).where(among(_ORDER.id, "ids")), same_plan=True)


@dataclass(frozen=True, slots=True)
class Tile:
    """An external copy in a row: green linked, amber working, red problem, grey not sent. `detail`: of its error."""

    connection_id: int
    kind: str
    name: str
    state: str
    url: str = ""
    number: str = ""
    status: str = ""
    detail: str = ""


@dataclass(slots=True)
class Row:
    """One row: the order's columns as `o`, its first line and how many lines, its tiles."""

    o: Any
    item: str = ""
    items: int = 0
    tiles: list[Tile] = field(default_factory=list)
    here: bool = False  # the customer is filling the order in

    @property
    def recipient(self) -> str:
        return " ".join(part for part in (self.o.last_name, self.o.first_name) if part)


def of(order_ids: Sequence[int], descending: bool = True) -> list[Raw]:
    """The rows of given orders, by id."""
    if not order_ids:
        return []
    return sorted(_BY_IDS.raw(ids=list(order_ids)), key=lambda raw: raw[0], reverse=descending)


def read(found: Iterable[Raw]) -> list[Row]:
    return [Row(o, o.item or "", o.items, _tiles(o.tiles), bool(o.here)) for o in _BY_IDS.read(found)]


def _tiles(text: str | None) -> list[Tile]:
    found = sorted(json.loads(text or "[]"), key=lambda link: link[1])
    found.sort(key=lambda link: link[0], reverse=True)  # by role: where an order came from stands first
    return [_tile(*link[1:]) for link in found]


def _tile(
    connection_id: int, kind: str, name: str, state: str, url: str, number: str, status: str, status_name: str,
    detail: str | None, busy: bool,
) -> Tile:  # fmt: skip
    shown = "working" if busy else state
    return Tile(connection_id, kind, name, shown, url, number, status_name or status, detail or "")
