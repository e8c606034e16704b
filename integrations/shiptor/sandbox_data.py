"""What the Shiptor sandbox knows: settlements, methods, states. Codes have KLADR's shape."""

from typing import Any

Thing = dict[str, Any]

#: kladr_id -> (name, type, short type, region, country, latitude, longitude)
SETTLEMENTS: dict[str, tuple[str, str, str, str, str, float, float]] = {
    "77000000000": ("Москва", "Город", "г.", "Москва", "RU", 55.75, 37.62),
    "78000000000": ("Санкт-Петербург", "Город", "г.", "Санкт-Петербург", "RU", 59.94, 30.31),
    "36000001000": ("Воронеж", "Город", "г.", "Воронежская область", "RU", 51.66, 39.20),
    "66000001000": ("Екатеринбург", "Город", "г.", "Свердловская область", "RU", 56.84, 60.61),
    "54000001000": ("Новосибирск", "Город", "г.", "Новосибирская область", "RU", 55.03, 82.92),
    "16000001000": ("Казань", "Город", "г.", "Республика Татарстан", "RU", 55.80, 49.11),
    "23000001000": ("Краснодар", "Город", "г.", "Краснодарский край", "RU", 45.04, 38.98),
    "25000001000": ("Владивосток", "Город", "г.", "Приморский край", "RU", 43.12, 131.89),
    "52000001000": ("Нижний Новгород", "Город", "г.", "Нижегородская область", "RU", 56.33, 44.00),
    "63000001000": ("Самара", "Город", "г.", "Самарская область", "RU", 53.20, 50.15),
    "61000001000": ("Ростов-на-Дону", "Город", "г.", "Ростовская область", "RU", 47.23, 39.72),
    "38000003000": ("Иркутск", "Город", "г.", "Иркутская область", "RU", 52.29, 104.30),
    "50000036000": ("Мытищи", "Город", "г.", "Московская область", "RU", 55.91, 37.73),
    "66011000026": ("Мезенское", "Село", "с.", "Свердловская область", "RU", 56.76, 61.02),
    "36010000012": ("Берёзовка", "Село", "с.", "Воронежская область", "RU", 51.57, 39.60),
    "59017000009": ("Берёзовка", "Село", "с.", "Пермский край", "RU", 57.61, 57.35),
    "91000001000": ("Алматы", "Город", "г.", "Алматы", "KZ", 43.24, 76.89),
    "92000001000": ("Минск", "Город", "г.", "Минск", "BY", 53.90, 27.56),
}
VILLAGES = {code for code, row in SETTLEMENTS.items() if row[1] != "Город"}
STREETS = ("Лесная", "Мира", "Садовая", "Гагарина", "Победы", "Школьная")

#: id, name, category, group, courier, base price, a kilogram, a thousand kilometres, kilograms at most
METHODS: tuple[tuple[int, str, str, str, str, int, int, int, int], ...] = (
    (1, "Shiptor Курьер", "to-door", "shiptor_courier", "shiptor", 250, 22, 90, 31),
    (3, "Почта России", "post-office", "russian_post", "russian-post", 190, 35, 60, 20),
    (17, "CDEK ПВЗ", "delivery-point", "cdek_delivery_point", "cdek", 180, 25, 75, 30),
    (18, "CDEK Курьер", "to-door", "cdek_courier", "cdek", 290, 30, 90, 30),
    (25, "Boxberry ПВЗ", "delivery-point", "boxberry_delivery_point", "boxberry", 170, 20, 80, 15),
    (31, "DPD ПВЗ", "delivery-point", "dpd_delivery_point", "dpd", 200, 18, 85, 20),
    (117, "CDEK ПВЗ — ПВЗ", "delivery-point-to-delivery-point", "cdek_through", "cdek", 150, 24, 70, 30),
    (118, "CDEK ПВЗ — Курьер", "delivery-point-to-door", "cdek_through", "cdek", 260, 28, 85, 30),
    (119, "DPD Курьер — Курьер", "door-to-door", "dpd_through", "dpd", 340, 26, 95, 31),
    (201, "Почта России международная", "post-office", "russian_post_international", "russian-post", 900, 320, 40, 20),
    (202, "DPD международный", "to-door", "dpd_international", "dpd", 2400, 450, 60, 31),
)
THROUGH = {
    "delivery-point-to-delivery-point",
    "delivery-point-to-door",
    "door-to-door",
    "door-to-delivery-point",
}
STATUSES = {
    "new": "Новая",
    "checking-declaration": "Проверка декларации",
    "declaration-checked": "Декларация проверена",
    "waiting-pickup": "Ожидает забора",
    "arrived-to-warehouse": "Прибыла на склад",
    "packed": "Упакована",
    "prepared-to-send": "Готова к отправке",
    "waiting-send": "Ожидает отправки",
    "sent": "Отправлена",
    "waiting-on-delivery-point": "Ожидает в пункте выдачи",
    "delivered": "Доставлена",
    "removed": "Удалена",
    "recycled": "Утилизирована",
    "returned": "В очереди на возврат",
    "awaiting-return": "Ожидает решения о возврате",
    "reported": "Возвращена отправителю",
    "lost": "Утеряна",
    "resend": "Повторная отправка",
}
#: what becomes of a parcel when all goes well
WAY = ("new", "arrived-to-warehouse", "packed", "sent", "waiting-on-delivery-point", "delivered")
EARLY = ("new", "checking-declaration", "declaration-checked", "waiting-pickup", "waiting-send")
EXPORT_KM = {"DE": 2.0, "PL": 1.2, "US": 8.5, "IL": 2.8, "GE": 1.7, "AM": 1.8, "UZ": 2.8, "GB": 2.6}


def method(number: Any) -> Thing | None:
    """A method as answers show it."""
    return next((shown(row) for row in METHODS if row[0] == number), None)


def shown(row: tuple[Any, ...]) -> Thing:
    names = ("id", "name", "category", "group", "courier")
    return {**dict(zip(names, row, strict=False)), "comment": "", "description": ""}


def settlement(code: str) -> Thing:
    name, kind, short, region, country, *_place = SETTLEMENTS[code]
    return {
        "kladr_id": code,
        "name": name,
        "type": kind,
        "type_short": short,
        "short_readable": f"{short} {name}",
        "administrative_area": region,
        "readable_parents": region,
        "country": {"name": country, "code": country},
    }
