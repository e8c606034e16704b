"""Invents a Prom shop's goods and orders, believable and repeatable: all chance comes from the Random passed in."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from integrations.prom.sandbox_data import (
    CITIES,
    DELIVERIES,
    DELIVERY_WEIGHTS,
    GOODS,
    GROUPS,
    MEN,
    NOTES,
    OPERATORS,
    PAYMENTS,
    SOURCES,
    VARIANTS,
    WOMEN,
)

Thing = dict[str, Any]
#: of a product, that the shop's owner has filled in nowhere
UNTOLD = ("minimum_order_quantity", "discount", "variation_base_id", "variation_group_id")
NAMESPACE = uuid.UUID("6f1d3d1e-8a4b-4f39-9d55-1c7f0e2a9b10")


def stamp(moment: datetime) -> str:
    """A time as Prom writes it: microseconds and offset."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def money(amount: Decimal, chance: Random) -> str:
    """An amount in a form seen in answers: `500`, `1250.50`, `1 250,50 грн`, `1 250.5` with a no-break space."""
    plain = f"{amount:.0f}" if amount == amount.to_integral() else f"{amount:.2f}"
    grouped = f"{amount:,.2f}"
    forms = (
        plain,
        plain,
        f"{amount:.2f}",
        grouped.replace(",", " ").replace(".", ",") + " грн",
        f"{amount.normalize():,f}".replace(",", "\u00a0"),
    )
    return chance.choice(forms)


def ref(*parts: object) -> str:
    """A reference in Nova Poshta's form, always the same for the same place; not one of theirs."""
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, parts))))


def catalogue(first_id: int, modified: datetime) -> list[Thing]:
    """150 products with ids from `first_id` up."""
    products: list[Thing] = []
    for code, uk, ru, price, unit, group, kind in GOODS:
        for suffix, variant_uk, variant_ru in VARIANTS[kind]:
            number = first_id + len(products)
            names = {"uk": f"{uk}, {variant_uk}", "ru": f"{ru}, {variant_ru}"}
            products.append(_product(number, f"{code}-{suffix}", names, price, unit, group, modified))
    return products


def _product(
    number: int, sku: str, names: dict[str, str], price: str, unit: str, group: int, modified: datetime
) -> Thing:
    left = number * 7 % 40
    return {
        "id": number,
        "external_id": f"E-{sku}",
        "name": names["uk"],
        "name_multilang": names,
        "sku": sku,
        "description": f"<p>{names['uk']}</p>",
        "selling_type": "retail",
        "presence": "available" if left else "not_available",
        "in_stock": left > 0,
        "price": float(price),
        **dict.fromkeys(UNTOLD),
        "currency": "UAH",
        "group": {"id": group, "name": GROUPS[group - 1][1]},
        "category": {"id": 100 + group, "caption": GROUPS[group - 1][1]},
        "prices": [],
        "main_image": f"https://images.example.com/{sku}.jpg",
        "images": [],
        "status": "on_display",
        "quantity_in_stock": left,
        "measure_unit": unit,
        "is_variation": False,
        "_modified": modified.timestamp(),
    }


def order(number: int, products: list[Thing], created: datetime, chance: Random) -> Thing:
    """A new order of 1-5 lines of `products`."""
    buyer = _person(chance)
    recipient = _person(chance) if chance.random() < 0.12 else buyer
    chosen = chance.sample(products, chance.choice((1, 1, 1, 2, 2, 3, 4, 5)))
    lines = [_line(product, chance) for product in chosen]
    option = chance.choices(DELIVERIES, DELIVERY_WEIGHTS)[0]
    address, provider_data = _delivery(option, chance)
    made: Thing = {
        "id": number,
        "date_created": stamp(created),
        **_people(number, buyer, recipient),
        "email": f"buyer{number}@example.com" if chance.random() < 0.4 else None,
        "client_notes": chance.choice(NOTES),
        "products": lines,
        "delivery_option": {"id": option[0], "name": option[1], "shipping_service": None},
        "delivery_address": address,
        "delivery_cost": option[6] if chance.random() < 0.7 else 0,
        "delivery_provider_data": provider_data,
        "status": "pending",
        "source": chance.choice(SOURCES),
        "has_order_promo_free_delivery": False,
        "dont_call_customer_back": chance.random() < 0.3,
        "cancellation": None,
        "_created": created.timestamp(),
        "_modified": created.timestamp(),
    }
    sums = (Decimal(str(product["price"])) * line["quantity"] for product, line in zip(chosen, lines, strict=True))
    goods = sum(sums, Decimal(0))
    return made | _sums(goods, made["delivery_cost"], chance) | _payment(created, chance) | _promotion(lines, chance)


def _people(number: int, buyer: Thing, recipient: Thing) -> Thing:
    return {
        "client_first_name": recipient["first_name"],
        "client_second_name": recipient["second_name"],
        "client_last_name": recipient["last_name"],
        "client_id": number % 900_000 + 1000,
        "client": {"id": number % 900_000 + 1000, **buyer},
        "delivery_recipient": recipient if recipient is not buyer else None,
        "phone": recipient["phone"],
    }


def _sums(goods: Decimal, delivery: int, chance: Random) -> Thing:
    sums: Thing = {
        "price": money(goods, chance),
        "full_price": money(goods + delivery, chance),
        "price_with_special_offer": None,
        "special_offer_discount": None,
        "special_offer_promocode": None,
    }
    if chance.random() < 0.1:
        discount = (goods / 10).quantize(Decimal(1))
        sums["special_offer_promocode"] = "SPRING10"
        sums["special_offer_discount"] = money(discount, chance)
        sums["price_with_special_offer"] = money(goods - discount, chance)
    return sums


def _person(chance: Random) -> Thing:
    firsts, patronymics, lasts = chance.choice((WOMEN, MEN))
    return {
        "first_name": chance.choice(firsts),
        "second_name": chance.choice(patronymics),
        "last_name": chance.choice(lasts),
        "phone": f"+380{chance.choice(OPERATORS)}000{chance.randrange(10_000):04d}",
    }


def _line(product: Thing, chance: Random) -> Thing:
    quantity = chance.choice((1, 1, 1, 1, 2, 2, 3))
    price = Decimal(str(product["price"]))
    return {
        "id": product["id"],
        "external_id": product["external_id"],
        "sku": product["sku"],
        "name": product["name"],
        "name_multilang": product["name_multilang"],
        "image": product["main_image"],
        "url": f"https://shop.example.com/p{product['id']}.html",
        "quantity": quantity,
        "price": money(price, chance),
        "total_price": money(price * quantity, chance),
        "measure_unit": product["measure_unit"],
        "cpa_commission": {"amount": f"{price * quantity * Decimal('0.05'):.2f}"},
    }


def _delivery(option: tuple[Any, ...], chance: Random) -> tuple[str, Thing | None]:
    city, region, postcode, streets = chance.choice(CITIES)
    street, house, branch = chance.choice(streets), chance.randrange(1, 150), chance.randrange(1, 60)
    provider = option[5]
    if provider is None:
        return option[3], None
    if provider == "nova_poshta":
        return _nova_poshta(city, street, house, branch, chance)
    address = f"{city}, {region} обл., Відділення №{branch}, {street}, {house}"
    if provider == "ukrposhta":
        address = f"{postcode}, {city}, {region} обл., {street}, {house}"
    return address, {
        "provider": provider,
        "type": None,
        "sender_warehouse_id": None,
        "recipient_warehouse_id": None,
        "declaration_number": "",
        "unified_status": None,
        "recipient_address": None,
    }


def _nova_poshta(city: str, street: str, house: int, branch: int, chance: Random) -> tuple[str, Thing]:
    to_door = chance.random() < 0.15
    warehouse = None if to_door else ref(city, branch)
    provider_data = {
        "provider": "nova_poshta",
        "type": "W2D" if to_door else "W2W",
        "sender_warehouse_id": ref("Київ", 1),
        "recipient_warehouse_id": warehouse,
        "declaration_number": "",
        "unified_status": None,
        "recipient_address": {
            "city_id": ref(city),
            "city_name": city,
            "street_id": ref(city, street) if to_door else None,
            "street_name": street if to_door else None,
            "building_number": str(house) if to_door else None,
            "apartment_number": str(chance.randrange(1, 90)) if to_door else None,
            "warehouse_id": warehouse,
        },
    }
    if chance.random() < 0.1:  # some orders have the refs only after a waybill exists
        provider_data |= {"recipient_warehouse_id": None, "recipient_address": None}
    if to_door:
        return f"{city}, {street}, {house}", provider_data
    return f"{city}, Відділення №{branch}: {street}, {house}", provider_data


def _payment(created: datetime, chance: Random) -> Thing:
    number, uk, _ru, _description, kind = chance.choice(PAYMENTS)
    known = None
    if kind:
        status = chance.choice(("unpaid", "paid"))
        known = {"type": kind, "status": status, "status_modified": stamp(created)}
    return {"payment_option": {"id": number, "name": uk}, "payment_data": known}


def _promotion(lines: list[Thing], chance: Random) -> Thing:
    commission = sum((Decimal(line["cpa_commission"]["amount"]) for line in lines), Decimal(0))
    from_prosale = chance.random() < 0.25
    return {
        "cpa_commission": {"amount": f"{commission:.2f}", "is_refunded": False},
        "utm": {"source": "prom", "medium": "cpc", "campaign": "prosale"} if from_prosale else None,
        "ps_promotion": {"name": "ProSale", "conditions": []} if from_prosale else None,
    }
