"""Invents a Horoshop shop's offers and orders, believable and repeatable: chance comes from the Random passed in."""

import uuid
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from integrations.horoshop import sandbox_data as data

Thing = dict[str, Any]
ZONE = ZoneInfo("Europe/Kyiv")
NAMESPACE = uuid.UUID("0d9a3c55-6f0f-4c0e-a3d5-3a5b6d5f7c11")


def stamp(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def number(amount: Decimal) -> int | float:
    """As PHP writes money: 800, 245.5."""
    return int(amount) if amount == amount.to_integral() else float(amount)


def ref(*parts: object) -> str:
    """A reference in Nova Poshta's form, always the same for the same place; not one of theirs."""
    return str(uuid.uuid5(NAMESPACE, "/".join(map(str, parts))))


def both(ua: str, ru: str) -> dict[str, str]:
    return {"ua": ua, "ru": ru}


def catalogue() -> list[Thing]:
    """All offers; variants stand after one another and share the article of the first."""
    sections = {row[0]: row for row in data.PAGES}
    offers: list[Thing] = []
    for code, ua, ru, price, before, section, kind in data.GOODS:
        variants = data.VARIANTS[kind]
        for suffix, variant_ua, variant_ru in variants:
            offers.append(
                _offer(len(offers), f"{code}-{suffix}", f"{code}-{variants[0][0]}", both(ua, ru), price, before)
                | {"parent": {"id": section, "value": f"Каталог \\ {sections[section][2]}"}}
                | _variant(kind, both(variant_ua, variant_ru), both(ua, ru), len(offers))
            )
    return offers


def _offer(at: int, article: str, parent: str, title: dict[str, str], price: str, before: str) -> Thing:
    presence = 2 if at % 11 == 5 else 3 if at % 17 == 9 else 1
    return {
        "article": article,
        "article_for_display": f"{3100 + at}",
        "parent_article": parent,
        "title": title,
        "price": number(Decimal(price)),
        "price_old": number(Decimal(before)) if before else 0,
        "discount": 0,
        "currency": "UAH",
        "presence": {"id": presence, "value": both(*data.PRESENCE[presence])},
        "quantity": 0,  # shops without stock accounting have it everywhere
        "gtin": f"48200000{at:05d}",
        "mpn": "",
        "brand": {"id": at % 3 + 1, "value": both(*[data.BRANDS[at % 3]] * 2)},
        "color": [],
        "images": [f"https://shop.example.com/content/images/{article.lower()}-{n}.jpg" for n in (1, 2)],
        "link": f"https://shop.example.com/{article.lower()}/",
        "description": both(f"<p>{title['ua']}</p>", f"<p>{title['ru']}</p>"),
        "characteristics": {"material": [{"value": both("натуральний", "натуральный")}], "title": []},
        "display_in_showcase": 0 if at % 23 == 7 else 1,
    }


def _variant(kind: str, value: dict[str, str], title: dict[str, str], at: int) -> Thing:
    if not value["ua"]:
        return {}
    named = {lang: f"{title[lang]}, {value[lang]}" for lang in title}
    return {"title": named, **({"color": {"id": 20 + at % 8, "value": value}} if kind == "colour" else {})}


def order(order_id: int, offers: list[Thing], created: datetime, chance: Random) -> Thing:
    """A new order of 1-4 lines, in the language of the site's version that the customer used."""
    lang = "ru" if chance.random() < 0.3 else "ua"
    lines = [_line(offer, lang, chance) for offer in chance.sample(offers, chance.choice((1, 1, 2, 2, 3, 4)))]
    if chance.random() < 0.1:
        lines.append(_line(chance.choice(offers), lang, chance) | {"type": "gift", "price": 0, "total_price": 0})
    payment = chance.choice([row for row in data.PAYMENTS if row[4]])
    column = 2 if lang == "ru" else 1
    return {
        "order_id": order_id,
        "user": 100_000 + order_id,
        "stat_status": 1,
        "stat_created": stamp(created),
        "payed": int(payment[0] == data.ONLINE and chance.random() < 0.5),
        "currency": "UAH",
        "delivery_name": _person(chance),
        "delivery_phone": f"+380{chance.choice(data.OPERATORS)}000{chance.randrange(10_000):04d}",
        "delivery_email": f"buyer{order_id}@example.com" if chance.random() < 0.5 else "",
        "comment": chance.choice(data.NOTES),
        "do_not_call": int(chance.random() < 0.25),
        "payment_type": {"id": payment[0], "title": payment[column]},
        "payment_price": 0,
        "products": lines,
        "analytics": {"utm_term": "", "utm_content": "", "google_client_id": None, **chance.choice(data.ANALYTICS)},
        **_totals(lines, chance),
        **_delivery(column, chance),
        "_created": created.timestamp(),
    }


def _person(chance: Random) -> str:
    firsts, patronymics, lasts = chance.choice((data.WOMEN, data.MEN))
    first, patronymic, last = chance.choice(firsts), chance.choice(patronymics), chance.choice(lasts)
    return chance.choice(
        (f"{last} {first} {patronymic}", f"{first} {last}", f"{last} {first}", f"{first} {patronymic} {last}")
    )


def _line(offer: Thing, lang: str, chance: Random) -> Thing:
    quantity, price = chance.choice((1, 1, 1, 2, 3)), Decimal(str(offer["price"]))
    return {
        "article": offer["article"],
        "title": offer["title"][lang],
        "price": number(price),
        "quantity": quantity,
        "total_price": number(price * quantity),
        "type": "product",
        "discount_marker": "PRICE_OLD" if offer["price_old"] else "NONE",
    }


def _totals(lines: list[Thing], chance: Random) -> Thing:
    """Both are without delivery. Lines keep their price under a coupon; `total_sum` does not."""
    goods = sum((Decimal(str(line["total_price"])) for line in lines), Decimal(0))
    code, percent, coupon, manual = "", 0, Decimal(0), Decimal(0)
    if chance.random() < 0.15:
        code, percent = chance.choice(data.COUPONS)
        coupon = (goods * percent / 100).quantize(Decimal(1), ROUND_HALF_UP)
    elif chance.random() < 0.05:
        manual = min(Decimal(50), goods)
    return {
        "total_default": number(goods),
        "total_sum": number(goods - coupon - manual),
        "total_quantity": sum(line["quantity"] for line in lines),
        "discount_value": number(manual),
        "coupon_code": code,
        "coupon_percent": percent,
        "coupon_discount_value": number(coupon),
    }


def _delivery(column: int, chance: Random) -> Thing:
    row = chance.choice([row for row in data.DELIVERIES if row[4]])
    city, street = chance.choice(data.CITIES)
    branch, house = chance.randrange(1, 60), chance.randrange(1, 150)
    at_branch = row[6] == "novaposhta" and row[3] == 1
    address = f"Відділення №{branch}: {street}, {house}" if at_branch else f"{street}, {house}" if row[6] else ""
    return {
        "delivery_type": {"id": row[0], "title": row[column]},
        "delivery_price": row[5] if chance.random() < 0.6 else -1,
        "delivery_city": city,
        "delivery_address": address,
        "delivery_data": {
            "deliveryOperatorType": row[6] or None,
            "tnNumber": None,
            "tnId": None,
            "tnStatusName": None,
            "tnTrackingUpdateDate": None,
            "estimatedDeliveryDate": None,
            "ownTTNPicked": False,
        },
        "_branch": ref(city, branch) if at_branch else "",
    }
