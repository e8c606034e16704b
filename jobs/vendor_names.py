"""What a vendor calls the things that it has codes for. Pages show names; codes are for mappings and calls.

The names that a connector brings along are marked for translation and shown through it; those that were fetched are
the vendor's own, and come out of the translation as they went in.
"""

from __future__ import annotations

from integrations import connectors
from models import Prepared, ReferenceItem, db

_items = ReferenceItem.__table__.c
_STATUSES = Prepared(
    db.select(_items.code, _items.name).where(
        _items.connection_id == db.bindparam("connection", type_=_items.connection_id.type), _items.list == "statuses"
    ),
    same_plan=True,
)


def statuses(connection_id: int) -> dict[str, str]:
    """Their codes of statuses -> their names, as last fetched."""
    return dict(_STATUSES.raw(connection=connection_id))


def reasons(kind: str) -> dict[str, str]:
    """Codes of the reasons that the vendor wants with a cancellation -> their names."""
    cls = connectors().get(kind)
    extras = [extra for table in cls.mappings for extra in table.extras] if cls else []
    return {code: name for extra in extras if extra.key == "reason" for code, name in extra.choices}
