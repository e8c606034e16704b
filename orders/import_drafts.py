"""The rows of one order in a file become a draft of it, or reasons why they can't."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from models import Order, OrderLine, PaymentMethod, Shop, db, utcnow

from . import creation, totals
from . import import_values as values
from .creation import Draft
from .export_columns import COLUMNS, Column
from .import_rows import Cells, Group, Vocabulary
from .import_values import Reason

#: cells of several products in one, as an export writes them
BETWEEN = "; "
ZERO = Decimal(0)
#: rules of money that an order must keep wherever it comes from: problem -> column that the reason names
_RULES = {"discount": "discount", "lines": "line_discount", "weight": "weight"}
_SEPARATE = (
    *("number", "recipient", "address", "created_at", "placed_at", "shop", "total", "goods_total", "phone"),
    *("buyer_phone", "country", "utm"),
)
_PLAIN_LINES = ("line_sku", "line_name", "line_external_id", "line_status")
_COUNTED_LINES = ("line_quantity", "line_price", "line_discount", "line_weight")


class Maker:
    """Makes drafts from groups of rows whose columns are these fields."""

    def __init__(self, columns: Sequence[str], words: Vocabulary, shop_id: int | None, stand_in: str) -> None:
        self.columns = [COLUMNS[key] for key in columns if key]
        self.keys = {column.key for column in self.columns}
        self.words = words
        self.shop_id = shop_id
        self.stand_in = stand_in  # name of the one line of an order whose products the file does not tell
        self.kinds = dict(db.session.execute(db.select(PaymentMethod.id, PaymentMethod.kind)).all())
        self.currencies = _currencies()
        self.status, self.type = creation.default_status_id(), creation.default_type_id()
        self.makers = _makers(words)

    def draft(self, group: Group) -> tuple[Draft | None, list[Reason], list[Reason]]:
        """(the draft, remarks, reasons of a refusal)."""
        cells = Cells(_together(group.cells, self.columns))
        for title in differing(group.cells, self.columns):
            cells.reasons.append({"code": "rows_differ", "column": title, "value": ""})
        row = self._order(cells)
        lines = self._lines(group, cells)
        remarks: list[Reason] = []
        if not cells.reasons:
            self._money(cells, row, lines, remarks)
        if cells.reasons:
            return None, [], cells.reasons
        return Draft(row, lines), remarks, []

    # ---- the order

    def _order(self, cells: Cells) -> dict[str, Any]:
        row: dict[str, Any] = {"status_id": self.status, "type_id": self.type}
        for column in self.columns:
            if column.of_line or column.key in _SEPARATE:
                continue
            found = cells.read(column.key, self.makers.get(column.kind) or _text_of(column))
            if found is not None:
                row[column.needs[0]] = found
        row["shop_id"] = cells.read("shop", self.makers["shops"], self.shop_id)
        row["country"] = cells.read("country", _country, "UA")
        for name in ("phone", "buyer_phone"):
            row[name] = cells.read(name, partial(values.phone, country=row["country"]), "")
        row["utm"] = cells.read("utm", values.marks, {})
        at = cells.read("created_at", self.makers["time"])
        row["placed_at"] = cells.read("placed_at", self.makers["time"], at) or utcnow()
        row["currency"] = str(row.get("currency") or self.currencies.get(row["shop_id"], "UAH")).upper()
        if not (len(row["currency"]) == 3 and row["currency"].isalpha() and row["currency"].isascii()):
            cells.reasons.append({"code": "not_a_currency", "column": "Currency", "value": row["currency"]})
        self._joined(cells, row)
        return row

    def _joined(self, cells: Cells, row: dict[str, Any]) -> None:
        """Names and addresses that a file has in one cell."""
        if cells.has("recipient") and not any(cells.has(name) for name in ("last_name", "first_name", "patronymic")):
            words = cells.read("recipient", values.text, "").split()
            parts = (words[0], *words[1:2], " ".join(words[2:])) if words else ()
            for name, part in zip(("last_name", "first_name", "patronymic"), parts, strict=False):
                row[name] = cells.read("recipient", partial(_part, part), "")
        if not {"street", "address_text"} & self.keys:  # where they are, an export has put it together of them
            row["address_text"] = cells.read("address", partial(values.text, limit=500), "")

    # ---- its lines

    def _lines(self, group: Group, cells: Cells) -> list[dict[str, Any]]:
        columns = [c for c in self.columns if c.of_line]
        given = [{c.key: row[c.key] for c in columns if row.get(c.key)} for row in group.cells]
        if len(given) == 1:
            given = _apart(given[0], cells)
        found = []
        for line in filter(None, given):
            own = Cells(line)
            found.append(self._line(own))
            cells.reasons += own.reasons
        return found

    def _line(self, cells: Cells) -> dict[str, Any]:
        """Every field, so that all lines are rows of one shape."""
        row: dict[str, Any] = {}
        for key in _PLAIN_LINES:
            row[COLUMNS[key].needs[0]] = cells.read(key, _text_of(COLUMNS[key], OrderLine), "")
        for key, default in zip(_COUNTED_LINES, (Decimal(1), ZERO, ZERO, 0), strict=True):
            row[COLUMNS[key].needs[0]] = cells.read(key, self.makers[COLUMNS[key].kind], default)
        row["name"] = row["name"] or row["sku"] or self.stand_in
        return row

    # ---- money

    def _money(self, cells: Cells, row: dict[str, Any], lines: list[dict[str, Any]], remarks: list[Reason]) -> None:
        kind = self.kinds.get(row.get("payment_method_id") or 0, "other")
        row["discount"], row["delivery_cost"] = row.get("discount") or ZERO, row.get("delivery_cost") or ZERO
        if row.get("cod") and row.get("paid"):
            cells.reasons.append({"code": "paid_and_cod", "column": "Paid", "value": cells.cells.get("paid", "")})
        self._cod(row, kind)
        weight = row.get("weight")
        row["auto_weight"] = not weight or weight == totals.total_weight(lines)
        total, goods = (cells.read(name, values.money) for name in ("total", "goods_total"))
        if cells.reasons:
            return
        if not lines and (total or goods):
            self._stand_in(row, lines, total, goods, remarks)
        if total is not None:
            self._difference(row, lines, total, remarks)
        totals.settle(row, lines, kind)
        if total is not None and row["total"] != total:
            facts = {"computed": f"{row['total']:.2f}"}
            cells.reasons.append({"code": "total_differs", "column": "Total", "value": f"{total:.2f}", **facts})
        broken = totals.problems(row, True, False, lines)
        cells.reasons += [
            {"code": broken[k], "column": COLUMNS[c].title, "value": ""} for k, c in _RULES.items() if k in broken
        ]

    def _cod(self, row: dict[str, Any], kind: str) -> None:
        """Without a cell that says so, the way of paying tells whether it is paid on delivery."""
        if "cod" not in row:
            row["cod"] = (kind.startswith("cod_") or bool(row.get("cod_amount"))) and not row.get("paid")
        if "cod_method" not in row:
            row["cod_method"] = "card" if kind == "cod_card" else "cash"

    def _stand_in(
        self, row: dict[str, Any], lines: list[dict[str, Any]], total: Decimal | None, goods: Decimal | None,
        remarks: list[Reason],
    ) -> None:  # fmt: skip
        price = goods if goods is not None else (total or ZERO) + row["discount"] - row["delivery_cost"]
        if price > 0:
            lines.append({**_blank_line(), "name": self.stand_in, "price": price})
            remarks.append({"code": "stand_in", "column": "Total", "value": f"{price:.2f}"})

    def _difference(
        self, row: dict[str, Any], lines: Sequence[Mapping[str, Any]], total: Decimal, remarks: list[Reason]
    ) -> None:
        """What the customer pays more, or less, than the products cost, where the file does not say what for."""
        left = total - (totals.goods_total(lines) - row["discount"] + row["delivery_cost"])
        if left > 0 and "delivery_cost" not in self.keys:
            row["delivery_cost"] = left
            remarks.append({"code": "as_delivery", "column": "Total", "value": f"{left:.2f}"})
        elif left < 0 and "discount" not in self.keys:
            row["discount"] = -left
            remarks.append({"code": "as_discount", "column": "Total", "value": f"{-left:.2f}"})


def _blank_line() -> dict[str, Any]:
    texts = {COLUMNS[key].needs[0]: "" for key in _PLAIN_LINES}
    return {**texts, "quantity": Decimal(1), "price": ZERO, "discount": ZERO, "weight": 0}


def _together(rows: Sequence[Mapping[str, str]], columns: Sequence[Column]) -> dict[str, str]:
    """The order's own cells: what its rows say alike, or one of them alone."""
    return {c.key: next(filter(None, (row.get(c.key) for row in rows)), "") for c in columns if not c.of_line}


def differing(rows: Sequence[Mapping[str, str]], columns: Sequence[Column]) -> list[str]:
    """Headings of the order's own columns in which its rows contradict each other."""
    if len(rows) == 1:
        return []
    return [c.title for c in columns if not c.of_line and len({row.get(c.key) for row in rows} - {"", None}) > 1]


def _apart(line: dict[str, str], cells: Cells) -> list[dict[str, str]]:
    """The products of a row whose cells have several each: as many as there are quantities or prices, which no cell
    leaves out. A name with a semicolon in it is one product."""
    counted = [line[key] for key in (*_COUNTED_LINES, "line_sku") if key in line]
    n = len(_split(counted[0])) if counted else 1
    if n == 1:
        return [line]
    parts = {key: _split(cell) for key, cell in line.items()}
    if unlike := [key for key, found in parts.items() if len(found) != n]:
        title = COLUMNS[unlike[0]].title
        cells.reasons.append({"code": "products_differ", "column": title, "value": line[unlike[0]][:80], "n": n})
        return []
    return [{key: found[i] for key, found in parts.items() if found[i]} for i in range(n)]


def _split(cell: str) -> list[str]:
    """The space after the last mark is lost as a cell is read."""
    return [part.strip() for part in (f"{cell} " if cell.endswith(";") else cell).split(BETWEEN)]


# ---- cells


def _makers(words: Vocabulary) -> dict[str, Callable[[str], Any]]:
    """Kind of column -> what reads its cells; texts apart."""
    registries = {name: partial(values.entry, names=names) for name, names in words.names.items()}
    return {
        **registries,
        "money": values.money,
        "number": values.whole,
        "quantity": values.quantity,
        "time": partial(values.moment, zone=words.zone),
        "flag": partial(values.flag, words=words.flags),
        "cod_method": partial(values.keyed, names=words.cod_methods),
    }


def _text_of(column: Column, model: Any = Order) -> Callable[[str], str]:
    return partial(values.text, limit=getattr(model.__table__.c[column.needs[0]].type, "length", None))


def _country(cell: str) -> str:
    found = values.text(cell).upper()
    if not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise values.Refused("not_a_country")
    return found


def _currencies() -> dict[int | None, str]:
    """Of each shop; of none, that of the first."""
    found = db.session.execute(db.select(Shop.id, Shop.currency).order_by(Shop.position, Shop.id)).all()
    rows: dict[int | None, str] = dict(map(tuple, found))
    return {**rows, None: found[0].currency if found else "UAH"}


def _part(part: str, _cell: str) -> str:
    return values.text(part, 120)
