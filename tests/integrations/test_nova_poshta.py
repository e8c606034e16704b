"""Nova Poshta: what the shared suite needs to know of it, a waybill's life, recorded answers, and an independent client
(more in its fixtures)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from novaposhta.client import NovaPoshtaApi

from integrations.errors import Refused
from integrations.fields import texts
from integrations.nova_poshta import sandbox_data as data
from integrations.nova_poshta import translate
from integrations.nova_poshta.connector import PAGE
from integrations.sandbox import SandboxServer
from integrations.types import Address, Delivery, OrderData, Parcel, Payment, Person, Place

from . import parcels
from .suite import Vendor, canned, fault_of, fixture

KYIV, LVIV = (data.city_ref(row) for row in data.SETTLEMENTS[:2])
BRANCH, LOCKER = (data.ref("warehouse", LVIV, number) for number in (2, 20))
THERE = Delivery(service_code=translate.BRANCH, settlement=LVIV, pickup_code=BRANCH)


def order(key: str, **more: Any) -> OrderData:
    return parcels.order(key, THERE, **more)


def _page(poshta: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    keys = [f"P-{n}" for n in range(230)]
    copies = [sent.copy for sent in poshta.send([order(key) for key in keys])]
    changes, cursor = poshta.statuses({"ids": [copy.external_id for copy in copies]}, None)
    assert cursor == {}
    assert poshta.find(keys).keys() == set(keys)
    return set(keys), {change.key for change in changes}


NEITHER = ("sender_contact", "sender_phone", "description", "external_id_prefix")
VENDOR = Vendor(
    key="nova_poshta",
    settings={"api_key": "sandbox-token", "sender_city": "Київ", "sender_point": "1", "payer": "Recipient",
              "collect_by": "transfer", "payment": "Cash", "default_weight": "500", "default_side": "100",
              **dict.fromkeys(NEITHER, "")},
    changed={"api_key": "a-newer-key", "sender_point": "7", "payer": "Sender"},
    read=lambda c: c.find(["A-1"]),
    write=lambda c: c.tell("InternetDocument", "delete", DocumentRefs=["be5e205c-96e3-11ec-80fb-b8830365bd04"]),
    error=lambda words: {"success": False, "data": [], "errors": [words], "warnings": [], "errorCodes": []},
    page=_page,
    unknown_status=lambda _: translate.change({"StatusCode": "teleported"}, "").status,
    create=lambda c: c.send([order("ONCE")]),
    written=lambda full: translate.waybill(
        replace(full, currency="UAH"), {"city": LVIV, "address": BRANCH, "method": translate.BRANCH},
        {"collect_by": "control"}, translate.when("2026-11-22 10:00:00")
    ),
    skips={"orders_read": "A destination: no orders are taken from Nova Poshta.",
           "products_made_once": "Its waybills name no products."},
)  # fmt: skip


def connect(server: SandboxServer, **settings: Any) -> Any:
    server.vendor("nova_poshta").set_rate(None)
    return VENDOR.connect(f"{server.url}/nova_poshta", **settings)


def held(server: SandboxServer) -> list[dict[str, Any]]:
    return list(server.vendor("nova_poshta").account().table("orders").values())


def test_a_waybill_is_made_changed_printed_followed_and_removed(server: SandboxServer) -> None:
    sandbox, poshta = server.vendor("nova_poshta"), connect(server)
    (sent,) = poshta.send([order("A-1", payment=Payment(cod=True, cod_amount=D(701)))])
    number = sent.copy.number
    assert (sent.fault, len(number), sent.copy.status) == ("", 14, "1")
    (made,) = held(server)
    assert (made["Weight"], made["Cost"], made["InfoRegClientBarcodes"]) == ("0.6", "701", "A-1")
    assert made["BackwardDeliveryData"][0]["RedeliveryString"] == "701"
    assert poshta.paper(number, "printMarking100x100").body.startswith(b"%PDF")
    assert fault_of(poshta.paper, "20459999999999", "printDocument") == "not_found"
    assert poshta.update(number, order("A-1", weight=2500)).copy.external_id == number
    assert held(server)[0]["Weight"] == "2.5"
    sandbox.set_status(number, "7")
    assert [(c.external_id, c.status, c.key) for c in poshta.track([number, "nonsense"])] == [(number, "7", "A-1")]
    assert [event.text for event in poshta.history(number)] == ["Створено, ще не передано", "Прибуло у відділення"]
    assert "20000200153" in poshta.update(number, order("A-1")).detail
    assert fault_of(poshta.delete, number) == "validation"
    gone = poshta.send([order("A-2")])[0].copy.external_id
    assert [fault_of(poshta.delete, one) for one in (gone, gone, "20459999999999")] == ["", "not_found", "not_found"]
    assert list(poshta.find(["A-1", "A-2"])) == ["A-1"]


@pytest.mark.parametrize(
    ("more", "method", "address"),
    [
        ({"delivery": Delivery(pickup_code=BRANCH)}, "WarehouseWarehouse", BRANCH),
        ({"delivery": Delivery(pickup_address="Відділення №2: вул. Садова")}, "WarehouseWarehouse", BRANCH),
        ({"delivery": Delivery(code=translate.LOCKER, pickup_code="5020")}, "WarehouseWarehouse", LOCKER),
        ({"delivery": Delivery()}, "WarehouseDoors", None),
        ({"recipient": Person(first_name="Шевченко Тарас", phone="+380671112233")}, "WarehouseWarehouse", BRANCH),
    ],
)
def test_where_an_order_goes_is_read_from_what_it_has(
    server: SandboxServer, more: dict[str, Any], method: str, address: str | None
) -> None:
    assert fault_of(connect(server).send, [order("A-1", **more)]) == ""
    (made,) = held(server)
    assert (made["ServiceType"], made["CityRecipient"]) == (method, LVIV)
    assert made["RecipientAddress"] == (address or data.ref("address", "sandbox-token", 1))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"delivery": replace(THERE, pickup_code="999")}, "pickup_code"),
        ({"delivery": Delivery(code=translate.BRANCH)}, "pickup_code"),
        ({"delivery": replace(THERE, pickup_code=LOCKER), "weight": 25_000}, "pickup_code"),
        ({"weight": 40_000}, "weight"),
        ({"recipient": Person("Шевченко", "Тарас", "", "+4915112345678")}, "phone"),
        ({"recipient": Person("Шевченко", phone="+380671112233")}, "last_name"),
        ({"delivery": Delivery(), "address": Address("UA", "", "Львів", "Невідома", "7")}, "street"),
        ({"delivery": Delivery(pickup_code="1"), "address": Address("UA", "", "Миколаївка")}, "city"),
        ({"currency": "EUR"}, "currency"),
        ({"delivery": Delivery(code="pigeon")}, "delivery_method_id"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(server: SandboxServer, more: dict[str, Any], field: str) -> None:
    (sent,) = connect(server).send([order("A-1", **more)])
    assert (sent.fault, sent.field) == ("validation", field), sent.detail
    assert held(server) == []


def test_who_sends_is_found_by_names(server: SandboxServer) -> None:
    connect(server, sender_city="миколаївка, Полтавська", sender_contact="мельник", collect_by="control").send(
        [order("A-1", payment=Payment(cod=True, cod_amount=D("99.50")))]
    )
    (made,) = held(server)
    assert (data.CITIES[made["CitySender"]][2], made["SendersPhone"]) == ("Полтавська", "380501234500")
    assert (made["AfterpaymentOnGoodsCost"], "BackwardDeliveryData" in made) == ("100", False)
    for wrong in ({"sender_city": "Миколаївка"}, {"sender_point": "999"}, {"sender_contact": "Ніхто"}):
        with pytest.raises(Refused) as caught:
            connect(server, **wrong).test()
        assert (caught.value.fault, caught.value.field) == ("misconfigured", *wrong)


def test_offers_follow_weight_and_place_and_points_what_they_take(server: SandboxServer) -> None:
    poshta, place = connect(server), Place(LVIV, country="UA")
    light, heavy = ({o.code: o for o in poshta.quote(Parcel(grams), place)} for grams in (500, 25_000))
    assert heavy[translate.BRANCH].cost > light[translate.BRANCH].cost > 0
    assert light[translate.DOORS].cost > light[translate.BRANCH].cost
    assert (light[translate.LOCKER].why_not, bool(heavy[translate.LOCKER].why_not)) == ("", True)
    assert light[translate.BRANCH].days == "2"
    small, large = (poshta.points(place, translate.BRANCH, Parcel(grams)) for grams in (500, 100_000))
    assert (len(small), len(large)) == (11, 1)
    assert small[0].hours == "Пн-Пт 08:00-20:00, Сб 09:00-18:00, Нд 09:00-17:00"
    assert len(poshta.points(place, translate.LOCKER, Parcel(500))) == 14
    assert [p.region for p in poshta.settlements("миколаї", "UA")] == [
        "Одеська обл., Березівський р-н", "Полтавська обл., Полтавський р-н"]  # fmt: skip


def test_branches_are_read_to_their_last_page() -> None:
    pages = [[{"Ref": f"r-{page}-{n}", "Number": str(n)} for n in range(size)] for page, size in ((1, PAGE), (2, 3))]
    with canned(*((200, {"success": True, "data": rows}) for rows in pages)) as server:
        found = VENDOR.connect(server.url).points(Place(LVIV), translate.BRANCH, Parcel(500))
        assert len(found) == PAGE + 3
        assert [f'"Page": "{n}"' in body for n, (_, _, body) in enumerate(server.requests, 1)] == [True, True]


def test_a_list_that_does_not_tell_our_number_is_asked_about_by_tracking(server: SandboxServer) -> None:
    poshta = connect(server)
    number = poshta.send([order("A-1")])[0].copy.number
    asked = poshta.ask
    poshta.ask = lambda model, method, **more: [
        {k: v for k, v in row.items() if k != "InfoRegClientBarcodes"} for row in asked(model, method, **more)
    ]
    assert poshta.find(["A-1", "A-2"]).keys() == {"A-1"}
    assert poshta.find(["A-1"])["A-1"].number == number


def test_recorded_answers() -> None:
    """Where this machine has them; one that is like them always."""
    folder = Path(os.environ.get("CONTRACTS") or "none") / "nova_poshta"
    recorded = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    for answer in [*recorded, fixture("nova_poshta/tracking.json")]:
        for row in answer["data"]:
            assert translate.change(row, "").status == "9"
            assert [f"{event.at:%d %H:%M}" for event in translate.history(row)] == ["26 09:08", "08 12:29", "08 13:16"]
            assert texts(row, translate.NAMED)["number"] == "59000777777777"
        if not answer["success"]:
            assert VENDOR.connect("http://127.0.0.1:1").complaints(answer) == [
                "Document number is not correct (20001401442)"]  # fmt: skip


def test_an_independent_client_works_with_our_imitation(server: SandboxServer) -> None:
    with NovaPoshtaApi("sandbox-token", api_endpoint=f"{server.url}/nova_poshta/v2.0/json/") as client:
        (found,) = client.address.search_settlements(city_name="Львів", limit=5)["data"]
        city = found["Addresses"][0]["DeliveryCity"]
        (branch,) = client.address.get_warehouses(city_ref=city, warehouse_id="2")["data"]
        (who,) = client.counterparty.get_counterparties(counterparty_property="Sender")["data"]
        contact = client.counterparty.get_counterparty_contact_persons(ref=who["Ref"])["data"][0]
        common = {"payer_type": "Sender", "payment_method": "Cash", "date_time": translate.day(datetime.now(UTC)),
                  "cargo_type": "Parcel", "weight": 1, "service_type": "WarehouseWarehouse", "seats_amount": 1,
                  "description": "Чашка", "cost": 300, "city_sender": KYIV, "sender": who["Ref"],
                  "sender_address": data.ref("warehouse", KYIV, 1), "contact_sender": contact["Ref"],
                  "senders_phone": contact["Phones"], "city_recipient": city, "recipient_address": branch["Ref"],
                  "recipients_phone": "380671112233"}  # fmt: skip
        refused = client.internet_document.save(**common)
        assert (refused["success"], "20000300431" in refused["errorCodes"]) == (False, True)
        made = client.counterparty.save(
            first_name="Тарас", middle_name="", last_name="Шевченко", phone="380671112233", email="",
            counterparty_type="PrivatePerson", counterparty_property="Recipient",
            edrpou="", city_ref=city)["data"][0]  # fmt: skip
        person = {"recipient": made["Ref"], "contact_recipient": made["ContactPerson"]["data"][0]["Ref"]}
        saved = client.internet_document.save(**common, **person, info_reg_client_barcodes="A-1")["data"][0]
        documents = [{"DocumentNumber": saved["IntDocNumber"], "Phone": ""}]
        assert client.tracking_document.get_status_documents(documents)["data"][0]["StatusCode"] == "1"
        copy = connect(server).find(["A-1"])["A-1"]
        assert copy.number == saved["IntDocNumber"]
        assert client.internet_document.delete([saved["Ref"]])["success"]
