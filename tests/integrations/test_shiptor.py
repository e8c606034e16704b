"""Shiptor: what the shared suite needs to know of it, and its own quirks (canned bodies in, expected objects out)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from integrations.errors import Refused
from integrations.sandbox import SandboxServer
from integrations.shiptor import translate
from integrations.style import Style
from integrations.types import Address, Delivery, LineData, OrderData, Parcel, Payment, Person, Place

from .suite import Vendor, canned, fault_of

VORONEZH = Place("36000001000", "г. Воронеж", "Воронежская область", "RU")
VILLAGE = Place("36010000012", "с. Берёзовка", "Воронежская область", "RU")
SENDER = {"sender_city": "77000000000", "sender_name": "Shop", "sender_phone": "+79990000000", "sender_point": "770012"}


def order(key: str, **more: Any) -> OrderData:
    values = {
        "key": key,
        "currency": "RUB",
        "recipient": Person("Orlova", "Anna", "", "+79990000001"),
        "address": Address("RU", "Воронежская область", "Воронеж", "Мира", "7", "", "394000"),
        "delivery": Delivery(service_code="1", settlement="36000001000"),
        "lines": [LineData("Mug", "SKU-1", quantity=D(2), price=D("350.50"), weight=300)],
        "declared_value": D(701),
        "weight": 600,
    }
    return OrderData(**{**values, **more})


def _send(shiptor: Any, one: OrderData) -> Any:
    shiptor.ensure_products([_product(line) for line in one.lines if line.sku])
    return shiptor.send([one])


def _product(line: LineData) -> Any:
    from integrations.types import ProductData

    return ProductData(line.sku, line.name, line.price, line.weight)


def _page(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    account = sandbox.account()
    for kind in ("products",):
        sandbox._add(account, kind, {"shopArticle": "SKU-1", "name": "Mug"})
    body = translate.parcel(order("x"), "36000001000", Style(), {})
    plain = {**body, **{name: float(body[name]) for name in ("weight", "length", "width", "height")}}
    made = [sandbox.rpc_addPackage(account, {**plain, "cod": 0, "declared_cost": 701, "external_id": f"P-{n}",
                                             "products": []}) for n in range(230)]  # fmt: skip
    changes, cursor = connection.statuses({"ids": [str(package["id"]) for package in made]}, None)
    assert cursor == {}
    return {package["external_id"] for package in made}, {change.key for change in changes}


def _unknown_status(_: Any) -> str:
    told = {"jsonrpc": "2.0", "id": "perron", "result": [{"id": 7, "external_id": "A-1", "status": "teleported"}]}
    with canned((200, told)) as server:
        return str(VENDOR.connect(server.url).statuses_of(["7"])[0].status)


VENDOR = Vendor(
    key="shiptor",
    settings={"api_key": "sandbox-token", "sender_city": "77000000000", "sender_point": "", "sender_name": "Shop",
              "sender_phone": "+79990000000", "sender_email": "", "sender_region": "", "sender_settlement": "",
              "sender_street": "", "sender_house": "", "sender_postal_code": "", "delivery_sku": "delivery",
              "default_weight": "500", "default_side": "100", "external_id_prefix": ""},
    changed={"api_key": "a-newer-key", "sender_city": "36000001000", "default_weight": "700"},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: [c.update("7", order("A-1"))],
    error=lambda words: {"jsonrpc": "2.0", "error": {"code": -32602, "message": words}, "id": "perron"},
    page=_page,
    unknown_status=_unknown_status,
    create=lambda c: _send(c, order("ONCE")),
    written=lambda full: translate.parcel(
        replace(full, delivery=replace(full.delivery, service_code="17", pickup_code="5120")), "77000000000",
        Style("hub-"), {"delivery_sku": "delivery"}
    ),
    skips={"orders_read": "A destination: no orders are taken from Shiptor."},
)  # fmt: skip


@pytest.fixture
def shiptor() -> Any:
    with SandboxServer(["shiptor"]) as server:
        server.vendor("shiptor").set_rate(None)
        found = VENDOR.connect(f"{server.url}/shiptor", **SENDER)
        found.sandbox = server.vendor("shiptor")
        yield found


def test_a_parcel_is_made_changed_followed_and_removed(shiptor: Any) -> None:
    priced = order("A-1", delivery=Delivery(service_code="1", settlement="36000001000", cost=D(350)))
    (sent,) = _send(shiptor, replace(priced, lines=[*priced.lines, LineData("Gift card", price=D(5))]))
    assert sent.fault == ""
    assert (sent.copy.number, sent.copy.status) == (f"RP{sent.copy.external_id}", "new")
    held = shiptor.sandbox.account().table("orders")[int(sent.copy.external_id)]
    assert (held["weight"], held["length"], held["cod"], held["declared_cost"]) == (0.6, 10, 0, 701)
    assert held["services"] == [{"shopArticle": "delivery", "count": 1, "price": 350}]
    assert shiptor.update(sent.copy.external_id, replace(priced, weight=900)).fault == ""
    assert shiptor.sandbox.account().table("orders")[held["id"]]["weight"] == 0.9
    shiptor.sandbox.advance()
    shiptor.sandbox.set_status(held["id"], "sent")
    assert [c.status for c in shiptor.statuses_of([sent.copy.external_id])] == ["sent"]
    told = shiptor.history(sent.copy.external_id)
    assert [event.text for event in told] == ["Новая", "Прибыла на склад", "Отправлена", "Принято в доставку"]
    assert shiptor.update(sent.copy.external_id, priced).detail == "Can not edit a package in this state."
    assert fault_of(shiptor.delete, sent.copy.external_id) == "validation"


def test_removing_twice_or_what_is_gone_is_done(shiptor: Any) -> None:
    (sent,) = _send(shiptor, order("A-1"))
    for _ in range(2):
        shiptor.delete(sent.copy.external_id)
    shiptor.delete("999")
    assert [c.status for c in shiptor.statuses_of([sent.copy.external_id, "999"])] == ["removed"]


def test_end_to_end_and_export_parcels(shiptor: Any) -> None:
    through = Delivery(service_code="119", settlement="36000001000", kind="end-to-end")
    (sent,) = _send(shiptor, order("E-1", delivery=through))
    assert sent.copy
    assert shiptor.sandbox.count() == 1
    abroad = Address("DE", "", "Berlin", "Hauptstr.", "7", "", "10115")
    (sent,) = _send(shiptor, order("E-2", address=abroad, delivery=Delivery(service_code="202", kind="export")))
    held = shiptor.sandbox.account().table("orders")[int(sent.copy.external_id)]
    assert (held["departure"]["address"]["country_code"], held["cod"]) == ("DE", None)
    shiptor.settings = {**shiptor.settings, "sender_phone": ""}
    assert fault_of(_send, shiptor, order("E-3", delivery=through)) == "misconfigured"


def test_offers_follow_weight_place_and_what_is_collected(shiptor: Any) -> None:
    light = {offer.code: offer for offer in shiptor.quote(Parcel(500, 100, 100, 100), VORONEZH)}
    heavy = {offer.code: offer for offer in shiptor.quote(Parcel(16_000, 100, 100, 100), VORONEZH)}
    assert {offer.kind for offer in light.values()} == {"standard", "end-to-end"}
    assert heavy["1"].cost > light["1"].cost > 0
    assert (light["25"].why_not, heavy["25"].why_not) == ("", "Вес больше 15 кг")
    assert (light["3"].category, light["3"].takes_card, light["3"].needs_postal_code) == ("post", False, True)
    collected = Parcel(500, 100, 100, 100, D(1000), D(1000), by_card=True)
    assert "картой" in {o.code: o for o in shiptor.quote(collected, VORONEZH)}["3"].why_not
    there = [offer.carrier for offer in shiptor.quote(Parcel(500), VILLAGE) if not offer.why_not]
    assert set(there) == {"russian-post", "cdek"}
    assert {o.kind for o in shiptor.quote(Parcel(500), Place(country="DE"))} == {"export"}


def test_places_and_points_are_found(shiptor: Any) -> None:
    assert [place.region for place in shiptor.settlements("берез", "RU")] == ["Воронежская область", "Пермский край"]
    points = shiptor.points(VORONEZH, "17", Parcel(500))
    assert points
    assert all(p.latitude and "17" in p.methods and p.hours for p in points)
    assert len(shiptor.points(VORONEZH, "17", Parcel(500, cod=D(1), by_card=True))) < len(points)


def test_a_city_that_was_typed_is_looked_up(shiptor: Any) -> None:
    unplaced = Delivery(service_code="1")
    (sent,) = _send(shiptor, order("A-1", delivery=unplaced))
    assert sent.fault == ""
    near = Address("RU", "Пермский край", "Березовка", "Мира", "7")
    assert _send(shiptor, order("A-2", address=near, delivery=replace(unplaced, service_code="18")))[0].fault == ""
    vague = replace(near, region="")
    (sent,) = _send(shiptor, order("A-3", address=vague, delivery=unplaced))
    assert (sent.fault, sent.field) == ("validation", "city")


@pytest.mark.parametrize(
    ("words", "fault", "field"),
    [
        ("Delivery point does not match shipping method.", "validation", "pickup_code"),
        ("Invalid kladr_id.", "validation", "city"),
        ("Cashless payment is not available", "validation", "cod_method"),
        ("Postal code cannot be empty.", "validation", "postal_code"),
        ("Package was not found.", "not_found", ""),
        ("Something odd", "validation", ""),
    ],
)
def test_complaints_are_understood(words: str, fault: str, field: str) -> None:
    with canned((200, VENDOR.error(words))) as server:
        sent = VENDOR.connect(server.url).update("7", order("A-1"))
    assert (sent.fault, sent.field) == (fault, field)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": -32603, "message": "x"}, "credentials"),
        ({"code": -32601, "message": "x"}, "misconfigured"),
        ({"code": -32605, "message": "x"}, "unavailable"),
        ("a plain text", "validation"),
    ],
)
def test_errors_of_the_protocol(error: Any, fault: str) -> None:
    with canned((200, {"jsonrpc": "2.0", "error": error, "id": None})) as server:
        assert fault_of(VENDOR.connect(server.url).test) == fault


def test_what_can_not_be_sent_is_said_before_the_call() -> None:
    for changes, field in (({"currency": "UAH"}, "currency"), ({"delivery": Delivery()}, "delivery_method_id")):
        with pytest.raises(Refused) as caught:
            translate.parcel(order("A-1", **changes), "1", Style(), {})
        assert caught.value.field == field
    cod = Payment(kind="cod_card", cod=True, cod_amount=D(900))
    body = translate.parcel(order("A-1", payment=cod), "1", Style(), {})
    assert (body["cod"], body["declared_cost"], body["departure"]["cashless_payment"]) == (900, 900, True)
    mailed = translate.parcel(order("A-1", delivery=Delivery(service_code="17", pickup_code="5120")), "1", Style(), {})
    assert mailed["departure"]["delivery_point"] == 5120


def test_answers_in_their_older_shapes() -> None:
    assert translate.copy([{"id": 7, "tracking_number": "RP7"}], "https://x").number == "RP7"
    assert [r.name for r in translate.statuses({"new": "Новая"})] == ["Новая"]
    (point,) = translate.points([{"id": 5, "shipping_method": 17, "cod": False}])
    assert (point.methods, point.takes_cod, point.takes_card) == (["17"], False, True)
    assert translate.listed({"id": 1}) == [{"id": 1}]
