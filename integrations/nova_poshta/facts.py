"""What Nova Poshta documents instead of telling it: ways to deliver, limits of parcel lockers, codes of tracking,
complaints (https://developers.novaposhta.ua/documentation)."""

CURRENCY, COUNTRY, CARRIER = "UAH", "UA", "nova_poshta"
BRANCH, LOCKER, DOORS = "WarehouseWarehouse", "WarehousePostomat", "WarehouseDoors"
METHODS = {BRANCH: ("Нова Пошта: відділення", "pickup"), LOCKER: ("Нова Пошта: поштомат", "pickup"),
           DOORS: ("Нова Пошта: кур’єр", "courier")}  # fmt: skip
#: what a locker takes at most: kilograms, centimetres of the sorted sides, hryvnias of declared value
LOCKER_KG, LOCKER_SIDES, LOCKER_VALUE = 20, (30, 40, 60), 10_000
#: codes of tracking. Their texts differ between documents and answers, so the codes have names of their own here
STATES = {
    "1": "Створено, ще не передано", "2": "Видалено", "3": "Номер не знайдено", "4": "У місті відправника",
    "41": "У місті відправника", "5": "Прямує до міста одержувача", "6": "У місті одержувача",
    "7": "Прибуло у відділення", "8": "Прибуло в поштомат", "9": "Отримано",
    "10": "Отримано, грошовий переказ у дорозі", "11": "Отримано, грошовий переказ видано",
    "12": "Пакується", "14": "Передано на огляд", "101": "У кур’єра",
    "102": "Відмова, повертається", "103": "Відмова одержувача", "104": "Змінено адресу",
    "105": "Припинено зберігання", "106": "Отримано, створено зворотну доставку", "108": "Відмова",
    "111": "Невдала спроба вручення", "112": "Дату перенесено одержувачем"}  # fmt: skip
FINAL = frozenset(("2", "9", "11", "102", "103", "106", "108"))  # a parcel that goes back has a number of its own
GONE = ("2", "3")
#: a code -> the group of ours it is most likely mapped to
HINTS = dict.fromkeys(("1", "4", "41", "5", "6", "7", "8", "12", "101"), "transferred")
HINTS |= {"102": "problem", "103": "problem", "105": "problem", "108": "problem"}
#: times as they are written, with the hour of Kyiv
FORMS = ("%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%H:%M %d.%m.%Y", "%Y-%m-%d", "%d.%m.%Y")
#: business errors come with HTTP 200, a text each and a code (told in brackets) -> (fault, our field)
COMPLAINTS = {
    r"2000020006[89]|api ?key": ("credentials", "api_key"),
    r"to+ many requests|requests per minute": ("rate_limited", ""),
    r"20000100016|service (is )?unavailable": ("unavailable", ""),
    r"2000020020[56]|20000300415": ("not_found", ""),
    r"20000204095|2000020003[3-6]|afterpayment|redelivery": ("validation", "cod_amount"),
    r"sender": ("misconfigured", "sender_city"),
    r"2000020010[234]|city": ("validation", "city"),
    r"2000030043[45]|phone": ("validation", "phone"),
    r"20000201162|20000203729|weight|volume": ("validation", "weight"),
    r"firstname|lastname|middlename|recipient ": ("validation", "last_name"),
    r"street": ("validation", "street"),
    r"building": ("validation", "house"),
    r"recipientaddress|warehouse|postomat": ("validation", "pickup_code"),
    r"\bcost\b|declared": ("validation", "declared_value"),
}
