"""Invents a Rozetka shop's goods and orders, believable and repeatable: all chance comes from the Random passed in.

Keys that begin with `_` stay inside; those under `_more` are shown when `expand` asks for them.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from integrations.rozetka import sandbox_data as data

Thing = dict[str, Any]
ZONE = ZoneInfo("Europe/Kyiv")
NAMESPACE = uuid.UUID("0a5b7f1e-2f0b-4a56-9d3f-6a6f6f0d8f11")


def stamp(moment: datetime) -> str:
    """A time as the vendor writes it: Kyiv's, without a zone."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def sum_(amount: Decimal) -> str:
    return f"{amount:.2f}"


def catalogue(first_id: int, made: datetime) -> list[Thing]:
    """48 goods with Rozetka's numbers from `first_id` up; the last one still waits for its moderator."""
    goods = [
        _goods(first_id + n, f"{article}-{suffix}", f"{name}, {colour}", price, category, made)
        for n, (article, name, price, category, suffix, colour) in enumerate(
            (*row, *variant) for row in data.GOODS for variant in data.COLOURS
        )
    ]
    goods[-1] |= {"rz_item_id": None, "upload_status_title": "На модерації"}
    return goods


def _goods(number: int, article: str, name: str, price: int, category: str, made: datetime) -> Thing:
    left = number * 7 % 40
    title = {"id": 4_600_000 + len(category), "title": category, "title_ua": category}
    return {
        "rz_item_id": number, "price_offer_id": f"P-{article}", "item_id": number - 300_000_000,
        "sync_source_id": 107, "sync_source": {"id": 107, "availability": 4, "is_virtual_source": 3,
                                               "new_flow_old_price": 1},
        "sla_id": 40, "group_id": None, "rz_group_id": number // 3, "name": name, "name_ua": name, "name_ru": name,
        "url": f"https://rozetka.example/{number}/p{number}", "article": article, "description": f"<p>{name}</p>",
        "price": price, "price_old": price + 200 if number % 5 == 0 else None, "price_promo": None,
        "updated_price": None, "commission_percent": 12, "commission_sum": sum_(Decimal(price) * 12 / 100),
        "sync_source_category_id": 2717, "price_category_id": str(title["id"]), "rz_category": title,
        "price_category": {**title, "id": str(title["id"])}, "rz_producer": {"id": 166_141, "title": "Perun"},
        "price_producer_name": "Perun", "photo_preview": [f"https://images.example.com/{article}-s.jpg"],
        "photo": [f"https://images.example.com/{article}.jpg"], "photo_upload_status": 1, "rz_status": 1,
        "rz_sell_status": 4 if left else 7, "available": int(left > 0),
        "available_title": "Є в наявності" if left else "Немає в наявності", "upload_status": 3,
        "upload_status_title": "Активний", "blocked_reason": [], "stock_quantity": left, "sold": 0, "is_ff": False,
        "max_cart_quantity": 0, "min_cart_quantity": 0, "created_at": stamp(made), "state": 1,
    }  # fmt: skip


def order(number: int, goods: list[Thing], at: datetime, chance: Random) -> Thing:
    """A new order of 1-3 lines of `goods`."""
    buyer = _person(chance)
    recipient = _person(chance) if chance.random() < 0.15 else None
    lines = [_purchase(number * 10 + n, thing, chance) for n, thing in enumerate(_chosen(goods, chance))]
    goods_sum = sum((Decimal(line["cost"]) for line in lines), Decimal(0))
    to_pay = sum((Decimal(line["cost_with_discount"]) for line in lines), Decimal(0))
    delivery_cost = chance.choice((Decimal(0), Decimal(0), Decimal(0), Decimal(79)))
    fulfilment = chance.random() < 0.1
    return {
        "id": number, "created": stamp(at), "changed": stamp(at), "amount": sum_(goods_sum),
        "amount_with_discount": sum_(to_pay), "cost": sum_(goods_sum + delivery_cost),
        "cost_with_discount": sum_(to_pay + delivery_cost), "status": 1, "status_group": 1,
        "items_photos": [{"id": line["item_id"], "url": line["item"]["photo_preview"], "item_name": line["item_name"],
                          "item_url": line["item"]["url"]} for line in lines],
        "seller_comment": [], "seller_comment_created": "", "current_seller_comment": "",
        "comment": chance.choice(data.NOTES), "user_phone": buyer["phone"], "user_title": _title(buyer),
        "user_rating": 1, "recipient_phone": None, "recipient_title": _title(recipient or buyer), "from_warehouse": 0,
        "ttn": "", "total_quantity": sum(line["quantity"] for line in lines), "mk_created": False, "can_copy": False,
        "created_type": 4, "is_viewed": False, "callback_off": int(chance.random() < 0.3),
        "is_fulfillment": fulfilment, "ff_can_approve": fulfilment, "duplicate_order_id": None,
        "is_delivery_edit_available": True, "can_prolong": True,
        "_more": {
            "user": {"id": number % 900_000 + 1000, "has_email": True, "contact_fio": _title(buyer)["full_name"],
                     "email": "true"},
            "delivery": _delivery(recipient or buyer, recipient is not None, chance), "purchases": lines,
            "is_promo": chance.random() < 0.2, **_payment(at, chance),
        },
        "_changed": at.timestamp(), "_created": at.timestamp(),
    }  # fmt: skip


def _chosen(goods: list[Thing], chance: Random) -> list[Thing]:
    return chance.sample([thing for thing in goods if thing["rz_item_id"]], chance.choice((1, 1, 1, 2, 2, 3)))


def _person(chance: Random) -> Thing:
    first, second, last = chance.choice(data.PEOPLE)
    phone = f"380{chance.choice(data.OPERATORS)}000{chance.randrange(10_000):04d}"
    return {"first_name": first, "second_name": second, "last_name": last, "phone": phone}


def _title(who: Thing) -> Thing:
    full = " ".join(filter(None, (who["last_name"], who["first_name"], who["second_name"])))
    return {name: who[name] for name in ("first_name", "last_name", "second_name")} | {"full_name": full}


def _purchase(number: int, thing: Thing, chance: Random) -> Thing:
    quantity, price = chance.choice((1, 1, 1, 2, 3)), Decimal(thing["price"])
    lowered = (price * 9 / 10).quantize(Decimal("0.01")) if chance.random() < 0.2 else price
    return {
        "id": number, "cost": sum_(price * quantity), "cost_with_discount": sum_(lowered * quantity),
        "price": sum_(price), "price_with_discount": sum_(lowered), "quantity": quantity,
        "item_id": thing["rz_item_id"], "item_name": thing["name"],
        "item": {"id": thing["rz_item_id"], "name": thing["name"], "name_ua": thing["name_ua"],
                 "article": thing["article"], "price_offer_id": thing["price_offer_id"], "price": sum_(price),
                 "catalog_category": {"id": thing["rz_category"]["id"], "name": thing["rz_category"]["title"],
                                      "parent_id": 4_626_923},
                 "catalog_id": thing["rz_category"]["id"], "group_id": None,
                 "photo_preview": thing["photo_preview"][0], "photo": thing["photo"], "moderation_status": 0,
                 "sla_id": 40, "url": thing["url"], "sold": 1, "uploader_offer_id": thing["price_offer_id"],
                 "uploader_status": None},
        "kit_id": None, "conf_details": None, "ttn": None, "order_status": None, "status": 1,
        "is_additional_item": False,
    }  # fmt: skip


def _delivery(who: Thing, another: bool, chance: Random) -> Thing:
    """A branch, or a courier to the door."""
    number, city, russian, region, streets = chance.choice(data.CITIES)
    service, name, _weight = chance.choices(data.SERVICES, [row[2] for row in data.SERVICES])[0]
    to_door = chance.random() < 0.15
    street, house, branch = chance.choice(streets), str(chance.randrange(1, 150)), chance.randrange(1, 60)
    return {
        "delivery_service_id": service, "delivery_service_name": name, "recipient_title": _title(who)["full_name"],
        "recipient_first_name": who["first_name"], "recipient_last_name": who["last_name"],
        "recipient_second_name": who["second_name"], "recipient_phone": who["phone"], "another_recipient": another,
        "place_id": None if to_door else 20_000 + branch, "pickup_rz_id": None, "place_street": street,
        "place_number": None if to_door else str(branch), "place_house": house,
        "place_flat": str(chance.randrange(1, 90)) if to_door else None, "cost": None,
        "city": {"id": number, "uuid": str(uuid.uuid5(NAMESPACE, city)), "city_name": city, "name": russian,
                 "name_ua": city, "name_en": "", "region_title": region, "title": city, "status": 1},
        "delivery_method_id": 2 if to_door else 1,
        "ref_id": None if to_door else str(uuid.uuid5(NAMESPACE, f"{city}/{branch}")),
        "name_logo": "nova-pochta", "email": None, "reserve_date": None,
    }  # fmt: skip


def _payment(at: datetime, chance: Random) -> Thing:
    """Both ways of telling it: the object, and the older fields."""
    number, name, kind, _weight = chance.choices(data.PAYMENTS, [row[3] for row in data.PAYMENTS])[0]
    status = None if kind == "cash" else payment_status(chance.choice((2, 3)), at)
    payment = {"payment_method_id": number, "payment_method_name": name, "payment_type": kind,
               "payment_type_title": name, "payment_status": status, "credit": None}  # fmt: skip
    return {
        "payment": payment,
        "payment_method_id": number,
        "payment_type": kind,
        "payment_type_title": name,
        "payment_type_name": name,
        "status_payment": status,
    }


def payment_status(number: int, at: datetime) -> Thing:
    name = data.PAYMENT_STATUSES[number]
    return {"status_payment_id": number, "name": name, "title": name, "payment_invoice_id": 1, "created_at": stamp(at)}
