"""Dictionaries of the RetailCRM sandbox: what a fresh account holds, as far as documented, with two custom fields."""

from typing import Any

Entries = dict[str, dict[str, Any]]

SITES = (("shop-1", "Perron shop"), ("shop-2", "Second shop"))


def _entries(rows: tuple[tuple[str, str], ...], **more: Any) -> Entries:
    return {
        code: {"name": name, "code": code, "active": True, "ordering": 10 * (place + 1), **more}
        for place, (code, name) in enumerate(rows)
    }


# group, its name, statuses of the group
STATUS_ROWS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("new", "Новый", (("new", "Новый"),)),
    (
        "approval",
        "Согласование",
        (
            ("availability-confirmed", "Наличие подтверждено"),
            ("offer-analog", "Предложить замену"),
            ("client-confirmed", "Согласовано с клиентом"),
            ("prepayed", "Предоплата поступила"),
        ),
    ),
    (
        "assembling",
        "Комплектация",
        (
            ("send-to-assembling", "Передано в комплектацию"),
            ("assembling", "Комплектуется"),
            ("assembling-complete", "Укомплектован"),
        ),
    ),
    (
        "delivery",
        "Доставка",
        (
            ("send-to-delivery", "Передан в доставку"),
            ("delivering", "Доставляется"),
            ("redirect", "Доставка перенесена"),
            ("delivered", "Доставлен"),
        ),
    ),
    ("complete", "Выполнен", (("complete", "Выполнен"),)),
    (
        "cancel",
        "Отменен",
        (
            ("no-call", "Недозвон"),
            ("no-product", "Нет в наличии"),
            ("already-buyed", "Куплен в другом месте"),
            ("delyvery-did-not-suit", "Не устроила доставка"),
            ("prices-did-not-suit", "Не устроила цена"),
            ("cancel-other", "Другая причина"),
        ),
    ),
)
STATUSES: Entries = {
    code: entry | {"group": group} for group, _name, rows in STATUS_ROWS for code, entry in _entries(rows).items()
}
STATUSES["archived-status"] = {
    "name": "Старый статус",
    "code": "archived-status",
    "active": False,
    "ordering": 990,
    "group": "approval",
}
STATUS_GROUPS: Entries = {
    group: {
        "name": name,
        "code": group,
        "active": True,
        "ordering": 10 * (place + 1),
        "process": group not in ("complete", "cancel"),
        "statuses": [code for code, _title in rows],
    }
    for place, (group, name, rows) in enumerate(STATUS_ROWS)
}
PAYMENT_STATUSES: Entries = {
    code: entry | {"paymentComplete": code in ("paid", "credit-approved")}
    for code, entry in _entries(
        (
            ("not-paid", "Не оплачен"),
            ("invoice", "Выставлен счет"),
            ("payment-start", "Платеж проведен"),
            ("paid", "Оплачен"),
            ("fail", "Ошибка"),
            ("credit-check", "Документы на проверке"),
            ("credit-approved", "Кредит подтвержден"),
        )
    ).items()
}
PAYMENT_TYPES = _entries(
    (
        ("cash", "Наличные"),
        ("bank-card", "Банковская карта"),
        ("bank-transfer", "Банковский перевод"),
        ("e-money", "Электронные деньги"),
        ("credit", "Кредит"),
    )
)
DELIVERY_TYPES = _entries(
    (
        ("courier", "Доставка курьером"),
        ("self-delivery", "Самовывоз"),
        ("nova-poshta", "Новая Почта"),
        ("ukrposhta", "Укрпочта"),
        ("russian-post", "Почта России"),
        ("shiptor", "Shiptor"),
        ("42", "Пункт выдачи"),
    ),
    defaultCost=0,
)
ORDER_METHODS = _entries(
    (
        ("phone", "По телефону"),
        ("shopping-cart", "Через корзину"),
        ("one-click", "В один клик"),
        ("price-decrease-request", "Запрос на понижение цены"),
        ("landing-page", "Заявка с посадочной страницы"),
        ("offline", "Оффлайн"),
        ("app", "Мобильное приложение"),
        ("live-chat", "Онлайн-консультант"),
        ("terminal", "Терминал"),
        ("missed-call", "Пропущенный звонок"),
        ("messenger", "Мессенджеры"),
    )
)
ORDER_TYPES = _entries((("eshop-individual", "Физ. лицо"), ("eshop-legal", "Юр. лицо")))
PRODUCT_STATUSES = _entries(
    (("new", "Новый"), ("in-reserve", "В резерве"), ("sold", "Продан"), ("out-of-stock", "Нет в наличии"))
)
STORES = _entries((("main", "Основной склад"),), type="store-type-warehouse")
UNITS: Entries = {"pc": {"name": "Штука", "code": "pc", "sym": "шт.", "default": True, "active": True}}
COUNTRIES = ["RU", "UA", "BY", "KZ", "MD", "PL", "DE", "US"]
CUSTOM_FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "Источник заказа", "code": "source_name", "entity": "order", "type": "string", "required": False},
    {"name": "Комиссия", "code": "commission", "entity": "order", "type": "numeric", "required": False},
)

# path after reference/ -> name in the answer, dictionary; an empty one goes out as a list
REFERENCE: dict[str, tuple[str, Entries | list[str]]] = {
    "statuses": ("statuses", STATUSES),
    "status-groups": ("statusGroups", STATUS_GROUPS),
    "order-types": ("orderTypes", ORDER_TYPES),
    "order-methods": ("orderMethods", ORDER_METHODS),
    "delivery-types": ("deliveryTypes", DELIVERY_TYPES),
    "delivery-services": ("deliveryServices", {}),
    "payment-types": ("paymentTypes", PAYMENT_TYPES),
    "payment-statuses": ("paymentStatuses", PAYMENT_STATUSES),
    "product-statuses": ("productStatuses", PRODUCT_STATUSES),
    "stores": ("stores", STORES),
    "price-types": ("priceTypes", {}),
    "units": ("units", UNITS),
    "countries": ("countriesIso", COUNTRIES),
}
