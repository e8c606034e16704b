"""What delivery services have alike, shown by the smallest of them: what the next one need not write again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import delivery
from integrations.base import Account, DeletesOrders, FindsPlaces, QuotesDelivery, ReadsStatuses, ReceivesOrders
from integrations.errors import Refused, VendorError
from integrations.http import HttpClient
from integrations.types import (
    Address,
    Copy,
    LineData,
    OrderData,
    Parcel,
    Payment,
    Person,
    Place,
    Point,
    Quote,
    Reference,
    StatusChange,
)

TOWNS = [Place("1", "с. Берёзовка", "Пермский край"), Place("2", "Березовка", "обл. Воронежская"), Place("3", "Бор")]


class Pigeons(delivery.DeliveryService):
    """Carries letters; no network."""

    key = title = api_url = "pigeons"
    countries = ("RU",)
    gone = "no such letter"

    def __init__(self) -> None:
        settings = {"external_id_prefix": "hub-", "default_weight": "700", "default_side": "20", "sender_name": "Shop"}
        super().__init__(Account(1, "Pigeons", settings), HttpClient(secrets=["s3cret"]))
        self.letters: dict[str, Copy] = {}

    def make(self, order: OrderData) -> Copy:
        return self.letters.setdefault(self.style.name(order.key), Copy("7", self.place_code(order)))

    def edit(self, external_id: str, order: OrderData) -> Copy:
        return Copy(external_id)

    def held(self, name: str) -> Copy:
        if name not in self.letters:
            raise Refused("not_found", "No such letter." if self.settings else "HTTP 404")
        return self.letters[name]

    def delete(self, external_id: str) -> None:
        self.letters.clear()

    def references(self) -> Mapping[str, Sequence[Reference]]:
        return {"delivery": [delivery.method("1", "Fast", delivery.STANDARD, "courier", "pigeon")]}

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]:
        return [StatusChange(one, "home") for one in external_ids]

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]:
        return []

    def settlements(self, text: str, country: str) -> Sequence[Place]:
        return TOWNS

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]:
        return []


def order(**more: Any) -> OrderData:
    return OrderData(**{"key": "A-1", "currency": "RUB", "address": Address("RU", city="Бор"), **more})


def test_a_few_methods_make_a_destination() -> None:
    for capability in (ReceivesOrders, DeletesOrders, ReadsStatuses, QuotesDelivery, FindsPlaces):
        assert Pigeons.can(capability)
    pigeons = Pigeons()
    assert pigeons.test().ok
    assert pigeons.references()["delivery"][0].group == "standard/courier/pigeon"
    assert pigeons.send([order()])[0].copy == Copy("7", "3")
    assert pigeons.find(["A-1", "A-2"]) == {"A-1": Copy("7", "3")}
    assert pigeons.send([order()])[0].fault == "duplicate"
    assert pigeons.statuses({"ids": ["7"]}, None) == ([StatusChange("7", "home")], {})
    assert [table.key for table in delivery.mappings({"home": "transferred"})] == ["status_in", "delivery_out"]


def test_a_wrong_address_is_no_absent_parcel() -> None:
    pigeons = Pigeons()
    pigeons.settings = {}
    with pytest.raises(VendorError, match="404"):
        pigeons.find(["A-1"])


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (Address("RU", city="Бор"), "3"),
        (Address("RU", "Пермский край", "березовка"), "1"),
        (Address("RU", "Воронежская область", "с. Берёзовка"), "2"),
        (Address("DE", city="Berlin"), ""),
    ],
)
def test_a_typed_city_is_the_only_one_it_can_be(address: Address, found: str) -> None:
    assert Pigeons().place_code(order(address=address)) == found


@pytest.mark.parametrize("address", [Address("RU", city="Берёзовка"), Address("RU", city="Нигде"), Address("RU")])
def test_a_city_that_is_none_or_several_is_asked_about(address: Address) -> None:
    with pytest.raises(Refused) as caught:
        Pigeons().place_code(order(address=address))
    assert caught.value.field == "city"


def test_what_is_missing_is_said_before_the_call() -> None:
    for wrong, field in ((order(currency="UAH"), "currency"), (order(), "delivery_method_id")):
        with pytest.raises(Refused) as caught:
            delivery.method_code(wrong, "RUB")
        assert caught.value.field == field
    with pytest.raises(Refused) as caught:
        delivery.sender(Pigeons().settings, {"name": "sender_name"})
    assert caught.value.field == "sender_phone"


def test_a_parcel_s_measures_names_and_prices() -> None:
    settings = Pigeons().settings
    assert delivery.measures(Parcel(), settings) == {"length": 2, "width": 2, "height": 2, "weight": D("0.7")}
    assert delivery.measures(order(weight=1250, length=305), {})["length"] == D("30.5")
    lines = [LineData("Mug", "M", quantity=D(3), price=D(10), discount=D(1)), LineData("Card", price=D(5))]
    assert [delivery.unit_price(line) for line in lines] == [D("9.67"), 5]
    assert [product.name for product in delivery.unnamed(lines)] == ["Card"]
    person = Person("Orlova", "Anna")
    assert delivery.whereto(order(recipient=person), {"who": "full_name", "town": "city", "zip": "postal_code"}) == {
        "who": "Orlova Anna", "town": "Бор"}  # fmt: skip


money = st.decimals(0, 10**6, places=2)


@given(money, money, st.booleans(), st.booleans(), money)
def test_what_is_collected_is_declared_and_nothing_of_it_once_paid(
    declared: D, cod: D, wanted: bool, paid: bool, least: D
) -> None:
    one = order(declared_value=declared, payment=Payment(cod=wanted, cod_amount=cod, paid=paid))
    due = delivery.due(one)
    assert due in (0, cod)
    assert not due or (wanted and not paid)
    stated = delivery.declared(one, due, least)
    assert stated >= max(due, declared, least)
    assert stated in (due, declared, least)
