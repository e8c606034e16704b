"""Which of their entries probably is which of ours: by the connector's hints, by equal names, by the trade's words in
Ukrainian, Russian and English, and at last by how alike the names look. Pure; staff see the result before it counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from integrations import connectors
from integrations.base import TakesPayments
from integrations.fields import CARRIER_WORDS

#: below this, no suggestion is better than a wrong one
THRESHOLD = 0.5
#: how alike two names must look when no word of the trade is in them
ALIKE = 0.82

EXACT, HINTED, BY_NAME, BY_CODE, BY_GROUP = 4.0, 3.0, 1.0, 0.8, 0.55

#: word of the trade -> how it begins in the three languages. Longer phrases stand first: what they take is not read
#: again ("cash on delivery" is not cash).
DELIVERY = (
    *((f"@{carrier}", words) for carrier, words in CARRIER_WORDS.items()),
    ("self", ("самовив", "самовыв", "self pickup", "self delivery", "collect in store", "з магазину")),
    ("pickup", ("пункт", "pickup point", "pick up", "парселомат", "поштомат", "постамат")),
    ("pickup", ("відділен", "отделен", "branch", "warehouse", "склад")),
    ("courier", ("курєр", "курьер", "courier", "адресн", "door", "до двер")),
    ("post", ("пошта", "почта", "postal", "post")),
)
PAYMENT = (
    (
        "cod",
        (
            "cash on delivery",
            "накладений плат",
            "накладен плат",
            "наложенный плат",
            "наложен плат",
            "наложк",
            "післяплат",
            "при отриманн",
            "при получен",
            "on delivery",
            "cod",
        ),
    ),
    ("instalments", ("частинами", "частями", "розстроч", "рассроч", "кредит", "credit", "instal")),
    ("e-money", ("електронні грош", "электронные день", "e money", "webmoney", "yoomoney")),
    (
        "transfer",
        (
            "bank transfer",
            "рахун",
            "счет",
            "переказ",
            "перевод",
            "реквізит",
            "реквизит",
            "безгот",
            "безнал",
            "invoice",
            "iban",
            "transfer",
        ),
    ),
    (
        "online",
        (
            "онлайн",
            "online",
            "на сайті",
            "на сайте",
            *(key for key, cls in connectors().items() if cls.can(TakesPayments)),
            "fondy",
            "monobank",
            "монобанк",
            "приват24",
            "юкасса",
            "apple pay",
            "google pay",
        ),
    ),
    ("card", ("карт", "card", "visa", "mastercard")),
    ("cash", ("готів", "налич", "cash")),
)
STATUSES = (
    ("cancelled", ("скасован", "відмін", "відмов", "отмен", "отказ", "cancel", "reject")),
    ("preorder", ("передзамов", "предзаказ", "pre order", "preorder")),
    ("deleted", ("видален", "удален", "deleted", "trash")),
    ("problem", ("проблем", "помилк", "ошибк", "problem", "failed", "error")),
    ("done", ("викон", "выполн", "заверш", "complete", "delivered", "доставлен", "вручен", "отриман", "done")),
    (
        "transferred",
        (
            "комплект",
            "переда",
            "відправ",
            "отправ",
            "доставл",
            "доставк",
            "shipp",
            "transfer",
            "assembl",
            "in delivery",
        ),
    ),
    (
        "confirmed",
        ("підтвердж", "подтвержд", "прийнят", "принят", "погодж", "соглас", "confirm", "accept", "received", "approv"),
    ),
    ("paid", ("оплачен", "сплачен", "предоплат", "передоплат", "paid")),
    ("new", ("нов", "new", "pending", "очіку", "ожида")),
)
WORDS = {"delivery": DELIVERY, "payment": PAYMENT, "statuses": STATUSES}

#: what the kind of one of our payment methods says about it, whatever its name
KIND_TAGS = {
    "cod_cash": {"cod", "cash"},
    "cod_card": {"cod", "card"},
    "online_card": {"online", "card"},
    "transfer": {"transfer"},
}
#: groups of our statuses that may be written to another system on a mere suggestion: the others would tell it more
#: than we know ("delivered" because we passed the order on)
WRITABLE = frozenset({"new", "confirmed", "cancelled"})


@dataclass(frozen=True)
class Ours:
    """A row of one of our registries; `group` is its group or kind, where the registry has one."""

    id: int
    key: str
    name: str
    group: str = ""


@dataclass(frozen=True)
class Theirs:
    code: str
    name: str
    group: str = ""


def suggest_in(
    registry: str, ours: Sequence[Ours], theirs: Sequence[Theirs], hints: Mapping[str, str]
) -> dict[str, int]:
    """Their code -> id of ours, for those where one fits well enough."""
    found: dict[str, int] = {}
    for entry in theirs:
        best = _best(ours, lambda row, entry=entry: _score(registry, row, entry, hints, incoming=True))
        if best is not None:
            found[entry.code] = ours[best].id
    return found


def suggest_out(
    registry: str, ours: Sequence[Ours], theirs: Sequence[Theirs], hints: Mapping[str, str]
) -> dict[int, str]:
    """Id of ours -> their code, likewise."""
    found: dict[int, str] = {}
    for row in ours:
        if registry == "statuses" and row.group not in WRITABLE:
            continue
        best = _best(theirs, lambda entry, row=row: _score(registry, row, entry, hints, incoming=False))
        if best is not None:
            found[row.id] = theirs[best].code
    return found


def likeliest(registry: str, ours: Ours, theirs: Sequence[Theirs], hints: Mapping[str, str], n: int) -> list[Theirs]:
    """Up to n of theirs that go with ours, the likeliest first; when none does, the first of the list."""
    scored = [(_score(registry, ours, entry, hints, incoming=False), entry) for entry in theirs]
    fitting = [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0]
    return (fitting or list(theirs))[:n]


def _best(candidates: Sequence, score: Callable[..., float]) -> int | None:
    """The index of the best; of equals the first, as lists have the usual case on top."""
    scores = [score(candidate) for candidate in candidates]
    top = max(scores, default=0.0)
    return scores.index(top) if top >= THRESHOLD else None


def _score(registry: str, ours: Ours, theirs: Theirs, hints: Mapping[str, str], *, incoming: bool) -> float:
    if normal(ours.name) == normal(theirs.name):
        return EXACT
    hinted = hints.get(theirs.code) or hints.get(theirs.group) or hints.get(normal(theirs.name))
    if hinted:
        return HINTED if hinted == ours.key else HINTED - 0.5 if hinted == ours.group else 0.0
    if registry in WORDS:
        by_words = max(
            weight * _overlap(registry, ours, text, incoming)
            for weight, text in ((BY_NAME, theirs.name), (BY_CODE, theirs.code), (BY_GROUP, theirs.group))
        )
        if by_words:
            return by_words
        if tags(registry, ours.name) and tags(registry, theirs.name):
            return 0.0  # both are known to the trade, as different things
    ratio = SequenceMatcher(None, normal(ours.name), normal(theirs.name)).ratio()
    return ratio * 0.9 if ratio >= ALIKE else 0.0


def _overlap(registry: str, ours: Ours, text: str, incoming: bool) -> float:
    """How far the words of the trade agree, 0 to 1. Carriers (@) must be the same or absent on both sides."""
    mine, other = our_tags(registry, ours), tags(registry, text)
    if not mine or not other:
        return 0.0
    if registry == "statuses":
        return _same_stage(mine, other, incoming)
    if {t for t in mine if t[0] == "@"} != {t for t in other if t[0] == "@"}:
        return 0.0
    return len(mine & other) / len(mine | other)


def _same_stage(mine: set[str], other: set[str], incoming: bool) -> float:
    if mine & other:
        return 1.0
    later = {"done": "transferred", "paid": "confirmed"}  # further on at theirs than any group of ours
    return 0.7 if incoming and mine & {later.get(t, "") for t in other} else 0.0


def our_tags(registry: str, ours: Ours) -> set[str]:
    if registry == "statuses":
        return {ours.group}
    return tags(registry, ours.name) | KIND_TAGS.get(ours.group, set()) if registry == "payment" else _named(ours)


def _named(ours: Ours) -> set[str]:
    """Of a delivery method: by its name, else by the key of a row that staff renamed to something of their own."""
    return tags("delivery", ours.name) or tags("delivery", ours.key)


def tags(registry: str, text: str) -> set[str]:
    """The words of the trade in the text, e.g. {"cod", "card"}."""
    rest = f" {normal(text)} "
    found = set()
    for tag, beginnings in WORDS[registry]:
        for beginning in beginnings:
            end = r"\b" if len(beginning) < 3 else r"\w*"  # two letters are a word of their own, more begin one
            rest, times = re.subn(rf"(?<=\W){beginning}{end}", " ", rest)
            if times:
                found.add(tag)
    return _implied(registry, found)


def _implied(registry: str, found: set[str]) -> set[str]:
    if registry == "payment" and found == {"card"}:
        return {"card", "online"}  # a card and nothing else: paid on the site
    if registry == "payment" and found == {"cash"}:
        return {"cash", "cod"}  # cash changes hands at delivery
    if registry == "delivery" and len(found) > 1 and any(t[0] == "@" for t in found):
        return found - {"post"}  # a carrier with "post" in its name
    return found


def normal(text: str) -> str:
    """Lower case, letters and digits only, apostrophes gone, ё as е."""
    text = re.sub(r"['’ʼ`]", "", text.casefold().replace("ё", "е"))
    return " ".join(re.findall(r"\w+", text.replace("_", " ")))
