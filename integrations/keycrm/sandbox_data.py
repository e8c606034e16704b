"""What a fresh account of the KeyCRM sandbox holds: the vendor's standard entries, and some of the shop's own.

Standard statuses come back with a transliterated alias for a name until somebody saves them once more; one is left so.
"""

from typing import Any

Rows = tuple[dict[str, Any], ...]
BEGUN = "2025-01-10T08:00:00.000000Z"
TIMES = {"created_at": BEGUN, "updated_at": BEGUN}

SOURCES: Rows = tuple(
    {
        "id": number,
        "name": name,
        "alias": alias,
        "driver": driver,
        "source_uuid": None,
        "source_name": None,
        "currency_code": currency,
        **TIMES,
    }
    for number, name, alias, driver, currency in (
        (1, "Instagram", "instagram", "instagram", "UAH"),
        (7, "Перон, інтернет-магазин", "peron_internet_mahazyn", "shop_express", "UAH"),
        (8, "Перон, другий сайт", "peron_druhyi_sait", "shop_express", "EUR"),
    )
)
STATUSES: Rows = tuple(
    {
        "id": number,
        "name": name,
        "alias": alias,
        "is_active": alias != "stary",
        "group_id": group,
        "is_closing_order": group > 4,
        "is_reserved": number < 20,
        "expiration_period": 172800 if group < 4 else None,
        **TIMES,
        "deleted_at": None,
    }
    for number, name, alias, group in (
        (1, "Новий", "new", 1),
        (2, "Погоджено", "pogodzheno", 2),
        (3, "ochikuie_oplaty", "ochikuie_oplaty", 2),
        (4, "Комплектується", "komplektuietsia", 3),
        (8, "Передано в доставку", "peredano_v_dostavku", 4),
        (9, "Доставляється", "delivering", 4),
        (12, "Виконано", "completed", 5),
        (19, "Скасовано", "canceled", 6),
        (20, "Повернення", "povernennia", 6),
        (21, "Немає в наявності", "nemaie_v_naiavnosti", 6),
        (22, "Старий статус", "stary", 2),
    )
)
PRODUCT_STATUSES: Rows = tuple(
    {"id": number, "name": name, "alias": alias, "position": number, "is_active": True, "is_reserved": True, **TIMES}
    for number, name, alias in ((1, "Новий", "new"), (2, "Зібрано", "zibrano"), (3, "Повернено", "poverneno"))
)
OTHER_METHOD = 5
PAYMENT_METHODS: Rows = tuple(
    {"id": number, "name": name, "alias": alias, "is_active": alias != "stara_kasa"}
    for number, name, alias in (
        (1, "Готівка", "cash"),
        (2, "Банківська картка", "bank_card"),
        (3, "Банківський переказ", "bank_transfer"),
        (4, "PayPal", "paypal"),
        (OTHER_METHOD, "Інше", "other"),
        (11, "Післяплата Нової Пошти", "pisliaplata"),
        (12, "Стара каса", "stara_kasa"),
    )
)
DELIVERY_SERVICES: Rows = tuple(
    {"id": number, "name": name, "source_name": source, "alias": alias}
    for number, name, source, alias in (
        (1, "Нова Пошта", "novaposhta", "nova_poshta"),
        (2, "Укрпошта", "ukrposhta", "ukrposhta"),
        (3, "Самовивіз", "other", "samovyviz"),
        (4, "Meest", "meest", "meest"),
        (5, "Нова Пошта, другий кабінет", "novaposhta", "np_2"),
        (6, "Кур'єр магазину", "other", "kurier"),
    )
)
EXPENSE_TYPES: Rows = tuple(
    {"id": number, "name": name, "alias": alias, "is_active": True, "is_reserved": True, "by_order": True}
    for number, name, alias in ((1, "Доставка", "delivery"), (2, "Пакування", "packing"), (3, "Комісія", "commission"))
)
TAGS: Rows = tuple(
    {"id": number, "name": name, "alias": alias, "color": color, **TIMES}
    for number, name, alias, color in (
        (1, "Терміново", "terminovo", "#FF0000"),
        (2, "Подарунок", "podarunok", "#69DB7C"),
        (3, "Передплата", "peredplata", "#4DABF7"),
    )
)
USERS: Rows = tuple(
    {
        "id": number,
        "first_name": first,
        "last_name": last,
        "full_name": f"{first} {last}",
        "username": f"user{number}",
        "email": f"user{number}@example.com",
        "phone": f"+38050000000{number}",
        "role_id": 2,
        "status": "active",
        **TIMES,
        "last_logged_at": BEGUN,
    }
    for number, first, last in ((1, "Олена", "Коваль"), (2, "Петро", "Мельник"))
)
PIPELINES: Rows = tuple(
    {
        "id": number,
        "name": name,
        "target_type": "lead_pipeline",
        "target_id": str(number),
        "use_payments": True,
        "lead_type": "request",
    }
    for number, name in ((1, "Інтернет-магазин"), (2, "Лендінги"))
)
PIPELINE_STATUSES: Rows = tuple(
    {
        "id": number,
        "pipeline_id": pipeline,
        "title": title,
        "alias": alias,
        "color": "#69DB7C",
        "is_final": alias in ("uspishno", "vidmova"),
    }
    for number, pipeline, title, alias in (
        (1, 1, "Новий", "new"),
        (2, 1, "В роботі", "v_roboti"),
        (3, 1, "Очікує оплати", "ochikuie_oplaty"),
        (4, 1, "Успішно", "uspishno"),
        (5, 1, "Відмова", "vidmova"),
        (11, 2, "Новий", "new"),
        (12, 2, "Передзвонити", "peredzvonyty"),
        (13, 2, "Успішно", "uspishno"),
        (14, 2, "Відмова", "vidmova"),
    )
)
COLOURS = ("Червоний", "Синій", "Зелений")
CUSTOM_FIELDS: Rows = tuple(
    {
        "id": number,
        "name": name,
        "uuid": f"{prefix}_{number}",
        "model": model,
        "type": kind,
        "required": False,
        "position": number - 1000,
        "is_multiple": kind == "select",
        "options": [
            {"id": number * 10 + place, "field_id": number, "value": value} for place, value in enumerate(COLOURS, 1)
        ]
        if kind == "select"
        else [],
    }
    for number, prefix, model, name, kind in (
        (1001, "OR", "order", "Не телефонувати", "switcher"),
        (1002, "OR", "order", "Подарункова упаковка", "switcher"),
        (1003, "OR", "order", "Номер на сайті", "text"),
        (1004, "OR", "order", "Колір стрічки", "select"),
        (1021, "LD", "lead", "Номер замовлення", "text"),
        (1022, "LD", "lead", "Не телефонувати", "switcher"),
        (1023, "LD", "lead", "Подарункова упаковка", "switcher"),
        (1051, "CL", "client", "День народження", "date"),
        (1108, "CT", "crm_product", "Країна походження", "text"),
    )
)
CATEGORIES: Rows = tuple(
    {"id": number, "name": name, "parent_id": parent}
    for number, name, parent in (
        (1, "Кухня", None),
        (2, "Чашки", 1),
        (3, "Тарілки", 1),
        (4, "Рушники", 1),
        (5, "Дім", None),
        (6, "Пледи", 5),
        (7, "Свічки", 5),
        (8, "Подушки", 5),
        (9, "Одяг", None),
        (10, "Шарфи", 9),
    )
)
WAREHOUSES = ((1, "Основний"), (2, "Магазин"))
#: category, name, price
GOODS = (
    (2, "Чашка керамічна", 240),
    (3, "Тарілка глибока", 310),
    (4, "Рушник лляний", 185),
    (6, "Плед вовняний", 1450),
    (7, "Свічка соєва", 275),
    (8, "Подушка декоративна", 520),
    (10, "Шарф в'язаний", 690),
)
SHADES = ("біла", "сіра", "зелена", "синя", "жовта", "червона", "чорна", "бежева", "рожева", "коричнева", "фіолетова")
SIZES = ("S", "M", "L")

LISTS: dict[str, Rows] = {
    "source": SOURCES,
    "status": tuple(row for row in STATUSES if row["is_active"]),
    "payment-method": PAYMENT_METHODS,
    "delivery-service": DELIVERY_SERVICES,
    "expense-type": EXPENSE_TYPES,
    "product-status": PRODUCT_STATUSES,
    "tag": TAGS,
}


def by_id(rows: Rows) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in rows}


STATUS_BY_ID = by_id(STATUSES)
STAGE_BY_ID = by_id(PIPELINE_STATUSES)
FIELD_BY_UUID = {row["uuid"]: row for row in CUSTOM_FIELDS}
