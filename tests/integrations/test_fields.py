"""Field tables, the style of outgoing orders, and statuses written back: what vendors' translations are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from integrations import sources
from integrations.errors import VendorError, failure
from integrations.fields import apart, carrier_code, field_named, fixed, person, references, same, texts, written
from integrations.style import Style
from integrations.types import Delivery, LineData, OrderData, Person, Reference, StatusChange

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def test_tables_are_read_and_written() -> None:
    body = {"id": 7, "client": {"name": " Anna "}, "sku": None, "none": []}
    assert texts(body, {"a": "id", "b": "client.name", "c": "sku|none.x|id", "d": "x.y"}) == {
        "a": "7", "b": "Anna", "c": "7", "d": "",
    }  # fmt: skip
    order = OrderData(weight=5, recipient=Person(phone="+1"))
    assert written(order, {"tel": "recipient.phone", **same("weight")}) == {"tel": "+1", "weight": 5}


def test_people() -> None:
    names = {"last_name": "surname", "first_name": "name"}
    anna = person({"surname": "Orlova", "name": "Anna", "phone": "050 111 22 33"}, names, "UA", email="a@example.com")
    assert anna == Person("Orlova", "Anna", "", "+380501112233", "a@example.com")
    assert person({}, {**names, "phone": "tel"}, "UA", "+1") == Person(phone="+1")
    assert apart(Person("ORLOVA", "anna", phone=anna.phone), anna) is None
    assert apart(Person("Orlova", "Anna", phone="+2"), anna) == Person("Orlova", "Anna", phone="+2")


def test_reference_lists() -> None:
    listed = {"b": {"code": "b", "name": "B", "group": "new", "active": True}, "c": {"code": "c", "active": False}}
    assert references(listed) == [Reference("b", "B", "new")]
    assert references([]) == references(None) == []
    assert fixed({"a": "A"}) == [Reference("a", "A")]


@pytest.mark.parametrize(
    ("name", "code"), [("nova_poshta", "np"), (" Нова Пошта", "np"), ("УКРПОШТА", ""), ("Pigeons", ""), ("", "")]
)
def test_carriers(name: str, code: str) -> None:
    assert carrier_code(name, {"nova_poshta": "np", "meest": "m"}) == code


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (["items[0].offer.id: Wrong", "phone: Wrong"], "lines"),
        (["?", "orders[3].phone: Wrong", "items: Wrong"], "phone"),
        (["Phone is wrong: phone", ""], ""),
        ([], ""),
    ],
)
def test_the_field_of_a_complaint(said: list[str], field: str) -> None:
    assert field_named(said, {"items": "lines", "phone": "phone"}) == field


def test_a_style() -> None:
    style = Style.of({"external_id_prefix": "hub-", "copy_number": True, "delivery_code": "", "token": "x"})
    assert style == Style("hub-", copy_number=True)
    assert (style.name("A"), style.key("hub-A"), style.key("A"), Style().key("A")) == ("hub-A", "A", "", "A")
    order = OrderData(number="5", delivery=Delivery("code"))
    assert (style.number(order), Style().number(order)) == ("5", "")
    assert [Style(delivery_code="usual").delivery(one) for one in (order, OrderData())] == ["code", "usual"]


def test_the_comment_for_staff() -> None:
    delivery = Delivery("", "Courier", "13", "Economy", "1-2", "MSK-7", "Lesnaya, 7", D(290))
    order = OrderData(staff_comment="Fragile", buyer=Person("Orlov", phone="+1"), delivery=delivery, currency="RUB")
    assert Style().staff_comment(order) == "Fragile\nOrlov, +1"
    told = "Fragile\nOrlov, +1\nCourier; Economy; 1-2; 290 RUB; MSK-7; Lesnaya, 7"
    assert Style(duplicate_delivery=True).staff_comment(order) == told
    assert Style(duplicate_delivery=True).staff_comment(OrderData()) == ""
    assert LineData("Mug", price=D("2.5"), quantity=D(2), discount=D(1)).amount == 4


@pytest.mark.parametrize(
    ("cursor", "since"),
    [({}, datetime(2026, 3, 6, 12, tzinfo=UTC)),
     ({"since": "2026-03-20T11:58:00+02:00"}, datetime(2026, 3, 20, 9, 48, tzinfo=UTC))],
)  # fmt: skip
def test_a_pull_begins_before_its_cursor(cursor: dict[str, str], since: datetime) -> None:
    assert sources.read_from({}, cursor, NOW) == since
    assert sources.read_from({"import_days": "14"}, cursor, NOW) == since
    assert sources.last_page(NOW).cursor == {"since": "2026-03-20T12:00:00+00:00"}


def write(faults: Mapping[str, str]) -> tuple[Mapping[str, tuple[str, str]], list[Sequence[str]]]:
    changes = [StatusChange(n, status) for n, status in zip("123456", "aabcad", strict=True)]
    sent: list[Sequence[str]] = []

    def call(ids: Sequence[str], asked: Mapping[str, Any]) -> set[str]:
        sent.append(ids)
        if fault := faults.get(asked["status"]):
            raise failure(fault, "no")
        return set(ids) - {"5"}

    done = sources.write_statuses(changes, lambda c: "never" if c.status == "d" else "", _request, call)
    return done, sent


def _request(change: StatusChange) -> dict[str, Any]:
    return {"status": change.status}


def test_statuses_are_written_together_and_answered_for_one_by_one() -> None:
    done, sent = write({"b": "broken", "c": "validation"})
    assert sent == [["1", "2", "5"], ["3"], ["4"]]
    assert [done[n][0] for n in "123456"] == ["", "", "broken", "validation", "validation", "validation"]
    assert (done["5"][1], done["6"][1], done["4"][1]) == ("not changed", "never", "no")
    assert write({"a": "validation", "b": "validation"})[0]["4"] == ("", "")
    with pytest.raises(VendorError, match="broken"):
        write({"a": "validation", "b": "broken"})
