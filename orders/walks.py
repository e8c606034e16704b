"""How the order list walks without a search: by an index whose entries lie in the order of ids, so that a page is
read and the walk stops, however many orders there are.

One walk does for most filters (see the indexes of Order). Two kinds need more: several values of a field (each value
has its walk, and the pages are merged) and copies at a connected system (the walk goes over the links).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.sql import Select

from models import Link, Order, db

from .filters import OrderFilter, Statuses


def ordered(
    columns: Sequence[Any],
    f: OrderFilter,
    statuses: Statuses,
    zone: ZoneInfo,
    *,
    descending: bool,
    limit: int,
    after: Any = None,
) -> Select[Any]:
    """Columns of the first `limit` orders that the filter shows, its search left aside; `after`: beyond this id (or the
    parameter that will be the id)."""
    if f.walks_links(statuses):
        query = db.select(*columns).select_from(Link).join(Order, Order.id == Link.order_id)
        query = query.where(*f.link_conditions(), *f.conditions(statuses, zone, ("link",)))
        return _from(query, Link.order_id, descending, limit, after)
    field, branches = f.branches(statuses)
    if branches:
        ids = db.select(Order.id).where(*f.conditions(statuses, zone, (field,)))
        ids = _from(ids, Order.id, descending, limit, after)
        parts = [ids.where(branch).subquery() for branch in branches]
        found = db.union_all(*(db.select(part.c.id) for part in parts))
        return _from(db.select(*columns).where(Order.id.in_(found)), Order.id, descending, limit, None)
    return _from(db.select(*columns).where(*f.conditions(statuses, zone)), Order.id, descending, limit, after)


def _from(query: Select[Any], key: Any, descending: bool, limit: int, after: Any) -> Select[Any]:
    if after is not None:
        query = query.where(key < after if descending else key > after)
    # said, not given: PostgreSQL plans for a tenth of the table where it doesn't know how many are wanted
    return query.order_by(key.desc() if descending else key).limit(db.literal_column(str(limit)))


def any_order(f: OrderFilter, statuses: Statuses, zone: ZoneInfo, limit: int) -> Select[Any]:
    """Up to `limit` ids, whichever come first: to count them."""
    if f.walks_links(statuses):
        query = db.select(Order.id).select_from(Link).join(Order, Order.id == Link.order_id)
        return query.where(*f.link_conditions(), *f.conditions(statuses, zone, ("link",))).limit(limit)
    return db.select(Order.id).where(*f.conditions(statuses, zone)).limit(limit)
