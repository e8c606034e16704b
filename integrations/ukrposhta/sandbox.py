"""An imitation of Ukrposhta's eCom API 0.0.1, address classifier and StatusTracking (https://dev.ukrposhta.ua), as far
as the hub uses them.

Not published, chosen here: over ten requests a second the answer is HTTP 429; a repeated externalId makes a second
shipment (the worst a client may meet); a shipment is changed and deleted while it is CREATED. Published: each API has a
bearer of its own, the counterparty's token goes along but for addresses and prices, a parcel is not found by tracking
before it is handed over, one classifier row stands alone without a list.
"""

import json
import re
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from werkzeug.routing import Rule

from integrations.sandbox import Refused, Request, Response, answer
from integrations.sandbox_parcels import ParcelSandbox, pdf
from integrations.sandbox_store import Account, Thing
from integrations.ukrposhta import sandbox_data as data
from integrations.ukrposhta import sandbox_rules as rules

KYIV = ZoneInfo("Europe/Kyiv")
ERRORS = {
    "unauthorized": (401, "UPE05001", "Invalid Credentials"),
    "expired": (401, "UPE05001", "Access Token Expired"),
    "denied": (403, "UPE05003", "Access failure for API"),
    "refuse": (400, "UPE01000", "PostPay is not allowed for this sender"),
    "rate_limited": (429, "UPE09000", "Message throttled out"),
    "not_found": (404, "UPE02000", "Resource not found"),
    "method": (405, "UPE04005", "Method not allowed"),
}
TOKENLESS = ("/ecom/0.0.1/addresses", "/ecom/0.0.1/domestic", "/address-classifier-ws", "/status-tracking")
BATCH = {"": 50, "last/": 100}


def stamp() -> str:
    return f"{datetime.now(KYIV):%Y-%m-%dT%H:%M:%S}"


def given(request: Request) -> Any:
    try:
        return json.loads(request.get_data(as_text=True) or "null")
    except ValueError:
        raise Refused(_problem(400, "Malformed JSON")) from None


def _problem(status: int, words: str, code: str = "UPE01000") -> Response:
    return answer({"code": code, "message": words}, status)


class UkrposhtaSandbox(ParcelSandbox):
    key = "ukrposhta"
    title = "Ukrposhta"
    rate = 10
    demo: ClassVar[dict[str, str]] = {
        "token": data.token(0),
        "tracking_key": "tracking-sandbox-token",
        "sender_uuid": data.sender(0),
        "description": "Кераміка",
    }
    states = data.EVENTS
    rules = (
        Rule("/ecom/0.0.1/addresses", endpoint="address", methods=["POST"]),
        Rule("/ecom/0.0.1/clients", endpoint="client_made", methods=["POST"]),
        Rule("/ecom/0.0.1/clients/<uuid>", endpoint="client", methods=["GET", "PUT"]),
        Rule("/ecom/0.0.1/clients/external-id/<name>", endpoint="client_named", methods=["GET"]),
        Rule("/ecom/0.0.1/shipments", endpoint="shipments", methods=["GET", "POST"]),
        Rule("/ecom/0.0.1/shipments/<uuid>", endpoint="shipment", methods=["GET", "PUT", "DELETE"]),
        Rule("/ecom/0.0.1/shipments/barcode/<barcode>", endpoint="by_barcode", methods=["GET"]),
        Rule("/ecom/0.0.1/domestic/delivery-price", endpoint="price", methods=["POST"]),
        Rule("/forms/ecom/0.0.1/shipments/<barcode>/sticker", endpoint="sticker", methods=["GET"]),
        Rule("/status-tracking/0.0.1/statuses/with-not-found", endpoint="tracked", methods=["POST"]),
        Rule("/status-tracking/0.0.1/statuses/last/with-not-found", endpoint="tracked_last", methods=["POST"]),
        Rule("/address-classifier-ws/<question>", endpoint="classifier", methods=["GET"]),
    )

    def seed(self, account: Account) -> None:
        identity = account.next_id("addresses")
        account.put("addresses", identity, {"id": identity, "postcode": "01001", "city": "Київ", "country": "UA"})
        kind = ("INDIVIDUAL", "PRIVATE_ENTREPRENEUR", "COMPANY")[account.number]
        who = {"type": kind, "lastName": "Коваль", "firstName": "Олена", "phoneNumber": "0501112233", "addressId": 1}
        self._keep_client(account, data.sender(account.number), who)

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind in ("clients", "orders"):
            yield kind, thing["uuid"]
        if kind == "clients" and thing.get("externalId"):
            yield "named", thing["externalId"]
        if kind == "orders":
            yield "number", thing["barcode"]

    def external_id(self, order: Thing) -> str | None:
        found: str | None = order.get("externalId")
        return found

    def token(self, request: Request) -> str | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if "/status-tracking/" in request.path:
            return bearer.removeprefix("tracking-") if bearer.startswith("tracking-") else None
        return bearer

    def section(self, path: str) -> str:
        return path.strip("/").partition("/")[0]

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "error500":
            return Response("<html><h1>502 Bad Gateway</h1></html>", 500, mimetype="text/html")
        status, code, words = ERRORS[kind]
        return _problem(status, words, code)

    def _carry_out(self, request: Request, account: Account | None, path: str) -> Response:
        if account and not path.startswith(TOKENLESS) and request.args.get("token") != data.token(account.number):
            return self.error("denied", request, account)
        return super()._carry_out(request, account, path)

    def respond(self, request: Request, path: str, latency: float = 0.0) -> Response:
        """Lost answers are those to shipments: the others are asked again without harm."""
        waiting = []
        if request.method == "GET" or not path.startswith("/ecom/0.0.1/shipments"):
            waiting = [fault for fault in self.faults if fault.kind == "lost" and not fault.path]
        self.faults = [fault for fault in self.faults if fault not in waiting]
        try:
            return super().respond(request, path, latency)
        finally:
            self.faults += waiting

    # People and places

    def address(self, request: Request, account: Account) -> Response:
        body = rules.checked(given(request), rules.address_problem)
        made = {"id": account.next_id("addresses"), "country": "UA", **body, "created": stamp()}
        account.put("addresses", made["id"], made)
        return answer(made)

    def client_made(self, request: Request, account: Account) -> Response:
        body = rules.checked(given(request), rules.client_problem)
        identity = account.next_id("made")
        return answer(self._keep_client(account, data.ref("client", account.number, identity), body))

    def client(self, request: Request, account: Account, uuid: str) -> Response:
        held = self._held(account, "clients", "clients", uuid)
        if request.method == "PUT":
            held = self._keep_client(account, uuid, {**held, **rules.checked(given(request), rules.client_problem)})
        return answer(held)

    def client_named(self, request: Request, account: Account, name: str) -> Response:
        return answer(self._held(account, "clients", "named", name))

    def _keep_client(self, account: Account, uuid: str, body: Thing) -> Thing:
        where = account.table("addresses").get(int(body.get("addressId") or 0))
        if where is None:
            raise Refused(_problem(400, "Address not found"))
        main = {"addressId": where["id"], "address": where, "type": "PHYSICAL", "main": True}
        names = (body.get("lastName"), body.get("firstName"), body.get("middleName"))
        known = account.find("clients", uuid)
        made = {**body, "uuid": uuid, "addresses": [main], "name": body.get("name") or " ".join(filter(None, names))}
        account.put("clients", known or account.next_id("clients"), made)
        return made

    def _held(self, account: Account, kind: str, index: str, value: str) -> Thing:
        if not (found := account.find(index, value)):
            raise Refused(_problem(404, f"{kind} {value} not found", "UPE02000"))
        return account.table(kind)[found]

    # Shipments

    def shipments(self, request: Request, account: Account) -> Response:
        if request.method == "GET":
            who = request.args.get("senderUuid")
            return answer([one for one in account.table("orders").values()
                           if one["sender"]["uuid"] == who and one["status"] != "DELETED"])  # fmt: skip
        body = self._checked(request, account)
        identity = account.next_id("orders")
        barcode = f"05{account.number}{identity:010}"
        made = {**body, "uuid": data.ref("shipment", barcode), "barcode": barcode, "deliveryPrice": rules.cost(body)}
        return answer(self.move(account, identity, {**made, "events": []}, "10601"))

    def shipment(self, request: Request, account: Account, uuid: str) -> Response:
        held = self._held(account, "orders", "orders", uuid)
        identity = account.find("orders", uuid) or 0
        if held["status"] == "DELETED":
            raise Refused(_problem(404, f"Shipment {uuid} not found", "UPE02000"))
        if request.method == "GET":
            return answer(held)
        if held["status"] != "CREATED":
            raise Refused(_problem(400, "Only shipments with status CREATED can be changed"))
        if request.method == "DELETE":
            self.move(account, identity, held, "10603")
            return Response("", 200)
        changed = {**held, **self._checked(request, account)}
        account.put("orders", identity, changed)
        return answer(changed)

    def by_barcode(self, request: Request, account: Account, barcode: str) -> Response:
        return self.shipment(request, account, self._held(account, "orders", "number", barcode)["uuid"])

    def _checked(self, request: Request, account: Account) -> Thing:
        body = rules.checked(given(request), rules.shipment_problem)
        who = self._held(account, "clients", "clients", str(body["sender"].get("uuid")))
        to = self._held(account, "clients", "clients", str(body["recipient"].get("uuid")))
        if body.get("postPay") and who["type"] != "INDIVIDUAL" and not body.get("transferPostPayToBankAccount"):
            raise Refused(_problem(400, "PostPay of this sender goes to the bank account only"))
        if "D" in body["deliveryType"][-1] and not to["addresses"][0]["address"].get("street"):
            raise Refused(_problem(400, "Recipient street is required for delivery to the door"))
        return {**body, "recipientAddress": to["addresses"][0]["address"]}

    def price(self, request: Request, account: Account) -> Response:
        body = rules.checked(given(request), rules.price_problem)
        return answer({"deliveryPrice": rules.cost(body), "calculationDescription": "", "validate": True})

    def sticker(self, request: Request, account: Account, barcode: str) -> Response:
        held = self._held(account, "orders", "number", barcode)
        if request.args.get("size") not in (None, "SIZE_A4", "SIZE_A5"):
            raise Refused(_problem(400, "Unknown size"))
        return Response(pdf(held["barcode"]), mimetype="application/pdf")

    # Tracking

    def tracked(self, request: Request, account: Account) -> Response:
        return self._tracked(request, "")

    def tracked_last(self, request: Request, account: Account) -> Response:
        return self._tracked(request, "last/")

    def _tracked(self, request: Request, which: str) -> Response:
        numbers = given(request)
        if not isinstance(numbers, list) or not 0 < len(numbers) <= BATCH[which]:
            raise Refused(_problem(400, f"From 1 to {BATCH[which]} barcodes expected"))
        found = {str(one): rows for one in numbers if (rows := self._rows(str(one)))}
        if not found:
            raise Refused(_problem(404, "Shipment not found", "UPE02000"))
        told = {number: rows[-1:] if which else rows for number, rows in found.items()}
        return answer({"found": told, "notFound": [one for one in numbers if str(one) not in found]})

    def _rows(self, number: str) -> list[Thing]:
        """Nothing before a parcel is handed over; steps don't go with time, an event is a text or a number."""
        found = self.numbered(number)
        rows = [one for one in found[2]["events"] if one["event"] != "10601"] if found else []
        where = {"barcode": number, "index": "01001", "name": "КИЇВ 1", "country": "Україна", "mailType": 4096}
        return [
            {**where, "step": 90 - n, "date": row["date"], "event": row["event"] if n % 2 else int(row["event"]),
             "eventName": data.EVENTS.get(row["event"], row["event"]), "eventReason": row["reason"],
             "eventReason_id": 10 if row["reason"] else 1}
            for n, row in enumerate(rows)
        ]  # fmt: skip

    # The address classifier

    def classifier(self, request: Request, account: Account, question: str) -> Response:
        if question == "get_city_by_region_id_and_district_id_and_city_ua":
            wanted = str(request.args.get("city_ua") or "").strip().lower()
            rows = [data.settlement(one) for one in data.SETTLEMENTS if wanted and one[1].lower().startswith(wanted)]
        elif question == "get_postoffices_by_city_id":
            rows = data.offices(str(request.args.get("city_id")))
        else:
            return self.error("not_found", request, account)
        if not rows:
            return answer({"Entries": None})
        return answer({"Entries": {"Entry": rows if len(rows) > 1 else rows[0]}})

    # What happens to parcels

    def set_status(self, number: str, code: str, reason: str = "") -> Thing:
        """Give a parcel an event. KeyError: no such parcel; ValueError: no such event."""
        if code not in data.EVENTS and not re.fullmatch(r"\d{5,6}", code):
            raise ValueError(f"No event {code}")
        with self.lock:
            if not (found := self.numbered(number)):
                raise KeyError(f"No parcel {number}")
            return self.move(*found, code, reason)

    def following(self, parcel: Thing) -> str:
        code = parcel["events"][-1]["event"]
        return data.WAY[data.WAY.index(code) + 1] if code in data.WAY[:-1] else ""

    def control_status(self, posted: Thing) -> Thing:
        moved = self.set_status(str(posted["number"]), str(posted["status"]), str(posted.get("reason") or ""))
        return {"status": moved["status"]}

    def page(self, path: str) -> tuple[str, Thing] | None:
        if not path.startswith("/tracking_UA.html"):
            return None
        return "ukrposhta/sandbox_parcel.html", {"parcels": self._all(), "events": data.EVENTS}

    def _all(self) -> list[Thing]:
        with self.lock:
            return [one for a in self.accounts.values() for one in a.table("orders").values()]

    def move(self, account: Account, identity: int, parcel: Thing, code: str, reason: str = "") -> Thing:
        status = {"10601": "CREATED", "10603": "DELETED", "41000": "DELIVERED"}.get(code, "REGISTERED")
        events = [*parcel["events"], {"event": code, "date": stamp(), "reason": reason}]
        changed = {**parcel, "status": status, "lifecycle": {"status": status, "statusDate": stamp()}, "events": events}
        account.put("orders", identity, changed)
        return changed
