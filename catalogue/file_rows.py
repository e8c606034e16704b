"""Products as the rows of a table tell them: which column is which field, and what its cells say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from orders.search import normal
from orders.seeds import N_

FIELDS = {
    "sku": N_("SKU"),
    "name": N_("Name"),
    "price": N_("Price"),
    "old_price": N_("Old price"),
    "currency": N_("Currency"),
    "stock": N_("Stock"),
    "barcode": N_("Barcode"),
    "brand": N_("Brand"),
    "category": N_("Category"),
    "weight": N_("Weight, g"),
    "length": N_("Length, mm"),
    "width": N_("Width, mm"),
    "height": N_("Height, mm"),
    "pictures": N_("Pictures"),
    "url": N_("Page on the site"),
    "description": N_("Description"),
    "active": N_("Offered when orders are made"),
}
#: other headings that mean the same, in lower case, in the languages of the trade
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "sku": ("article", "code", "vendorcode", "артикул", "код", "код товару", "код товара", "код_товару"),
    "name": ("product", "title", "назва", "название", "назва товару", "название товара", "наименование", "товар",
             "назва_позиції", "название_позиции", "назва позиції"),
    "price": ("ціна", "цена", "вартість", "стоимость"),
    "old_price": ("oldprice", "compare at price", "стара ціна", "старая цена"),
    "currency": ("валюта",),
    "stock": ("quantity", "qty", "count", "balance", "залишок", "остаток", "кількість", "количество", "к-сть", "кол-во",
              "залишки", "остатки"),
    "barcode": ("ean", "gtin", "штрихкод", "штрих-код"),
    "brand": ("vendor", "manufacturer", "бренд", "виробник", "производитель"),
    "category": ("group", "категорія", "категория", "група", "группа", "назва_групи", "название_группы"),
    "weight": ("weight", "weight g", "вага", "вес", "вага, г", "вес, г"),
    "length": ("length", "довжина", "длина", "довжина, мм", "длина, мм"),
    "width": ("width", "ширина", "ширина, мм"),
    "height": ("height", "висота", "высота", "висота, мм", "высота, мм"),
    "pictures": ("picture", "image", "images", "photo", "photos", "зображення", "фото", "изображения", "изображение",
                 "посилання_зображення", "ссылка_изображения"),
    "url": ("link", "page", "посилання", "ссылка"),
    "description": ("опис", "описание"),
    "active": ("visible", "published", "активний", "показувати", "показывать", "видимість"),
}  # fmt: skip
_YES, _NO = {"1", "yes", "true", "+", "так", "да", "y"}, {"0", "no", "false", "-", "ні", "нет", "n"}
_WHOLE = ("weight", "length", "width", "height")
_LONG = {"sku": 100, "name": 300, "barcode": 64, "brand": 100, "category": 300, "url": 500, "description": 20_000}

NO_SKU = N_("there is no SKU")
NO_NUMBER = N_("a price, a stock or a size is no number")
NO_CURRENCY = N_("a currency has three letters")
NO_TICK = N_("“offered” is yes or no")
TOO_LONG = N_("a text is longer than it may be")


class BadRow(Exception):
    """Says why, in one of the sentences above."""


def matched(headings: Sequence[str], spoken: Mapping[str, Sequence[str]]) -> list[str]:
    """The field of each column by its heading, each once; "" = not known. `spoken`: field -> its names, translated."""
    known = {word: field for field, words in SYNONYMS.items() for word in (*words, field)}
    known |= {normal(name): field for field, names in spoken.items() for name in names}
    found: list[str] = []
    for heading in headings:
        field = known.get(normal(heading), "")
        found.append(field if field not in found else "")
    return found


def values(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """What a row says of a product; an empty cell says nothing. Raises BadRow."""
    given = {field: cell for field, cell in zip(columns, cells, strict=True) if field and cell}
    if not given.get("sku"):
        raise BadRow(NO_SKU)
    found: dict[str, Any] = {}
    for field, cell in given.items():
        if len(cell) > _LONG.get(field, 20_000):
            raise BadRow(TOO_LONG)
        found[field] = _read(field, cell)
    return found


def _read(field: str, cell: str) -> Any:
    if field in ("price", "old_price"):
        return _number(cell).quantize(Decimal("0.01"))
    if field == "stock":
        return _number(cell).quantize(Decimal("0.001"))
    if field in _WHOLE:
        return int(_number(cell))
    if field == "pictures":
        return _pictures(cell)
    if field == "currency" and len(cell) != 3:
        raise BadRow(NO_CURRENCY)
    if field == "active":
        return _tick(cell)
    return cell.upper() if field == "currency" else cell


def _number(cell: str) -> Decimal:
    plain = cell.replace("\xa0", "").replace(" ", "").replace(",", ".")
    try:
        found = Decimal(plain)
    except InvalidOperation:
        raise BadRow(NO_NUMBER) from None
    if not found.is_finite() or not 0 <= found < 10_000_000_000:
        raise BadRow(NO_NUMBER)
    return found


def _tick(cell: str) -> bool:
    word = cell.casefold()
    if word not in _YES | _NO:
        raise BadRow(NO_TICK)
    return word in _YES


def _pictures(cell: str) -> list[str]:
    """Links with commas, semicolons, blanks or lines between them."""
    parts = cell.replace(",http", "\nhttp").replace(";", "\n").split()
    return [part.strip(",")[:500] for part in parts if part.startswith(("http://", "https://"))][:30]
