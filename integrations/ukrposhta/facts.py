"""What Ukrposhta documents instead of telling it: events of tracking (StatusTracking API, appendix Б), complaints
(https://dev.ukrposhta.ua)."""

#: an event -> how we call it. Those not listed are told in Ukrposhta's own words
STATES = {
    "10601": "Створено, ще не передано", "10100": "Прийнято у відділенні", "20700": "Надходження на сортувальний центр",
    "20800": "Відправлено із сортувального центру", "21500": "Прямує до точки видачі", "21700": "Очікує у точці видачі",
    "41000": "Вручено", "48000": "Вручено за кордоном", "31200": "Повертається", "41010": "Вручено відправнику",
    "10600": "Прийом скасовано на вимогу відправника", "10602": "Прийом скасовано", "10603": "Видалено"}  # fmt: skip
NEW, GIVEN, BACK = "10601", "41000", "41010"
#: "given" for this reason is given back to the sender; the documentation names the pair BACK, answers never do
TO_SENDER = "10"
FINAL = frozenset((GIVEN, "48000", BACK, "10600", "10602", "10603"))
#: an event -> the group of ours it is most likely mapped to
HINTS = dict.fromkeys((NEW, "10100", "20700", "20800", "21500", "21700"), "transferred")
HINTS |= {"31200": "problem", BACK: "problem"}
#: tracking's word for "none of these has been handed over yet": an answer, with HTTP 404
UNKNOWN = "UPE02000"
#: in the words of a complaint -> (fault, our field)
COMPLAINTS = {
    r"phone": ("validation", "phone"),
    r"post ?pay": ("validation", "cod_amount"),
    r"declared": ("validation", "declared_value"),
    r"weight|\blength|width|height|parcel": ("validation", "weight"),
    r"post ?code|postindex|index": ("validation", "postal_code"),
    r"(?:first|last|middle) ?name": ("validation", "last_name"),
    r"house": ("validation", "house"),
    r"street": ("validation", "street"),
    r"\bcity\b": ("validation", "city"),
}
