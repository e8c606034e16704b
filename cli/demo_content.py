"""What a hub with some history has and a new one has not: products, a second shop, rules, a pre-order and one that came
by a "Buy" link, orders that wait for their money, expenses, a saved view. Made once: what the visitor changes or
deletes stays as they left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import click

from integrations import connectors
from integrations.base import PullsOrders, QuotesDelivery, SendsMessages
from integrations.errors import VendorError
from integrations.sources import WAIT
from jobs import connections, messages, methods
from models import (
    Connection,
    ExpenseType,
    Mapping,
    Option,
    Order,
    OrderType,
    PaymentMethod,
    Product,
    ReferenceItem,
    Rule,
    Shop,
    Status,
    db,
)
from orders import buying, creation, editing, expenses, preorders, rules, saved_views, stock
from orders.filters import OrderFilter
from orders.timeline import Actor

MADE = "demo_content"  # the option that says so
STAFF = Actor("person", "Demo")
#: SKU, name, price, grams, sizes in millimetres
HRYVNIA = (
    ("CUP-350", "Чашка керамічна 350 мл", "320", 400, (120, 100, 100)),
    ("CUP-500", "Чашка керамічна 500 мл", "390", 520, (140, 120, 110)),
    ("TEA-SET", "Набір для чаю «Карпати»", "1450", 2100, (320, 240, 180)),
    ("PLATE-24", "Тарілка пласка 24 см", "285", 700, (250, 250, 40)),
    ("VASE-30", "Ваза висока 30 см", "980", 1600, (320, 150, 150)),
    ("CANDLE", "Свічник глиняний", "240", 350, (120, 90, 90)),
    ("BOWL-18", "Миска для супу 18 см", "310", 650, (190, 190, 80)),
    ("GIFT-BOX", "Коробка подарункова", "95", 180, (300, 200, 100)),
)
ROUBLE = (
    ("RU-CUP", "Кружка керамическая 350 мл", "690", 400, (120, 100, 100)),
    ("RU-POT", "Чайник заварочный 800 мл", "2150", 1100, (220, 180, 160)),
    ("RU-PLATE", "Тарелка плоская 24 см", "540", 700, (250, 250, 40)),
)
SECOND_SHOP = "Керамика RU"
PACKING = "Пакування"
WAITED = 20  # minutes for an unpaid order
VIEW = "Чекають на оплату"
BUYER = {"last_name": "Коваль", "first_name": "Ірина", "phone": "+380671112233", "email": "iryna@shop.example"}
BUYER_RU = {"last_name": "Тестова", "first_name": "Мария", "phone": "+79161234567", "email": "maria@shop.example"}


@dataclass(frozen=True)
class Shops:
    main: Shop
    second: Shop


def fill() -> None:
    """In one transaction of its own. A service that doesn't answer costs what it is needed for, and is named."""
    if db.session.get(Option, MADE) is not None:
        return
    shops = Shops(_main(), _second())
    goods = {row.sku: row for row in (*_products(HRYVNIA, "UAH"), *_products(ROUBLE, "RUB"))}
    db.session.flush()
    _switch_methods(shops.second)
    _make_orders(shops, goods)
    preorders.create([preorders.Wanted(goods["TEA-SET"], Decimal(1)), preorders.Wanted(goods["CUP-350"], Decimal(2))],
                     shops.main, "DEMO-3", STAFF)  # fmt: skip
    buying.switch(shops.main, on=True)
    buying.begin(shops.main, goods["VASE-30"], "DEMO-4")
    stock.switch(on=True)
    saved_views.save(VIEW, OrderFilter(status=(), payment="prepaid", paid="no").query(), None)
    _make_rules()
    db.session.add(Option(key=MADE, value=True))
    db.session.commit()


def _main() -> Shop:
    return db.session.scalars(db.select(Shop).order_by(Shop.position, Shop.id).limit(1)).one()


def _second() -> Shop:
    row = Shop(name=SECOND_SHOP, currency="RUB", accent="teal", position=2)
    db.session.add(row)
    db.session.flush()
    return row


def _products(listed: Sequence[Any], currency: str) -> list[Product]:
    """Those that orders have not brought already."""
    made = []
    for sku, name, price, weight, (length, width, height) in listed:
        sizes = {"weight": weight, "length": length, "width": width, "height": height}
        row = db.session.scalar(db.select(Product).where(Product.sku == sku)) or Product(
            sku=sku, name=name, price=Decimal(price), currency=currency,
            search_text=creation.product_text(sku, name), **sizes)  # fmt: skip
        db.session.add(row)
        made.append(row)
    return made


def _connection(capability: type, currency: str = "") -> Connection | None:
    """The first that can do it; with a currency, the first that counts in it."""
    usable = [row for row in connections.active() if connections.usable(row)]
    able = [row for row in usable if connectors()[row.kind].can(capability)]
    return next((row for row in able if connectors()[row.kind].currency in (currency, "")), able[0] if able else None)


def _switch_methods(shop: Shop) -> None:
    """The second shop sends nothing abroad."""
    row = _connection(QuotesDelivery, shop.currency)
    if row is not None:
        methods.save(shop.id, row, methods.chosen_by("without-export", methods.of(shop.id, row)))


def _make_orders(shops: Shops, goods: dict[str, Product]) -> None:
    """One for each currency, to be paid online: the card has the payment link, and the prices of delivery."""
    online = db.session.scalars(db.select(PaymentMethod.id).where(PaymentMethod.kind == "online_card")).first()
    kind = db.session.scalar(db.select(OrderType.id).where(OrderType.key == "standard"))
    common = {"payment_method_id": online, "type_id": kind, "auto_weight": True, "cod": False}
    kyiv = {"country": "UA", "city": "Київ", "street": "Садова", "house": "5", "postal_code": "01001"}
    kazan = {"country": "RU", "region": "Республика Татарстан", "city": "Казань", "street": "Садовая", "house": "5",
             "postal_code": "420000"}  # fmt: skip
    first = editing.create(
        {**common, **BUYER, **kyiv, "number": "DEMO-1", "shop_id": shops.main.id, "currency": "UAH"},
        [_line(goods["CUP-500"], 2), _line(goods["GIFT-BOX"], 1)], STAFF)  # fmt: skip
    _spend(first)
    editing.create({**common, **BUYER_RU, **kazan, "number": "DEMO-2", "shop_id": shops.second.id, "currency": "RUB"},
                   [_line(goods["RU-POT"], 1), _line(goods["RU-CUP"], 2)], STAFF)  # fmt: skip


def _spend(order_id: int) -> None:
    """An expense that somebody has entered; those of the marketplaces come with their orders."""
    packing = ExpenseType(name=PACKING, position=2)
    db.session.add(packing)
    db.session.flush()
    order = db.session.get_one(Order, order_id)
    expenses.save(order, None, packing.id, Decimal("47.50"), "Коробка і плівка", STAFF)


def book_commissions(row: Connection) -> None:
    """What a source keeps of each order becomes an expense; in the caller's transaction."""
    if connectors()[row.kind].can(PullsOrders):
        row.commission_type_id = db.session.scalar(db.select(ExpenseType.id).order_by(ExpenseType.id).limit(1))


def wait_for_payments(row: Connection) -> None:
    """Unpaid orders of a source whose customers pay online wait a while; in the caller's transaction."""
    online = db.select(PaymentMethod.id).where(PaymentMethod.kind == "online_card")
    query = db.select(Mapping).filter_by(connection_id=row.id, table="payment_in").where(Mapping.ours.in_(online))
    for entry in db.session.scalars(query):
        entry.extra = {**(entry.extra or {}), WAIT: WAITED}


def _line(product: Product, quantity: int) -> dict[str, Any]:
    kept = {name: getattr(product, name) for name in ("sku", "name", "price", "weight")}
    return {**kept, "product_id": product.id, "quantity": Decimal(quantity)}


def _make_rules() -> None:
    statuses = {row.key: row.id for row in db.session.scalars(db.select(Status).where(Status.key.is_not(None)))}
    confirm = [{"kind": "status", "status": statuses["confirmed"]}]
    fresh = {"field": "status", "op": "is", "values": [statuses["new"]]}
    if (told := _tell()) is not None:
        large = [{"field": "total_from", "value": "5000"}]
        _rule(rules.Draft("Велике замовлення: написати в чат", "imported", {}, large, [told]))
    _rule(rules.Draft("Оплачено онлайн: підтвердити", "paid", {}, [fresh], confirm))
    waited = {"status": statuses["new"], "number": 3, "unit": "days"}
    cancel = [{"kind": "cancel", "text": "Немає відповіді три дні"}]
    _rule(rules.Draft("Три дні без відповіді: скасувати", "waited", waited, [], cancel), enabled=False)


def _rule(draft: rules.Draft, enabled: bool = True) -> None:
    if db.session.scalar(db.select(Rule.id).where(Rule.name == draft.name)) is None:
        rules.switch(rules.save(None, draft, STAFF.name), enabled)


def _tell() -> dict[str, Any] | None:
    """The action that writes to the first chat of the messenger."""
    row = _connection(SendsMessages)
    if row is None:
        return None
    query = db.select(ReferenceItem.code).filter_by(connection_id=row.id, list=messages.CHATS).order_by("id")
    chat = db.session.scalars(query.limit(1)).first()
    text = "{number}: {total}\n{name}, {phone}\n{items}\n{link}"
    return {"kind": "chat", "connection": row.id, "chat": chat, "text": text} if chat else None


def find_chats() -> None:
    """Ask the messenger who has written to it; commits."""
    row = _connection(SendsMessages)
    if row is not None:
        try:
            messages.find_chats(row)
        except VendorError as error:
            db.session.rollback()
            click.echo(f"{row.name}: its chats could not be fetched: {error}", err=True)
