"""Ukrposhta: what the shared suite needs to know of it, a parcel's life, recorded answers (more in its fixtures)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox import SandboxServer
from integrations.types import Address, Delivery, OrderData, Parcel, Payment, Person, Place
from integrations.ukrposhta import places, tracking, translate
from integrations.ukrposhta import sandbox_data as data

from . import parcels
from .suite import Vendor, fault_of

LVIV = "14288"
THERE = Delivery(service_code="STANDARD-W2W", settlement=LVIV, pickup_code="79002")


def order(key: str, **more: Any) -> OrderData:
    return parcels.order(key, THERE, **more)


def _page(post: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    keys = [f"P-{n}" for n in range(230)]
    numbers = [sent.copy.external_id for sent in post.send([order(key) for key in keys])]
    sandbox.advance()
    assert post.find(keys).keys() == set(keys)
    return set(numbers), {change.external_id for change in post.track(numbers)}


SENDER = {"uuid": "e703f824-01fd-47af-8e5a-5f8130faa782", "type": "INDIVIDUAL"}
KEYS = {"api_key": "sandbox-token", "token": data.token(0), "tracking_key": "tracking-sandbox-token"}
VENDOR = Vendor(
    key="ukrposhta",
    settings={**KEYS, "sender_uuid": data.sender(0), "payer": "Recipient", "description": "",
              "default_weight": "500", "default_side": "100", "external_id_prefix": ""},
    changed={"api_key": "a-newer-key", "token": "a-newer-token", "payer": "Sender"},
    read=lambda c: c.points(Place(LVIV), "", Parcel()),
    write=lambda c: bool(c.ecom("PUT", "clients/e703f824", {"type": "INDIVIDUAL"})),
    error=lambda words: {"code": "UPE01000", "message": words},
    page=_page,
    unknown_status=lambda _: tracking.change("0500128254873", {"event": "teleported"}).status,
    create=lambda c: c.send([order("ONCE")]),
    written=lambda full: translate.shipment(
        replace(full, currency="UAH"), ("STANDARD", "W2W"), SENDER, "393fcd60-dd3c-461a-b2a9-7853cf255f99", {}, full.key
    ),
    skips={"orders_read": "A destination: no orders are taken from Ukrposhta.",
           "products_made_once": "Its shipments name no products.",
           "wrong_secret": "Each of its three keys opens a part of its own: the test below."},
)  # fmt: skip


def connect(server: SandboxServer, **settings: Any) -> Any:
    server.vendor("ukrposhta").set_rate(None)
    return VENDOR.connect(f"{server.url}/ukrposhta", **settings)


def held(server: SandboxServer, token: str | None = None) -> list[dict[str, Any]]:
    return list(server.vendor("ukrposhta").account(token).table("orders").values())


@pytest.mark.parametrize("name", KEYS)
def test_each_key_opens_a_part_of_its_own(server: SandboxServer, name: str) -> None:
    assert fault_of(connect(server, **{name: "somebody-else"}).test) == "credentials"
    tracks = fault_of(connect(server, **{name: "somebody-else"}).track, ["0500128254873"])
    assert tracks == ("credentials" if name == "tracking_key" else "")
    assert fault_of(connect(server, sender_uuid="nobody").test) == "misconfigured"


def test_a_parcel_is_made_changed_printed_followed_and_removed(server: SandboxServer) -> None:
    sandbox, post = server.vendor("ukrposhta"), connect(server)
    (sent,) = post.send([order("A-1", payment=Payment(cod=True, cod_amount=D(701)))])
    number = sent.copy.number
    assert (sent.fault, len(number), sent.copy.status) == ("", 13, "10601")
    (made,) = held(server)
    assert (made["postPay"], made["transferPostPayToBankAccount"], made["externalId"]) == (701, False, "A-1")
    assert (made["parcels"][0]["weight"], made["parcels"][0]["declaredPrice"]) == (600, 701)
    assert made["recipientAddress"]["postcode"] == "79002"
    assert all(post.paper(number, kind).body.startswith(b"%PDF") for kind in post.papers)
    assert fault_of(post.paper, "0599999999999", "sticker") == "not_found"
    assert post.update(number, order("A-1", weight=2500)).copy.external_id == number
    assert held(server)[0]["parcels"][0]["weight"] == 2500
    assert (post.track([number]), post.history(number)) == ([], [])  # not before it is handed over
    for event in ("10100", "35300", "41000"):
        sandbox.set_status(number, event)
    assert [(c.external_id, c.status, c.status_name) for c in post.track([number, "nonsense"])] == [
        (number, "41000", "")
    ]
    assert [event.text for event in post.history(number)] == [
        "Прийнято у відділенні",
        "Затримано на митниці",
        "Вручено",
    ]
    sandbox.set_status(number, "41000", "відправнику")
    assert [c.status for c in post.statuses_of([number])] == ["41010"]
    assert "CREATED" in post.update(number, order("A-1")).detail
    assert fault_of(post.delete, number) == "validation"
    gone = post.send([order("A-2")])[0].copy.external_id
    assert [fault_of(post.delete, one) for one in (gone, gone, "0599999999999")] == ["", "not_found", "not_found"]
    assert list(post.find(["A-1", "A-2"])) == ["A-1"]
    assert post.send([order("A-2")])[0].copy.external_id != gone  # its recipient is there already


@pytest.mark.parametrize(
    ("more", "ends", "code"),
    [
        ({"delivery": Delivery(pickup_code="79003")}, "W2W", "79003"),
        ({"delivery": Delivery(pickup_address="Відділення 79004, Садова")}, "W2W", "79004"),
        ({"delivery": Delivery()}, "W2W", "79001"),
        ({"delivery": Delivery(code="EXPRESS-W2D")}, "W2D", "79001"),
        ({"recipient": Person(first_name="Шевченко Тарас", phone="0671112233")}, "W2W", "79002"),
    ],
)
def test_where_an_order_goes_is_read_from_what_it_has(
    server: SandboxServer, more: dict[str, Any], ends: str, code: str
) -> None:
    assert fault_of(connect(server).send, [order("A-1", **more)]) == ""
    assert (held(server)[0]["deliveryType"], held(server)[0]["recipientAddress"]["postcode"]) == (ends, code)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"currency": "EUR"}, "currency"),
        ({"delivery": Delivery(), "address": Address("UA", city="Львів")}, "delivery_method_id"),
        ({"delivery": Delivery(code="STANDARD-W2W"), "address": Address("UA", city="Львів")}, "postal_code"),
        ({"delivery": Delivery(code="STANDARD-W2D"), "address": Address("UA", postal_code="79001")}, "street"),
        ({"delivery": Delivery(pickup_code="99999")}, "postal_code"),
        ({"recipient": Person("Шевченко", "Тарас", phone="+48601112233")}, "phone"),
        ({"weight": 30_001}, "weight"),
    ],
)
def test_what_is_refused_names_the_field(server: SandboxServer, more: dict[str, Any], field: str) -> None:
    (sent,) = connect(server).send([order("A-1", **more)])
    assert (sent.fault, sent.field) == ("validation", field)
    assert held(server) == []


def test_a_companys_cash_on_delivery_goes_to_its_account(server: SandboxServer) -> None:
    token = "sandbox-token-2"
    post = connect(server, api_key=token, token=data.token(1), sender_uuid=data.sender(1))
    assert fault_of(post.send, [order("A-1", payment=Payment(cod=True, cod_amount=D(701)))]) == ""
    assert held(server, token)[0]["transferPostPayToBankAccount"] is True


def test_places_and_prices(server: SandboxServer) -> None:
    post = connect(server)
    assert [place.region for place in post.settlements("Миколаївка", "UA")] == [
        "Одеська обл., Березівський р-н", "Донецька обл., Краматорський р-н"]  # fmt: skip
    (village,) = post.settlements("Піщана", "UA")  # an only row stands alone
    assert ([p.code for p in post.points(village, "", Parcel())], post.settlements("Ніде", "UA")) == (["09101"], [])
    (lviv,) = post.settlements("львів", "UA")
    offices = post.points(lviv, "STANDARD-W2W", Parcel())
    assert (len(offices), offices[0].address) == (7, "79001, Львів 1, вул. Садова, 7")  # the eighth is locked
    assert post.points(lviv, "STANDARD-W2D", Parcel()) == []
    offers = {o.code: o for o in post.quote(Parcel(600, 200, 100, 100, D(701), currency="UAH"), lviv)}
    assert [offers[code].cost for code in ("STANDARD-W2W", "EXPRESS-W2D")] == [D("46.01"), D(101)]
    assert offers["STANDARD-W2D"].cost > offers["STANDARD-W2W"].cost > 0
    heavy = post.quote(Parcel(31_000, currency="UAH"), lviv)
    assert all("weight" in offer.why_not for offer in heavy)
    assert post.quote(Parcel(), replace(lviv, code="0")) == []


def test_recorded_answers_of_tracking_are_read() -> None:
    if folder := os.environ.get("CONTRACTS"):
        body = json.loads((Path(folder) / "ukrposhta/statuses_with_not_found.json").read_text(encoding="utf-8"))
        told = tracking.told(body)
        assert [tracking.change(n, rows[-1]).status for n, rows in told.items()] == ["41000", "41010"]
        events = [tracking.event(row) for row in told["0500128254610"]]
        assert events[0].detail == "05300 ЦОКК 5 КИЇВ"
        assert str(events[0].at) == "2019-02-13 08:39:58+00:00"
    rows = [{"barcode": "1", "event": 20700, "date": "2026-01-02T00:00:00"}, {"barcode": "1", "event": "10 100",
             "date": "2026-01-01T00:00:00"}]  # fmt: skip
    assert [tracking.code(row) for row in tracking.told({"found": rows})["1"]] == ["10100", "20700"]
    assert places.listed({"Entries": None}) == []
