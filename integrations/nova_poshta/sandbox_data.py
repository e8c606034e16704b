"""What the Nova Poshta sandbox knows: settlements (two villages of one name), streets, branches and lockers, people."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

Thing = dict[str, Any]


def ref(*names: object) -> str:
    """Always the same for the same thing."""
    return str(uuid5(NAMESPACE_DNS, "/".join(map(str, names))))


#: name, kind, area, district, branches, lockers, latitude, longitude
SETTLEMENTS: tuple[tuple[str, str, str, str, int, int, float, float], ...] = (
    ("Київ", "м.", "Київська", "", 24, 40, 50.450, 30.523),
    ("Львів", "м.", "Львівська", "", 12, 14, 49.840, 24.029),
    ("Одеса", "м.", "Одеська", "", 14, 16, 46.482, 30.723),
    ("Харків", "м.", "Харківська", "", 12, 12, 49.993, 36.230),
    ("Дніпро", "м.", "Дніпропетровська", "", 12, 12, 48.464, 35.046),
    ("Запоріжжя", "м.", "Запорізька", "", 8, 6, 47.838, 35.139),
    ("Вінниця", "м.", "Вінницька", "", 7, 6, 49.233, 28.468),
    ("Полтава", "м.", "Полтавська", "", 6, 5, 49.588, 34.551),
    ("Чернівці", "м.", "Чернівецька", "", 6, 5, 48.292, 25.935),
    ("Івано-Франківськ", "м.", "Івано-Франківська", "", 6, 5, 48.922, 24.711),
    ("Ужгород", "м.", "Закарпатська", "Ужгородський", 4, 3, 48.620, 22.288),
    ("Кам'янець-Подільський", "м.", "Хмельницька", "Кам'янець-Подільський", 4, 3, 48.684, 26.585),
    ("Бориспіль", "м.", "Київська", "Бориспільський", 3, 3, 50.352, 30.955),
    ("Іванків", "смт", "Київська", "Вишгородський", 1, 1, 50.938, 29.906),
    ("Миколаївка", "с.", "Одеська", "Березівський", 1, 0, 47.183, 30.755),
    ("Миколаївка", "с.", "Полтавська", "Полтавський", 1, 0, 49.451, 34.372),
    ("Веселе", "с.", "Харківська", "Харківський", 1, 0, 50.081, 36.412),
    ("Веселе", "с.", "Запорізька", "Запорізький", 0, 0, 47.901, 35.310),
)
STREETS = ("Садова", "Шевченка", "Лесі Українки", "Івана Франка", "Незалежності", "Зелена", "Миру")
CARGO = "9a68df70-0267-42a8-bb5c-37f427e36ee4"
POST = "841339c7-591a-42e2-8233-7a0a00f0ed6f"
POSTOMAT = "f9316480-5f2d-425d-bc2c-ac7cd29decf0"
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: codes of tracking and their texts
STATES = {
    "1": "Відправник самостійно створив цю накладну, але ще не надав до відправки",
    "2": "Видалено",
    "3": "Номер не знайдено",
    "4": "Відправлення у місті відправника",
    "5": "Відправлення прямує до міста одержувача",
    "6": "Відправлення у місті одержувача",
    "7": "Прибув на відділення",
    "8": "Прибув у поштомат",
    "9": "Відправлення отримано",
    "10": "Відправлення отримано. Протягом доби ви одержите SMS-повідомлення про надходження грошового переказу",
    "11": "Відправлення отримано. Грошовий переказ видано одержувачу",
    "101": "На шляху до одержувача",
    "102": "Відмова від отримання: відправником створено замовлення на повернення",
    "103": "Відмова від отримання",
    "105": "Припинено зберігання",
    "106": "Одержано і створено ЄН зворотньої доставки",
    "111": "Невдала спроба доставки через відсутність одержувача на адресі",
}
#: what becomes of a parcel when all goes well; 7 is 8 in a locker and 101 at a door, 9 is 10 and 11 with money
WAY = ("1", "4", "5", "6", "7", "9")


def city_ref(row: tuple[Any, ...]) -> str:
    return ref("city", row[0], row[2])


CITIES = {city_ref(row): row for row in SETTLEMENTS}


def settlement(row: tuple[Any, ...]) -> Thing:
    """An address of searchSettlements; the settlement's own Ref is another than the city's."""
    name, kind, area, district, branches, lockers, _lat, _long = row
    where = ", ".join(filter(None, (f"{area} обл.", district and f"{district} р-н")))
    return {
        "Present": f"{kind} {name}, {where}",
        "Warehouses": branches + lockers,
        "MainDescription": name,
        "Area": area,
        "Region": district,
        "SettlementTypeCode": kind,
        "Ref": ref("settlement", name, area),
        "DeliveryCity": city_ref(row),
        "AddressDeliveryAllowed": True,
        "StreetsAvailability": True,
        "ParentRegionTypes": "область",
        "ParentRegionCode": "обл.",
        "RegionTypes": "",
        "RegionTypesCode": "",
    }


def streets(city: str) -> list[Thing]:
    return [
        {"Ref": ref("street", city, name), "Description": name, "StreetsType": "вул.", "StreetsTypeRef": "Street"}
        for name in STREETS
    ]


@cache
def warehouses(city: str) -> tuple[Thing, ...]:
    """Branches of a city, then its lockers; the first takes a tonne, the others 30 kg, one is being repaired."""
    row = CITIES.get(city)
    return tuple(_warehouses(city, row)) if row else ()


def _warehouses(city: str, row: tuple[Any, ...]) -> Iterator[Thing]:
    name, _kind, area, _district, branches, lockers, latitude, longitude = row
    for number in range(1, branches + lockers + 1):
        locker = number > branches
        street, house = STREETS[number % len(STREETS)], number * 7 % 90 + 1
        most = 20 if locker else 1100 if number == 1 else 30
        title = f'Поштомат "Нова Пошта" №{number + 5000}' if locker else f"Відділення №{number}"
        limit = "" if number == 1 or locker else f" (до {most} кг)"
        hours = dict.fromkeys(WEEK, "00:00-23:59" if locker else "08:00-20:00")
        yield {
            "Ref": ref("warehouse", city, number),
            "SiteKey": str(number),
            "Number": str(number + 5000 if locker else number),
            "Description": f"{title}{limit}: вул. {street}, {house}",
            "ShortAddress": f"{name}, {street}, {house}",
            "Phone": "380800500609",
            "CityRef": city,
            "CityDescription": name,
            "SettlementRef": ref("settlement", name, area),
            "SettlementAreaDescription": area,
            "TypeOfWarehouse": POSTOMAT if locker else CARGO if number == 1 else POST,
            "CategoryOfWarehouse": "Postomat" if locker else "Branch",
            "WarehouseStatus": "Repair" if number == 5 else "Working",
            "PlaceMaxWeightAllowed": str(0 if number == 1 else most),
            "TotalMaxWeightAllowed": str(most),
            "WarehouseIndex": f"{len(name)}/{number}",
            "Latitude": f"{latitude + number / 900:.5f}",
            "Longitude": f"{longitude + number % 9 / 500:.5f}",
            "Schedule": hours if locker else {**hours, "Saturday": "09:00-18:00", "Sunday": "09:00-17:00"},
        }


@cache
def by_ref() -> dict[str, Thing]:
    return {one["Ref"]: one for city in CITIES for one in warehouses(city)}


def sender(number: int) -> tuple[Thing, list[Thing]]:
    """The counterparty of an account, and its contacts."""
    who = {"Ref": ref("sender", number), "Description": f"Кераміка ФОП {number + 1}", "City": city_ref(SETTLEMENTS[0]),
           "CounterpartyType": "Organization", "OwnershipFormDescription": "ФОП"}  # fmt: skip
    people = (("Коваленко Олена Іванівна", "380671234500"), ("Мельник Петро Сергійович", "380501234500"))
    contacts = [
        {"Ref": ref("contact", number, name), "Description": name, "Phones": f"{phone[:-1]}{number}", "Email": ""}
        for name, phone in people
    ]
    return who, contacts
