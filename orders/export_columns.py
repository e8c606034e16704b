"""The columns an export can have: every field of an order and of its lines, and what is put together from several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .seeds import N_


@dataclass(frozen=True)
class Column:
    """A column of the file. `kind` says how its values are written (orders/export_cells.py); `needs` are the fields it
    is made of. Columns of the group "products" belong to the lines, all others to the order."""

    key: str
    title: str
    group: str
    kind: str
    needs: tuple[str, ...]

    @property
    def of_line(self) -> bool:
        return self.group == "products"


#: group -> its heading where columns are chosen
GROUPS = {
    "order": N_("Order"),
    "recipient": N_("Recipient"),
    "delivery": N_("Delivery"),
    "payment": N_("Payment"),
    "notes": N_("Notes and marks"),
    "products": N_("Products"),
}

#: (key, heading, kind[, fields]); without fields, the field of that name
_ROWS: dict[str, tuple[tuple[str, str, str] | tuple[str, str, str, tuple[str, ...]], ...]] = {
    "order": (
        ("number", N_("Number"), "text"),
        ("created_at", N_("Created"), "time"),
        ("placed_at", N_("Ordered by the customer"), "time"),
        ("updated_at", N_("Last change"), "time"),
        ("type", N_("Type"), "types", ("type_id",)),
        ("status", N_("Status"), "statuses", ("status_id",)),
        ("source", N_("Source"), "sources", ("source_id",)),
        ("shop", N_("Shop"), "shops", ("shop_id",)),
        ("external_number", N_("Number at the source"), "text"),
        ("key", N_("Number in other systems"), "text"),
        ("copies", N_("Systems"), "copies", ("id",)),
    ),
    "recipient": (
        ("recipient", N_("Recipient"), "joined", ("last_name", "first_name", "patronymic")),
        ("last_name", N_("Last name"), "text"),
        ("first_name", N_("First name"), "text"),
        ("patronymic", N_("Patronymic"), "text"),
        ("phone", N_("Phone"), "text"),
        ("email", N_("E-mail"), "text"),
        ("buyer_name", N_("Buyer"), "text"),
        ("buyer_phone", N_("Buyer's phone"), "text"),
        ("buyer_email", N_("Buyer's e-mail"), "text"),
    ),
    "delivery": (
        ("delivery_method", N_("Delivery method"), "delivery", ("delivery_method_id",)),
        ("address", N_("Address"), "listed",
         ("postal_code", "country", "region", "city", "street", "house", "flat")),
        ("country", N_("Country"), "text"),
        ("region", N_("Region"), "text"),
        ("city", N_("City"), "text"),
        ("street", N_("Street"), "text"),
        ("house", N_("House"), "text"),
        ("flat", N_("Flat"), "text"),
        ("postal_code", N_("Postal code"), "text"),
        ("address_text", N_("Address as the source wrote it"), "text"),
        ("pickup_address", N_("Pickup point"), "text"),
        ("pickup_code", N_("Code of the pickup point"), "text"),
        ("tariff_name", N_("Tariff"), "text"),
        ("tariff_code", N_("Code of the tariff"), "text"),
        ("delivery_term", N_("Delivery time"), "text"),
        ("delivery_cost", N_("Delivery cost"), "money"),
        ("ttn", N_("TTN"), "text"),
        ("ttn_state", N_("State of the TTN"), "text"),
        ("weight", N_("Weight, g"), "number"),
        ("length", N_("Length, mm"), "number"),
        ("width", N_("Width, mm"), "number"),
        ("height", N_("Height, mm"), "number"),
    ),
    "payment": (
        ("goods_total", N_("Products, sum"), "money"),
        ("discount", N_("Discount"), "money"),
        ("coupon", N_("Coupon"), "text"),
        ("total", N_("Total"), "money"),
        ("currency", N_("Currency"), "text"),
        ("paid", N_("Paid"), "flag"),
        ("payment_method", N_("Payment method"), "payment", ("payment_method_id",)),
        ("payment_kind", N_("Payment type"), "payment_kind"),
        ("payment_state", N_("State of the payment"), "text"),
        ("cod", N_("Paid on delivery"), "flag"),
        ("cod_amount", N_("To pay on delivery"), "money"),
        ("cod_method", N_("Paid on delivery by"), "cod_method"),
        ("declared_value", N_("Declared value"), "money"),
        ("commission", N_("Commission"), "money"),
    ),
    "notes": (
        ("customer_comment", N_("Customer's comment"), "text"),
        ("staff_comment", N_("Staff comment"), "text"),
        ("cancel_reason", N_("Reason of cancellation"), "text"),
        ("cancel_text", N_("Cancellation in words"), "text"),
        ("do_not_call", N_("Do not call"), "flag"),
        ("fulfilment", N_("Marketplace delivers"), "flag"),
        ("needs_mapping", N_("Needs mapping"), "flag"),
        ("utm", N_("UTM marks"), "utm"),
    ),
    "products": (
        ("line_position", N_("Line number"), "position", ("position",)),
        ("line_sku", N_("SKU"), "text", ("sku",)),
        ("line_name", N_("Product"), "text", ("name",)),
        ("line_quantity", N_("Quantity"), "quantity", ("quantity",)),
        ("line_price", N_("Price"), "money", ("price",)),
        ("line_discount", N_("Discount on the product"), "money", ("discount",)),
        ("line_total", N_("Sum of the line"), "line_total", ("price", "quantity", "discount")),
        ("line_weight", N_("Weight of one, g"), "number", ("weight",)),
        ("line_external_id", N_("Product's id at the source"), "text", ("external_id",)),
        ("line_status", N_("State of the product"), "text", ("status",)),
        ("line_barcode", N_("Barcode"), "text", ("barcode",)),
    ),
}  # fmt: skip

COLUMNS: dict[str, Column] = {
    row[0]: Column(row[0], row[1], group, row[2], row[3] if len(row) == 4 else (row[0],))
    for group, rows in _ROWS.items()
    for row in rows
}

#: what a file has before anybody chooses
DEFAULT_COLUMNS = (
    *("number", "created_at", "status", "recipient", "phone", "city", "delivery_method", "pickup_address", "ttn"),
    *("line_sku", "line_name", "line_quantity", "line_price", "total", "currency", "paid", "payment_method"),
)

PAYMENT_KINDS = {
    "cod_cash": N_("On delivery, cash"),
    "cod_card": N_("On delivery, card"),
    "online_card": N_("Card online"),
    "transfer": N_("Bank transfer"),
    "other": N_("Other"),
}
COD_METHODS = {"cash": N_("Cash"), "card": N_("Card")}


def known(keys: Iterable[str]) -> tuple[str, ...]:
    """Those of the keys that name a column, each once, in their order."""
    return tuple(dict.fromkeys(key for key in keys if key in COLUMNS))


def columns(keys: Iterable[str]) -> list[Column]:
    return [COLUMNS[key] for key in known(keys)]


def grouped(without: Sequence[str] = ()) -> list[tuple[str, list[Column]]]:
    """(heading, columns) of each group; those named are left out, empty groups too."""
    found = [
        (title, [c for c in COLUMNS.values() if c.group == group and c.key not in without])
        for group, title in GROUPS.items()
    ]
    return [(title, there) for title, there in found if there]
