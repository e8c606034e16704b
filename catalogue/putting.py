"""Many products at once, found by their SKU: made where they are new, changed where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Prepared, Product, add_rows, among, db, update_rows, utcnow
from orders import creation, stock
from orders.seeds import N_

from .categories import Known

NO_NAME = N_("a new product needs a name")
TWICE = N_("the SKU stands in the file more than once; the last one counts")
COLUMNS = (
    "sku", "name", "price", "old_price", "currency", "stock", "barcode", "brand", "category_id", "weight", "length",
    "width", "height", "pictures", "url", "description", "active", "options",
)  # fmt: skip
_there = Prepared(
    db.select(Product.id, *(getattr(Product, name) for name in COLUMNS)).where(among(Product.sku, "skus", str))
)
_NEW: dict[str, Any] = {
    "price": 0, "old_price": None, "currency": "UAH", "stock": None, "barcode": "", "brand": "", "category_id": None,
    "weight": 0, "length": 0, "width": 0, "height": 0, "pictures": [], "url": "", "description": "", "active": True,
    "options": {},
}  # fmt: skip


@dataclass
class Put:
    """`dry`: only say what would become of them. `counts`: create, update, unchanged, refused; `left_out`: (where,
    why)."""

    dry: bool
    categories: Known = field(default_factory=Known)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, where: str, why: str) -> None:
        self.counts["refused"] += 1
        self.left_out.append((where, why))

    def take(self, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """(where, columns with "sku"; "category" is a path). In the caller's transaction."""
        wanted: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for where, values in rows:
            if values["sku"] in wanted:
                self.refuse(wanted[values["sku"]][0], TWICE)
            wanted[values["sku"]] = (where, values)
        there = {row.sku: row for row in _there.rows(skus=list(wanted))}
        paths = {str(values.get("category") or "") for _where, values in wanted.values()}
        ids = self.categories.by_path if self.dry else self.categories.ids(paths)
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for sku, (where, values) in wanted.items():
            self._sort(where, self._columns(values, ids), there.get(sku), new, changed)
        if not self.dry:
            add_rows(Product, new, _unless_there)
            update_rows(Product, sorted(changed, key=lambda row: row["id"]))
            before = {row.id: row.stock for row in there.values()}
            stock.changed(sorted(row["id"] for row in changed if row["stock"] != before[row["id"]]))

    def _columns(self, values: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, Any]:
        found = {name: value for name, value in values.items() if name != "category"}
        if path := values.get("category"):
            found["category_id"] = ids.get(path, 0)  # 0: one that is yet to be made, in a dry run
        return found

    def _sort(
        self, where: str, values: dict[str, Any], row: Any, new: list[dict[str, Any]], changed: list[dict[str, Any]]
    ) -> None:
        if "pictures" in values:
            known = {one["url"]: one for one in row.pictures} if row else {}
            values["pictures"] = [known.get(url, {"url": url}) for url in values["pictures"]]
        if row is None and not values.get("name"):
            return self.refuse(where, NO_NAME)
        before = {name: getattr(row, name) for name in COLUMNS} if row else _NEW
        after = {**before, **values}
        if row is not None and after == before:
            self.counts["unchanged"] += 1
            return None
        self.counts["create" if row is None else "update"] += 1
        after |= {"search_text": creation.product_text(after["sku"], after["name"]), "updated_at": utcnow()}
        if row is None:
            new.append(after)
        else:
            changed.append({"id": row.id, **after})
        return None


def _unless_there(query: Any) -> Any:
    return query.on_conflict_do_nothing(index_elements=["sku"])
