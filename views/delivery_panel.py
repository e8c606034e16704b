"""The box on the card where a delivery service's offers are seen and chosen: what it shows for the form as it stands.

The box is a part of the form. What was agreed to travels in a hidden field and is kept when the order is saved; until
then nothing of it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from integrations import connectors
from integrations.delivery import bare, meant
from integrations.types import Address, Parcel, Place
from jobs import delivery
from models import Connection, DeliveryMethod, Order, db
from models import Mapping as MappingRow
from orders import choices, editing, lists
from orders.choices import Choice, News

from . import card_values
from .order_form import OrderForm

KINDS = ("standard", "end-to-end", "export")
Fields = dict[str, str]


@dataclass
class Panel:
    """`offers` by kind; `state`: ready | waiting | failed | place (which settlement?) | currency."""

    services: Sequence[lists.Connected]
    service: Connection
    place: Place | None = None
    places: Sequence[Mapping[str, str]] = ()
    abroad: bool = False
    choice: Choice | None = None
    news: News | None = None
    offers: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    points: Sequence[Mapping[str, Any]] = ()
    point: Mapping[str, Any] | None = None
    key: str = ""
    state: str = "ready"
    fault: str = ""
    detail: str = ""
    locked: bool = False
    cost: Decimal = Decimal(0)
    currency: str = ""
    counts_in: str = ""  # the only currency of the service
    country: str = ""
    dropped: bool = False  # the offer that is still ticked in the form isn't wanted any more

    @property
    def chosen(self) -> Mapping[str, str] | None:
        """The offer of now with the chosen code."""
        found = [o for offers in self.offers.values() for o in offers if self.choice and o["code"] == self.choice.code]
        return found[0] if found else None


@dataclass
class Asked:
    """A question of the card: the form, the values that follow from it, what was pressed."""

    given: Mapping[str, str]
    form: OrderForm
    values: Mapping[str, Any]
    row: Connection
    patience: delivery.Patience = field(default_factory=delivery.Patience)
    fields: Fields = field(default_factory=dict)  # what the form is to take over

    @property
    def shop_id(self) -> int | None:
        found: int | None = self.values["shop_id"]
        return found

    @property
    def does(self) -> str:
        return self.given.get("quote-do", "")

    def parcel(self) -> Parcel:
        return delivery.parcel(self.values)


def written(place: Place | Mapping[str, str]) -> str:
    """A place as an option's value."""
    get = place.get if isinstance(place, Mapping) else lambda name: getattr(place, name)
    return "|".join(str(get(name) or "").replace("|", " ") for name in choices.PLACE)


def _read_place(value: str) -> Place | None:
    parts = value.split("|")
    return Place(*parts) if len(parts) == len(choices.PLACE) and parts[0] else None


def show(asked: Asked, services: Sequence[lists.Connected]) -> Panel:
    """The box for the form as it stands, after what was pressed in it."""
    order, row = asked.form.order, asked.row
    panel = Panel(services, row, choice=choices.read(asked.given.get("choice", "")), currency=asked.values["currency"])
    panel.cost = asked.values["delivery_cost"]
    panel.locked = order is not None and editing.keeps_method(order)
    if panel.choice and (panel.choice.connection_id != row.id or asked.does == "drop"):
        panel.choice, panel.dropped = None, True
    panel.country = asked.values["country"] or ""
    panel.counts_in = connectors()[row.kind].currency
    if panel.counts_in not in ("", panel.currency):
        panel.state = "currency"
        return panel
    _settle_place(asked, panel)
    if panel.place is None:
        return panel
    answer = delivery.offers(row, asked.shop_id, asked.parcel(), panel.place, asked.patience)
    panel.state, panel.key, panel.fault, panel.detail = answer.state, answer.key, answer.fault, answer.detail
    if panel.state == "ready":
        _offered(asked, panel, [choices.flat(offer, choices.OFFER) for offer in answer.value])
    return panel


def _settle_place(asked: Asked, panel: Panel) -> None:
    """Where the order goes, in the service's own code: as chosen, else what the typed city can only mean."""
    country, city = asked.values["country"] or "", (asked.values["city"] or "").strip()
    panel.abroad = country not in connectors()[asked.row.kind].countries
    if panel.abroad:
        panel.place = Place(country=country)
        return
    chosen = _read_place(asked.given.get("place", ""))
    if chosen and asked.given.get("place") != asked.given.get("place-was"):
        panel.place = chosen
        asked.fields |= {"city": chosen.name, "region": chosen.region}
    elif chosen and chosen.country == country and bare(chosen.name) == bare(city):
        panel.place = chosen
    elif city:
        _look_up(asked, panel, city, country)
    else:
        panel.state = "place"


def _look_up(asked: Asked, panel: Panel, city: str, country: str) -> None:
    answer = delivery.settlements(asked.row, asked.shop_id, city, country, asked.patience)
    panel.state, panel.fault, panel.detail = answer.state, answer.fault, answer.detail
    found = [Place(**place) for place in answer.value]
    exact = meant(found, Address(country, asked.values["region"] or "", city))
    if len(exact) == 1:
        panel.place = exact[0]
    elif answer.state == "ready":
        panel.state, panel.places = "place", [vars(place) for place in found]


def _offered(asked: Asked, panel: Panel, offers: list[dict[str, str]]) -> None:
    """The offers, what is chosen of them, and what has changed since it was."""
    by_code = {offer["code"]: offer for offer in offers}
    place = choices.flat(vars(panel.place), choices.PLACE) if panel.place else {}
    panel.news = choices.news(panel.choice, by_code, panel.key)
    wanted = None if panel.dropped else by_code.get(asked.given.get("offer", ""))
    old = panel.choice
    if wanted and not wanted["why_not"] and not panel.locked and (old is None or old.code != wanted["code"]):
        panel.choice, panel.news = Choice(asked.row.id, wanted, place, panel.key), None
        asked.fields |= taken_over(wanted, asked.values, asked.row.id)
        _price(asked, old, panel.choice)
    elif panel.news and old and asked.does == "decline":
        panel.choice, panel.news = replace(old, declined=panel.key), None
    elif panel.news and old and panel.news.now and asked.does == "accept":
        panel.choice = choices.accepted(old, panel.news.now, place, panel.key)
        panel.news = None
        asked.fields["delivery_term"] = panel.choice.offer["days"]
        _price(asked, old, panel.choice)
    elif panel.choice and not panel.news and panel.key != panel.choice.declined:
        panel.choice = replace(panel.choice, basis=panel.key, place=place)
    if panel.choice and asked.does == "copy" and (now := by_code.get(panel.choice.code)):
        asked.fields["delivery_cost"] = f"{choices.amount(now['cost']):.2f}"
    if typed := asked.fields.get("delivery_cost"):
        panel.cost = choices.amount(typed)
    panel.offers = {kind: found for kind in KINDS if (found := [o for o in offers if o["kind"] == kind])}
    _points(asked, panel)


def _price(asked: Asked, old: Choice | None, new: Choice) -> None:
    """The order's price follows while it was the old offer's, or none was typed."""
    typed = asked.values["delivery_cost"] or Decimal(0)
    if new.offer["currency"] == asked.values["currency"] and (not typed or (old and typed == old.cost)):
        asked.fields["delivery_cost"] = f"{new.cost:.2f}"


def _points(asked: Asked, panel: Panel) -> None:
    if not panel.choice or panel.choice.offer["category"] != "pickup" or panel.place is None:
        return
    answer = delivery.points(asked.row, asked.shop_id, panel.place, panel.choice.code, asked.parcel(), asked.patience)
    panel.points = answer.value
    code = asked.fields.get("pickup_code", asked.values["pickup_code"])
    if picked := asked.given.get("point", ""):
        code = picked
    panel.point = next((point for point in panel.points if point["code"] == code), None)
    if panel.point and code != asked.values["pickup_code"]:
        asked.fields |= {"pickup_code": code, "pickup_address": panel.point["address"][:300]}
    if answer.state == "waiting":
        panel.state = "waiting"


def taken_over(offer: Mapping[str, str], values: Mapping[str, Any], connection_id: int) -> Fields:
    """The order's fields that follow from choosing this offer: tariff, time, type, and our own delivery method."""
    fields = {name: str(value) for name, value in choices.followed(offer).items()}
    if offer["category"] != "pickup" or values["tariff_code"] != offer["code"]:
        fields |= {"pickup_code": "", "pickup_address": ""}
    method = _method(offer, values, connection_id)
    return fields | ({"delivery_method_id": str(method)} if method else {})


def _method(offer: Mapping[str, str], values: Mapping[str, Any], connection_id: int) -> int | None:
    """Ours for this one: as the mapping says, else as the order has it if the kind is right, else the one of its name
    or kind."""
    query = db.select(MappingRow.lookup).where(
        MappingRow.connection_id == connection_id,
        MappingRow.table == "delivery_out",
        MappingRow.theirs == offer["code"],
    )
    mapped = db.session.scalar(query.order_by(MappingRow.id).limit(1))
    if mapped:
        return int(mapped)
    rows = db.session.scalars(db.select(DeliveryMethod).where(DeliveryMethod.active)).all()
    for key in (offer["carrier"], offer["category"]):
        if key and (named := next((row for row in rows if row.key == key), None)):
            return named.id
    now = next((row for row in rows if row.id == values["delivery_method_id"]), None)
    return now.id if now and now.kind == offer["category"] else None


# Saving


def choice_of(order: Order | None, given: Mapping[str, str]) -> Choice | None:
    """What the box starts with: as it was sent, else as the order has it."""
    if "choice" in given:
        return choices.read(given["choice"])
    return choices.of(order.id) if order else None


def refused(form: OrderForm, given: Mapping[str, str]) -> dict[str, str]:
    """Why the form can't be saved with the choice it holds: field -> key of the sentence. Asks no service."""
    if "choice" not in given:
        return {}
    order, values = form.order, form.values()
    choice, held = choices.read(given["choice"]), choices.of(order.id) if order else None
    found = choices.problems(order, held, choice, values)
    row = db.session.get(Connection, choice.connection_id) if choice else None
    place = _read_place(given.get("place", ""))
    if not choice or row is None or row.kind not in connectors() or found:
        return found
    before = card_values.amounts(given, order)
    settled, _problems = editing.preview(values, form.line_values(), before)
    there = place or Place(country=values["country"] or "")
    kept = delivery.offers(row, values["shop_id"], delivery.parcel(settled), there, None)
    offers = {offer["code"]: choices.flat(offer, choices.OFFER) for offer in kept.value}
    unanswered = kept.state == "ready" and choices.news(choice, offers, kept.key)
    return {"delivery_method_id": "quote_changed"} if unanswered else {}


def keep(order: Order, given: Mapping[str, str], seen: int) -> None:
    """What was agreed to becomes the order's, in the transaction that saves it."""
    if "choice" in given:
        choices.keep(order, choices.read(given["choice"]), seen)
