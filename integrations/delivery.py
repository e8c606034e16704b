"""What delivery services have alike: who sends, what a parcel weighs and holds, which settlement a typed city means,
parcels that are made once, and their steps in order."""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from wtforms import SelectChoice, SelectField, StringField

from . import destinations
from .base import REFRESH_LISTS, MappingTable, SecretField, SettingsForm, required
from .errors import Refused, Unknown
from .fields import fixed, texts
from .http import Answer
from .text import N_
from .types import (
    Address,
    Copy,
    Event,
    LineData,
    OrderData,
    Paper,
    Parcel,
    Place,
    ProductData,
    Reference,
    Sent,
    StatusChange,
    TestResult,
)
from .values import chunks, entries, filled, moment, money

#: the three kinds of delivery that orders are of
STANDARD, THROUGH, EXPORT = "standard", "end-to-end", "export"
SENDER = ("sender_region", "sender_settlement", "sender_street", "sender_house", "sender_postal_code")
#: what a complaint in English is about -> our field. For services that have one code for all; their own words go first
COMPLAINTS = {
    r"cashless": ("validation", "cod_method"),
    r"delivery.?point|pick.?up": ("validation", "pickup_code"),
    r"declared": ("validation", "declared_value"),
    r"cash-on-delivery|\bcod\b": ("validation", "cod_amount"),
    r"settlement|\bcity\b": ("validation", "city"),
    r"postal|\bzip\b": ("validation", "postal_code"),
    r"(?:shipping|delivery).?method|tariff": ("validation", "delivery_method_id"),
    r"phone": ("validation", "phone"),
    r"address|street": ("validation", "street"),
}
HELP = {
    "city": N_("The service's own code of the city you send from. Empty: no end-to-end delivery is offered."),
    "point": N_("The number of the point where you hand end-to-end parcels over. Empty: a courier collects them."),
    "weight": N_("Used for the price when an order has no weight. Grams."),
    "side": N_("Used for the price when an order has no sizes. Millimetres, each side."),
    "prefix": N_("Keeps our orders apart when another shop sends to the same account. Don't change it later."),
    "sender": N_("Needed for end-to-end parcels, with the address when a courier collects them."),
}


def weight_field() -> StringField:
    """The field `default_weight` of a Settings form; `measures` goes by it."""
    return StringField(N_("Usual weight"), default="500", description=HELP["weight"])


def side_field() -> StringField:
    """The field `default_side` of a Settings form; `measures` goes by it."""
    return StringField(N_("Usual side"), default="100", description=HELP["side"])


def prefix_field() -> StringField:
    return StringField(N_("Prefix of external ids"), description=HELP["prefix"])


def payer_field() -> SelectField:
    """The field `payer` of a Settings form: Recipient or Sender."""
    choices = [SelectChoice("Recipient", N_("Recipient")), SelectChoice("Sender", N_("Sender"))]
    return SelectField(N_("Who pays for delivery"), default="Recipient", choices=choices)


def contents_field() -> StringField:
    """The field `description` of a Settings form."""
    return StringField(N_("What is in the parcels"), description=N_("Empty: the products' names."))


class DeliverySettings(SettingsForm):
    advanced = ("api_url", *SENDER, "default_weight", "default_side", "external_id_prefix")

    api_key = SecretField(N_("API key"), [required()])
    sender_city = StringField(N_("City you send from"), description=HELP["city"])
    sender_point = StringField(N_("Hand-over point"), description=HELP["point"])
    sender_name = StringField(N_("Sender"), description=HELP["sender"])
    sender_phone = StringField(N_("Sender's phone"))
    sender_email = StringField(N_("Sender's e-mail"))
    sender_region = StringField(N_("Sender's region"))
    sender_settlement = StringField(N_("Sender's city"))
    sender_street = StringField(N_("Sender's street"))
    sender_house = StringField(N_("Sender's house"))
    sender_postal_code = StringField(N_("Sender's postal code"))
    default_weight = weight_field()
    default_side = side_field()
    external_id_prefix = prefix_field()


def mappings(statuses: Mapping[str, str]) -> tuple[MappingTable, ...]:
    """Parcels' states to our statuses, our delivery methods to the service's. `statuses`: their code -> our group."""
    return tuple(t for t in destinations.mappings(statuses, {}, {}) if t.key in ("status_in", "delivery_out"))


class Carrier(destinations.RestDestination):
    """Base of services that carry parcels. A vendor adds `edit` and `delete`, `look_up`, `quote` and `points` (see
    base.py), and `history`."""

    delivers = True
    asked_by_id = True
    tasks = (destinations.READ_STATUSES, REFRESH_LISTS)
    Settings: ClassVar[type[SettingsForm]] = DeliverySettings

    @abstractmethod
    def make(self, order: OrderData) -> Copy:
        """Makes a parcel. Raises VendorError."""

    def test(self) -> TestResult:
        self.references()
        return TestResult(True)

    @abstractmethod
    def references(self) -> Mapping[str, Sequence[Reference]]: ...

    @abstractmethod
    def settlements(self, text: str, country: str) -> Sequence[Place]: ...

    @abstractmethod
    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]: ...

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]:
        """As RestDestination, but several are looked up together."""
        if len(orders) == 1:
            return super().send(orders)
        held = self.find([order.key for order in orders])
        return [
            destinations.outcome_of(order.key, partial(self._make_one, order, held), alone=False) for order in orders
        ]

    def create(self, order: OrderData) -> Copy:
        return self._make_one(order, self.look_up([order.key]))

    def _make_one(self, order: OrderData, held: Mapping[str, Copy]) -> Copy:
        """Few services say what becomes of a second parcel with the same external id: so there is none."""
        if order.key in held:
            raise Unknown("duplicate", f"parcel {held[order.key].number} has this external id")
        return self.make(order)

    def statuses(self, cursor: Mapping[str, Any], now: datetime) -> tuple[Sequence[StatusChange], Mapping[str, Any]]:
        return self.statuses_of(cursor.get("ids", ())), {}

    def place_code(self, order: OrderData) -> str:
        """The settlement that the order goes to: as it was chosen, else the only one that the typed city can mean.
        "" abroad. Raises Refused when it can mean several or none."""
        if order.delivery.settlement or order.address.country not in self.countries:
            return order.delivery.settlement
        return self.only(order.address).code

    def only(self, there: Address) -> Place:
        """The one settlement that this address can mean. Raises Refused when it can mean several or none."""
        found = meant(self.settlements(there.city, there.country), there)
        if len(found) != 1:
            raise Refused("validation", f"which settlement is {there.city!r}? Choose it from the list", "city")
        return found[0]


class DeliveryService(Carrier):
    """Base of services that are asked for one parcel at a time, by our external id. A vendor adds what Carrier wants,
    `held`, and its words for a parcel that is gone."""

    find_size = 1
    gone: ClassVar[str]  #: pattern (any case) in the words for a parcel that the service doesn't know

    @abstractmethod
    def held(self, name: str) -> Copy:
        """The parcel with this external id of ours. Raises Refused, in words of `gone`."""

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        try:
            return {keys[0]: self.held(self.style.name(keys[0]))}
        except Refused as refusal:
            if not re.search(self.gone, refusal.detail, re.IGNORECASE):  # a wrong address says "not found", too
                raise
            return {}


# What a parcel is


def method_code(order: OrderData, currency: str, pattern: str = ".+", otherwise: str = "") -> str:
    """The service's method that the order goes by: as chosen, else `otherwise`. Raises Refused: there is none, or the
    order's money is another."""
    if order.currency != currency:
        raise Refused("validation", f"the order is in {order.currency}, the service takes {currency} only", "currency")
    code = order.delivery.service_code or order.delivery.code or otherwise
    if not re.fullmatch(pattern, code):
        raise Refused("validation", "no method of the service is chosen for the order", "delivery_method_id")
    return code


def measures(of: OrderData | Parcel, settings: Mapping[str, Any]) -> dict[str, Decimal]:
    """Kilograms and centimetres, the settings' usual ones where the order has none."""
    weight = of.weight or money(settings.get("default_weight")) or Decimal(500)
    side = money(settings.get("default_side")) or Decimal(100)
    sides = {name: Decimal(getattr(of, name) or side) / 10 for name in ("length", "width", "height")}
    return {**sides, "weight": Decimal(weight) / 1000}


def fits(size: Mapping[str, Decimal], weight: Decimal | int, sides: Sequence[int]) -> bool:
    """Whether measures go in where so many kilograms do, and sides of so many centimetres, the shortest first."""
    have = sorted(size[name] for name in ("length", "width", "height"))
    return size["weight"] <= weight and all(a <= b for a, b in zip(have, sides, strict=True))


def sender(settings: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, str]:
    """{theirs: a field of DeliverySettings} as far as it is filled in. Raises Refused without a name and a phone."""
    if missing := [name for name in ("sender_name", "sender_phone") if not settings.get(name)]:
        raise Refused("misconfigured", "the parcel needs the sender's name and phone", missing[0])
    return filled(texts(settings, table))


def whereto(order: OrderData, table: Mapping[str, str]) -> dict[str, str]:
    """{theirs: a field of the recipient or of the address}, as far as the order has it."""
    known = {**vars(order.recipient), "full_name": order.recipient.full_name, **vars(order.address)}
    return filled({theirs: known[ours] for theirs, ours in table.items()})


def due(order: OrderData) -> Decimal:
    """What is to be collected."""
    return order.payment.cod_amount if order.payment.cod and not order.payment.paid else Decimal(0)


def declared(of: OrderData | Parcel, collected: Decimal, least: Decimal = Decimal(0)) -> Decimal:
    """Services want no less than what is collected, and some a least sum."""
    return max(of.declared_value, collected, least)


def unit_price(line: LineData) -> Decimal:
    return round(line.amount / line.quantity if line.discount and line.quantity else line.price, 2)


def article(line: LineData) -> str:
    """A product without an SKU goes by its name."""
    return line.sku or f"name-{hashlib.sha256(line.name.encode()).hexdigest()[:12]}"


def unnamed(lines: Iterable[LineData]) -> list[ProductData]:
    """The products that go by their names, where products must exist before a parcel names them."""
    return [ProductData(article(line), line.name, line.price, line.weight) for line in lines if not line.sku]


def method(code: str, name: str, kind: str, category: str, carrier: str) -> Reference:
    """A method of the list "delivery"; its group is "standard/pickup/cdek": kind, our kind of delivery, carrier."""
    return Reference(code, name, f"{kind}/{category}/{carrier}")


def lists(
    states: Mapping[str, str], methods: Mapping[str, tuple[str, str]], carrier: str
) -> dict[str, Sequence[Reference]]:
    """The lists of a service that documents its states and its methods (code -> name and our kind of delivery)."""
    known = [method(code, name, STANDARD, kind, carrier) for code, (name, kind) in methods.items()]
    return {"statuses": fixed(states), "delivery": known}


def printed(answer: Answer, external_id: str) -> Paper:
    """Some services answer with a page where there is nothing to print. Raises Refused."""
    if not answer.body.startswith(b"%PDF"):
        raise Refused("not_found", f"{external_id} can't be printed")
    return Paper(answer.body)


# Settlements


def region(area: str, district: str) -> str:
    """As directories of Ukraine have them: both, so that settlements of one name are told apart."""
    return f"{area} обл., {district} р-н" if district else f"{area} обл."


#: kinds of settlements that people write out before the name
KINDS = frozenset(("місто", "село", "селище", "смт", "город", "поселок", "деревня"))
_ALIKE = str.maketrans("ё’ʼ`", "е'''")


def bare(name: str) -> str:
    """A settlement's or region's name without "г.", "смт" and the like, for comparing."""
    words = name.casefold().translate(_ALIKE).split()
    if len(words) > 1 and (words[0].endswith(".") or len(words[0]) < 3 or words[0] in KINDS):
        words = words[1:]
    return " ".join(words)


def meant(found: Iterable[Place], typed: Address) -> list[Place]:
    """The settlements that a typed city can mean: of this name, and in the typed region if one is there."""
    same_name = [place for place in found if bare(place.name) == bare(typed.city)]
    near = [p for p in same_name if typed.region and bare(p.region)[:5] == bare(typed.region)[:5]]
    return near or same_name


_DAYS = (("Monday", "Пн"), ("Tuesday", "Вт"), ("Wednesday", "Ср"), ("Thursday", "Чт"), ("Friday", "Пт"),
         ("Saturday", "Сб"), ("Sunday", "Нд"))  # fmt: skip


def hours(week: Mapping[str, Any]) -> str:
    """{"Monday": "08:00-21:00", …} as "Пн-Пт 08:00-21:00, Сб 09:00-18:00": for customers of services whose points word
    them so; days that a point is shut aren't told."""
    spans: list[list[str]] = []  # first day, last day, hours
    for name, short in _DAYS:
        told = str(week.get(name) or "")
        if spans and spans[-1][2] == told:
            spans[-1][1] = short
        else:
            spans.append([short, short, told])
    return ", ".join(f"{a if a == b else f'{a}-{b}'} {told}" for a, b, told in spans if told.strip("-"))


# History


def steps(*told: tuple[Any, Mapping[str, str]]) -> list[Event]:
    """Lists of steps, each with its table (see fields.texts) for at, text and detail, as one in order of time. The same
    step told twice counts once."""
    kept: dict[tuple[datetime | None, str], str] = {}
    for step in (texts(entry, table) for listed, table in told for entry in entries(listed)):
        kept.setdefault((moment(step["at"]), step["text"]), step.get("detail", ""))
    undated = datetime.min.replace(tzinfo=UTC)
    return [Event(at, words, kept[at, words]) for at, words in sorted(kept, key=lambda step: step[0] or undated)]


def told_of(
    numbers: Sequence[str], ask: Callable[[Sequence[str]], list[Mapping[str, Any]]], size: int
) -> list[Mapping[str, Any]]:
    """What a service tells of parcels, asked for `size` at a time. Where one number that it won't take fails all of a
    call, the others are asked for by halves, and that one is left out."""
    found: list[Mapping[str, Any]] = []
    for some in chunks(numbers, size):
        try:
            found += ask(some)
        except Refused as refusal:
            if refusal.fault != "validation":
                raise
            found += told_of(some, ask, len(some) // 2) if len(some) > 1 else []
    return found
