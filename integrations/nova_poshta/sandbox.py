"""An imitation of Nova Poshta's API 2.0 (https://developers.novaposhta.ua/documentation), as far as the hub uses it.

Not published, chosen here: over ten requests a second the answer is HTTP 429; a number of another shape among the
tracked ones fails the whole call; a waybill can be changed and deleted until it is handed over.
"""

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.nova_poshta import sandbox_data as data
from integrations.nova_poshta import sandbox_rules as rules
from integrations.nova_poshta.sandbox_rules import KYIV, Wrong
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_parcels import ParcelSandbox, asked, pdf
from integrations.sandbox_store import Account, Thing

ERRORS = {
    "unauthorized": ("API key expired", "20000200068"),
    "expired": ("API key expired", "20000200068"),
    "denied": ("API auth fail", "20000200068"),
    "refuse": ("AfterpaymentOnGoodsCost is unavailable in city", "20000200036"),
    "rate_limited": ("To many requests", "20000200429"),
    "not_found": ("Method is not found", "20000100010"),
    "method": ("Request is not POST", "20000100011"),
}
OPEN = ("Address", "AddressGeneral", "TrackingDocument", "Common")  # no key is asked for, a wrong one is refused
TRACKED = 100
PAPERS = "/orders/<any(printDocument, printMarking100x100, printMarking85x85):kind>"


def told(rows: list[Thing], problems: Iterable[rules.Problem] = (), warnings: Any = (), info: Any = ()) -> Thing:
    """The envelope of every answer."""
    problems = list(problems)
    texts = {"errors": [words for words, _code in problems], "errorCodes": [code for _words, code in problems]}
    empty: Thing = {"messageCodes": [], "warningCodes": [], "infoCodes": []}
    return {"success": not problems, "data": rows, "warnings": list(warnings), "info": info or [], **texts, **empty}


def stamp(form: str = "%Y-%m-%d %H:%M:%S", later: int = 0) -> str:
    return (datetime.now(KYIV) + timedelta(days=later)).strftime(form)


class NovaPoshtaSandbox(ParcelSandbox):
    key = "nova_poshta"
    title = "Nova Poshta"
    rate = 10
    demo: ClassVar[dict[str, str]] = {"sender_city": "Київ", "sender_point": "1", "description": "Кераміка"}
    states = data.STATES
    writes = ("InternetDocument/save", "InternetDocument/update", "InternetDocument/delete")
    rules = (
        Rule("/v2.0/json/<model>/<method>", endpoint="call", methods=["POST"]),
        Rule(f"{PAPERS}/orders[]/<number>/type/pdf/apiKey/<token>", endpoint="paper", methods=["GET"]),
    )

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "orders":
            yield "number", thing["IntDocNumber"]
            yield "ref", thing["Ref"]
        if kind == "people":
            yield "people", thing["Ref"]

    def external_id(self, order: Thing) -> str | None:
        found: str | None = order.get("InfoRegClientBarcodes")
        return found

    def token(self, request: Request) -> str | None:
        if request.method == "GET":
            return request.path.partition("/apiKey/")[2].partition("/")[0]
        given = asked(request)
        key = str(given.get("apiKey") or "")
        return next(iter(self.accounts)) if not key and given.get("modelName") in OPEN else key

    def section(self, path: str) -> str:
        return path.strip("/").split("/")[-2]

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "error500":
            return Response("<html><h1>502 Bad Gateway</h1></html>", 500, mimetype="text/html")
        return answer(told([], [ERRORS[kind]]), 429 if kind == "rate_limited" else 200)

    def respond(self, request: Request, path: str, latency: float = 0.0) -> Response:
        """Model and method stand in the body; here they end the path, so that faults can be asked for by them."""
        given = asked(request)
        if request.method == "POST" and path.rstrip("/").endswith("/json"):
            path = f"{path.rstrip('/')}/{given.get('modelName') or 'none'}/{given.get('calledMethod') or 'none'}"
        return super().respond(request, path, latency)

    def call(self, request: Request, account: Account, model: str, method: str) -> Response:
        verb: Callable[[Account, Thing], Any] | None = getattr(self, f"do_{model}_{method}", None)
        if verb is None:
            return self.error("not_found", request, account)
        given = asked(request).get("methodProperties")
        try:
            rows = verb(account, given if isinstance(given, dict) else {})
        except Wrong as wrong:
            return answer(told([], wrong.problems))
        return answer(rows if isinstance(rows, dict) else told(rows))

    # Places

    def do_Address_searchSettlements(self, account: Account, given: Thing) -> list[Thing]:
        wanted = _plain(given.get("CityName"))
        found = [data.settlement(row) for row in data.SETTLEMENTS if wanted and _plain(row[0]).startswith(wanted)]
        return [{"TotalCount": len(found), "Addresses": _paged(found, given, 500)}]

    def do_Address_getStreet(self, account: Account, given: Thing) -> list[Thing]:
        if given.get("CityRef") not in data.CITIES:
            raise Wrong(("CityRef not found", "20000200103"))
        wanted = _plain(given.get("FindByString"))
        return _paged(
            [one for one in data.streets(given["CityRef"]) if wanted in _plain(one["Description"])], given, 500
        )

    def do_Address_getWarehouses(self, account: Account, given: Thing) -> list[Thing]:
        if one := data.by_ref().get(str(given.get("Ref"))):
            return [one]
        found = data.warehouses(str(given.get("CityRef")))
        if given.get("WarehouseId"):
            found = tuple(one for one in found if one["Number"] == str(given["WarehouseId"]))
        return _paged([dict(one) for one in found], given, 500)

    def do_Address_save(self, account: Account, given: Thing) -> list[Thing]:
        for name in ("CounterpartyRef", "StreetRef", "BuildingNumber"):
            if not given.get(name):
                raise Wrong((f"{name} is empty", "20000100002"))
        identity = account.next_id("addresses")
        made = {"Ref": data.ref("address", account.token, identity), "Description": f"буд. {given['BuildingNumber']}"}
        account.put("addresses", identity, made)
        return [made]

    # People

    def do_Counterparty_getCounterparties(self, account: Account, given: Thing) -> list[Thing]:
        return [data.sender(account.number)[0]] if given.get("CounterpartyProperty") == "Sender" else []

    def do_Counterparty_getCounterpartyContactPersons(self, account: Account, given: Thing) -> list[Thing]:
        who, contacts = data.sender(account.number)
        return contacts if given.get("Ref") == who["Ref"] else []

    def do_Counterparty_save(self, account: Account, given: Thing) -> list[Thing]:
        for name in ("FirstName", "LastName"):
            if not given.get(name):
                raise Wrong((f"{name} is empty", "20000100002"))
        if not re.fullmatch(r"\+?(38)?0\d{9}", str(given.get("Phone"))):
            raise Wrong(("Phone invalid format", "20000300434"))
        contact = data.ref("contact", given["LastName"], given["FirstName"], given["Phone"])
        if not account.find("people", contact):
            account.put("people", account.next_id("people"), {"Ref": contact})
        person = {
            "success": True,
            "data": [{"Ref": contact, "Description": f"{given['LastName']} {given['FirstName']}"}],
        }
        return [{"Ref": data.ref("private", account.number), "Description": "Приватна особа", "ContactPerson": person}]

    # Waybills

    def do_InternetDocument_getDocumentPrice(self, account: Account, given: Thing) -> list[Thing]:
        return [rules.price(given)]

    def do_InternetDocument_getDocumentDeliveryDate(self, account: Account, given: Thing) -> list[Thing]:
        date = {
            "date": stamp("%Y-%m-%d 00:00:00.000000", rules.days(given)),
            "timezone_type": 3,
            "timezone": "Europe/Kiev",
        }
        return [{"DeliveryDate": date}]

    def do_InternetDocument_save(self, account: Account, given: Thing) -> list[Thing]:
        self._check(account, given)
        identity = account.next_id("orders", 1)
        number = f"2045{account.number}{identity:09}"
        made = {**given, "Ref": data.ref("document", number), "IntDocNumber": number, "made": stamp(), "steps": []}
        return [self._shown(self.move(account, identity, made, "1"))]

    def do_InternetDocument_update(self, account: Account, given: Thing) -> list[Thing]:
        identity, held = self._early(account, str(given.get("Ref")))
        self._check(account, given)
        changed = {**held, **given}
        account.put("orders", identity, changed)
        return [self._shown(changed)]

    def do_InternetDocument_delete(self, account: Account, given: Thing) -> list[Thing]:
        refs = given.get("DocumentRefs")
        if not isinstance(refs, list):
            raise Wrong(("DocumentRefs must be array", "20001300976"))
        if not refs:
            raise Wrong(("DocumentRefs is empty", "20001300975"))
        for ref in refs:
            identity, held = self._early(account, str(ref))
            self.move(account, identity, held, "2")
        return [{"Ref": ref} for ref in refs]

    def do_InternetDocument_getDocumentList(self, account: Account, given: Thing) -> list[Thing]:
        first, last = (rules.day(given.get(name) or given.get("DateTime")) for name in ("DateTimeFrom", "DateTimeTo"))
        made = [d for d in account.table("orders").values() if first <= rules.day(d["DateTime"]) <= last]
        rows = [
            {"Ref": d["Ref"], "IntDocNumber": d["IntDocNumber"], "DateTime": d["made"], "Cost": str(d["Cost"]),
             "CostOnSite": str(rules.price(d)["Cost"]), "StateId": d["StatusCode"], "Weight": d["Weight"],
             "StateName": data.STATES[d["StatusCode"]], "Description": d["Description"],
             "InfoRegClientBarcodes": d.get("InfoRegClientBarcodes") or "", "EWDateCreated": d["made"]}
            for d in made if d["StatusCode"] != "2"
        ]  # fmt: skip
        return _paged(rows, given, 100)

    # Tracking

    def do_TrackingDocument_getStatusDocuments(self, account: Account, given: Thing) -> Thing:
        documents = given.get("Documents")
        if not isinstance(documents, list) or not documents:
            raise Wrong(("Documents is empty", "20001401440"))
        if len(documents) > TRACKED:
            raise Wrong((f"Documents: at most {TRACKED}", "20001401441"))
        numbers = [str(one.get("DocumentNumber")) for one in documents]
        if bad := [number for number in numbers if not re.fullmatch(r"\d{14}", number)]:
            return told([], [("Document number is not correct", "20001401442")], [f"Invalid DocumentNumber: {bad[0]}"])
        warning = "Please enter a valid phone number from the express invoice to show full information"
        return told([self._tracked(number) for number in numbers], (), [{f"ID_{n}": warning} for n in numbers])

    def _tracked(self, number: str) -> Thing:
        """Types and times as they wander in recorded answers."""
        found = self.numbered(number)
        empty = dict.fromkeys(("RecipientFullName", "PhoneRecipient", "UndeliveryReasons", "DateMoving"), "")
        if found is None:
            return {**empty, "Number": number, "StatusCode": "3", "Status": data.STATES["3"], "RefEW": ""}
        held = found[2]
        code, there = held["StatusCode"], data.by_ref().get(held["RecipientAddress"], {})
        at = {step["code"]: datetime.fromisoformat(step["at"]) for step in held["steps"]}
        arrived, received = at.get("7") or at.get("8"), at.get("9") or at.get("10")
        return {
            **empty, "Number": number, "StatusCode": code, "Status": data.STATES[code], "RefEW": held["Ref"],
            "DocumentWeight": float(held["Weight"]), "FactualWeight": f"{float(held['Weight']):.2f}",
            "Redelivery": 1 if held.get("BackwardDeliveryData") else 0, "DocumentCost": str(rules.price(held)["Cost"]),
            "PayerType": held["PayerType"], "PaymentMethod": held["PaymentMethod"], "ServiceType": held["ServiceType"],
            "CargoType": held["CargoType"], "WarehouseRecipient": there.get("Description", ""),
            "WarehouseRecipientNumber": int(there.get("Number", 0)), "CitySender": data.CITIES[held["CitySender"]][0],
            "CityRecipient": data.CITIES[held["CityRecipient"]][0], "PostomatV3CellReservationNumber": False,
            "ClientBarcode": held.get("InfoRegClientBarcodes") or "", "LastCreatedOnTheBasisNumber": "",
            "DateCreated": f"{at['1']:%d-%m-%Y %H:%M:%S}",
            "ActualDeliveryDate": f"{arrived:%Y-%m-%d %H:%M:%S}" if arrived else "0001-01-01 00:00:00",
            "RecipientDateTime": f"{received:%d.%m.%Y %H:%M:%S}" if received else "",
            "TrackingUpdateDate": f"{at[code]:%Y-%m-%d %H:%M:%S}",
        }  # fmt: skip

    # What happens to parcels

    def set_status(self, number: str, code: str) -> Thing:
        """Give a parcel a state. KeyError: no such parcel; ValueError: no such state."""
        if code not in data.STATES:
            raise ValueError(f"No status {code}")
        with self.lock:
            if not (found := self.numbered(number)):
                raise KeyError(f"No parcel {number}")
            return self.move(*found, code)

    def following(self, parcel: Thing) -> str:
        code, there = parcel["StatusCode"], data.by_ref().get(parcel["RecipientAddress"])
        waits = "8" if there and there["CategoryOfWarehouse"] == "Postomat" else "7" if there else "101"
        money = bool(parcel.get("BackwardDeliveryData"))
        way = ["1", "4", "5", "6", waits, *(("10", "11") if money else ("9",))]
        return way[way.index(code) + 1] if code in way[:-1] else ""

    def control_status(self, posted: Thing) -> Thing:
        return {"status": self.set_status(str(posted["number"]), str(posted["status"]))["StatusCode"]}

    def paper(self, request: Request, account: Account, kind: str, number: str, token: str) -> Response:
        if not account.find("number", number):
            return Response("<html><h1>Сторінку не знайдено</h1></html>", 200, mimetype="text/html")
        return Response(pdf(f"{kind} {number}"), mimetype="application/pdf")

    def _check(self, account: Account, given: Thing) -> None:
        who, contacts = data.sender(account.number)
        people = {who["Ref"]: "sender", data.ref("private", account.number): "recipient"}
        known = {one["Ref"] for one in (*contacts, *account.table("people").values())}
        rules.check(given, people, known, {one["Ref"] for one in account.table("addresses").values()})

    def _early(self, account: Account, ref: str) -> tuple[int, Thing]:
        identity = account.find("ref", ref)
        if not identity or account.table("orders")[identity]["StatusCode"] == "2":
            raise Wrong(("InternetDocument not found", "20000200205"))
        held = account.table("orders")[identity]
        if held["StatusCode"] != "1":
            raise Wrong(("Document in registry", "20000200153"))
        return identity, held

    def move(self, account: Account, identity: int, held: Thing, code: str) -> Thing:
        steps = [*held["steps"], {"code": code, "at": stamp()}]
        changed = {**held, "StatusCode": code, "steps": steps}
        account.put("orders", identity, changed)
        return changed

    def _shown(self, held: Thing) -> Thing:
        date = stamp("%d.%m.%Y", rules.days(held))
        return {"Ref": held["Ref"], "CostOnSite": str(rules.price(held)["Cost"]), "EstimatedDeliveryDate": date,
                "IntDocNumber": held["IntDocNumber"], "TypeDocument": "InternetDocument"}  # fmt: skip


def _plain(name: Any) -> str:
    return str(name or "").strip().lower().replace("’", "'")


def _paged(rows: list[Thing], given: Thing, most: int) -> list[Thing]:
    size = min(int(given.get("Limit") or most), most)
    start = (int(given.get("Page") or 1) - 1) * size
    return rows[start : start + size]
