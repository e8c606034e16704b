"""What the imitation of Ukrposhta knows: settlements, post offices, senders, events."""

import uuid
from typing import Any

Thing = dict[str, Any]

#: id, name, kind, region, district, first three digits of its postal codes, post offices
SETTLEMENTS = (
    ("29713", "Київ", "м.", "Київ", "Київ", "010", 12),
    ("14288", "Львів", "м.", "Львівська", "Львівський", "790", 8),
    ("20001", "Одеса", "м.", "Одеська", "Одеський", "650", 6),
    ("20002", "Харків", "м.", "Харківська", "Харківський", "610", 6),
    ("20003", "Дніпро", "м.", "Дніпропетровська", "Дніпровський", "490", 5),
    ("10483", "Піщана", "с.", "Київська", "Білоцерківський", "091", 1),
    ("20004", "Миколаївка", "с.", "Одеська", "Березівський", "670", 1),
    ("20005", "Миколаївка", "смт", "Донецька", "Краматорський", "841", 1),
)
STREETS = ("вул. Хрещатик, 22", "вул. Садова, 7", "просп. Миру, 14", "вул. Шевченка, 3")
EVENTS = {
    "10601": "Відправлення створено онлайн", "10100": "Прийняття відправлення",
    "20700": "Надходження на сортувальний центр", "21500": "Відправлено до точки видачі/доставки",
    "21700": "Відправлення у точці видачі/доставки", "41000": "Відправлення вручено",
    "31200": "Повернення відправлення", "10603": "Видалено клієнтом", "35300": "Затримано на митниці",
}  # fmt: skip
WAY = ("10601", "10100", "20700", "21500", "21700", "41000")


def ref(*names: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, names))))


def token(number: int) -> str:
    """The counterparty's token of an account."""
    return ref("counterparty", number)


def sender(number: int) -> str:
    return ref("sender", number)


def settlement(row: tuple[Any, ...]) -> Thing:
    identity, name, kind, region, district, *_ = row
    return {"CITY_ID": identity, "CITY_UA": name, "SHORTCITYTYPE_UA": kind, "REGION_UA": region,
            "DISTRICT_UA": district, "CITY_EN": None, "NAME_UA": "Активний запис", "POPULATION": "1380"}  # fmt: skip


def offices(city_id: str) -> list[Thing]:
    """Post offices of a settlement; the last of several is locked."""
    row = next((one for one in SETTLEMENTS if one[0] == city_id), None)
    if row is None:
        return []
    count = row[6]
    return [
        {"ID": f"{city_id}{n}", "POSTINDEX": f"{row[5]}{n:02}", "POSTCODE": f"{row[5]}{n:02}",
         "PO_SHORT": f"{row[1]} {n}", "ADDRESS": STREETS[n % len(STREETS)], "TYPE_ACRONYM": "МВ",
         "PHONE": "+380-800-300-545",
         "LOCK_CODE": "65535" if n == count > 1 else "0", "LATTITUDE": f"50.4{n:02}", "LONGITUDE": f"30.5{n:02}"}
        for n in range(1, count + 1)
    ]  # fmt: skip


def known(postcode: str) -> bool:
    return any(postcode.startswith(row[5]) for row in SETTLEMENTS)
