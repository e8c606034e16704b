"""What the columns of an imported file can be, and how they are told by their headings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from . import search
from .export_columns import COLUMNS, Column

#: what the hub keeps or computes itself: known, so that an exported file has no strange columns, but not taken
KEPT = (
    *("updated_at", "key", "copies", "payment_kind", "needs_mapping"),
    *("line_position", "line_total", "line_barcode"),
)
#: fields of each kind of import, in the order in which they are offered
FIELDS: Mapping[str, tuple[str, ...]] = {
    "orders": tuple(key for key in COLUMNS if key not in KEPT),
    "statuses": ("number", "external_number", "shop", "status", "ttn", "cancel_text"),
}

#: other headings that mean the same, in lower case; our own headings need not be repeated
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "number": ("order number", "order no", "order no.", "order", "order id", "№", "№ замовлення", "номер замовлення",
               "замовлення", "№ заказа", "номер заказа", "заказ"),
    "external_number": ("external number", "external id", "source number", "зовнішній номер", "внешний номер",
                        "номер у джерелі", "номер в источнике", "id"),
    "placed_at": ("date", "order date", "ordered", "дата", "дата замовлення", "дата заказа", "оформлено"),
    "type": ("order type", "тип замовлення", "тип заказа"),
    "status": ("order status", "state", "статус замовлення", "статус заказа", "стан", "состояние"),
    "shop": ("store", "site", "сайт"),
    "source": ("channel", "канал"),
    "recipient": ("name", "full name", "customer", "client", "піб", "фио", "клієнт", "клиент", "покупець",
                  "ім'я та прізвище", "имя и фамилия", "піб одержувача", "фио получателя"),
    "last_name": ("surname", "family name", "фамилия", "прізвище"),
    "first_name": ("given name", "имя", "ім'я"),
    "patronymic": ("middle name", "по батькові", "отчество"),
    "phone": ("telephone", "phone number", "mobile", "тел", "тел.", "телефон", "номер телефону", "номер телефона",
              "мобильный", "мобільний"),
    "email": ("email", "mail", "пошта", "почта", "ел. пошта", "эл. почта", "електронна пошта", "электронная почта"),
    "delivery_method": ("delivery", "shipping", "shipping method", "спосіб доставки", "способ доставки", "доставка"),
    "pickup_address": ("branch", "warehouse", "відділення", "отделение", "склад", "пункт видачі", "пункт выдачи"),
    "address": ("delivery address", "shipping address", "адреса доставки", "адрес доставки"),
    "city": ("town", "settlement", "населений пункт", "населённый пункт", "місто", "город"),
    "postal_code": ("zip", "zip code", "postcode", "індекс", "индекс", "поштовий індекс", "почтовый индекс"),
    "delivery_cost": ("shipping cost", "delivery price", "вартість доставки", "стоимость доставки", "цена доставки"),
    "ttn": ("tracking number", "tracking", "waybill", "ттн", "номер ттн", "№ ттн", "ен", "експрес-накладна",
            "накладна", "накладная", "трек", "трек-номер", "трек номер"),
    "total": ("sum", "amount", "order total", "сума", "сумма", "разом", "итого", "до сплати", "к оплате",
              "сума замовлення", "сумма заказа"),
    "paid": ("is paid", "оплачено", "оплата отримана"),
    "payment_method": ("payment", "спосіб оплати", "способ оплаты", "оплата"),
    "cod_amount": ("cod", "cash on delivery", "накладений платіж", "наложенный платёж", "сума накладеного платежу"),
    "customer_comment": ("comment", "customer comment", "коментар", "комментарий", "коментар клієнта",
                         "комментарий клиента", "примітка"),
    "staff_comment": ("note", "notes", "manager comment", "коментар менеджера", "комментарий менеджера"),
    "cancel_text": ("cancellation reason", "причина скасування", "причина отмены"),
    "line_sku": ("article", "product code", "артикул", "код товару", "код товара", "код"),
    "line_name": ("product name", "item", "goods", "title", "назва", "название", "назва товару", "название товара",
                  "наименование", "найменування", "товар", "товари", "товары"),
    "line_quantity": ("qty", "count", "pieces", "к-сть", "кіл-сть", "кількість товару", "кол-во",
                      "количество", "кількість", "шт", "шт."),
    "line_price": ("unit price", "price per unit", "ціна за одиницю", "цена за единицу", "ціна товару", "цена товара"),
    "line_discount": ("item discount", "знижка на товар", "скидка на товар"),
    "line_weight": ("weight of product", "вага товару", "вес товара"),
}  # fmt: skip

#: texts into those of one language
Translate = Callable[[str], str]


def headings(languages: Iterable[Translate]) -> dict[str, str]:
    """Normalised heading -> column: our own headings in these languages first, then the usual other ones."""
    found: dict[str, str] = {}
    for translate in languages:
        for key, column in COLUMNS.items():
            found.setdefault(search.normal(translate(column.title)), key)
    for key, others in SYNONYMS.items():
        for heading in others:
            found.setdefault(search.normal(heading), key)
    for key in COLUMNS:
        found.setdefault(key, key)
    return found


def matched(given: Sequence[str], known: Mapping[str, str], kind: str) -> list[str]:
    """The field of each column, "" where none is known; of two columns for one field the first has it."""
    fields, taken = FIELDS[kind], set()
    found = []
    for heading in given:
        key = known.get(search.normal(heading).strip(" :*"), "")
        if key not in fields or key in taken:
            key = ""
        taken.add(key)
        found.append(key)
    return found


def chosen(given: Sequence[str], n: int, kind: str) -> list[str]:
    """What a person chose for each of `n` columns; what is no field, or is there already, counts as none."""
    found: list[str] = []
    for key in (list(given) + [""] * n)[:n]:
        found.append(key if key in FIELDS[kind] and key not in found else "")
    return found


def fields(kind: str) -> list[Column]:
    return [COLUMNS[key] for key in FIELDS[kind]]


def lacking(columns: Iterable[str], kind: str) -> list[str]:
    """What has to be among the columns and is not: of each group one is enough."""
    there = set(columns)
    needed: tuple[tuple[str, ...], ...] = (("number", "external_number"),)
    if kind == "statuses":
        needed = (("number", "external_number", "ttn"), ("status", "ttn"))
        if there & {"status", "ttn"} == {"ttn"}:
            needed = (("number", "external_number"),)
    return [group[0] for group in needed if not there & set(group)]
