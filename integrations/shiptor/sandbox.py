"""An imitation of Shiptor's JSON-RPC API (https://github.com/shiptoreps/shiptor-russia-php-api-client), as far as the
hub uses it.

Not published, chosen here: over three requests a second the answer is HTTP 429; a repeated external_id makes a second
parcel (the worst a client may meet); products and services have to exist; methods that can't be used are listed with
the status "error" and a message; methods for export have "international" in their group.
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.sandbox import Request, Response, answer
from integrations.sandbox_parcels import ParcelSandbox, asked
from integrations.sandbox_store import Account, Thing
from integrations.shiptor import sandbox_data as data
from integrations.shiptor import sandbox_rules as rules

MOSCOW = timezone(timedelta(hours=3))
ERRORS = {
    "unauthorized": (-32603, "Not authorized."),
    "expired": (-32603, "Not authorized."),
    "denied": (-32604, "Access denied."),
    "refuse": (-32602, "Cash-on-delivery is not available for individuals."),
    "not_found": (-32601, "Method not found."),
    "method": (-32600, "Invalid request."),
}
OPEN = {"suggestSettlement", "getTracking"}  # of the public API: no key is asked for


class ShiptorSandbox(ParcelSandbox):
    key = "shiptor"
    title = "Shiptor"
    rate = 3
    counted = ("orders", "products")
    demo: ClassVar[dict[str, str]] = {
        "sender_city": "77000000000",
        "sender_name": "Керамика",
        "sender_phone": "+79161234500",
        "sender_email": "sender@shop.example",
        "sender_settlement": "Москва",
        "sender_street": "Лесная",
        "sender_house": "1",
        "sender_postal_code": "101000",
    }
    states = data.STATUSES
    writes = ("/addPackage", "/addPackages", "/editPackage", "/removePackage")
    rules = (Rule("/<any(public, shipping):api>/<any(v1, v2):version>/<method>", endpoint="call", methods=["POST"]),)

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        if kind == "orders" and thing["external_id"]:
            yield "package", thing["external_id"]
        if kind == "orders":
            yield "number", thing["tracking_number"]
        if kind in ("products", "services"):
            yield kind, thing["shopArticle"]

    def external_id(self, order: Thing) -> str | None:
        return order["external_id"]

    def token(self, request: Request) -> str | None:
        if "/public/" in request.path:
            return next(iter(self.accounts))
        return request.headers.get("X-Authorization-Token")

    def section(self, path: str) -> str:
        return path.strip("/").partition("/")[0]

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind == "error500":
            return Response("<html><h1>502 Bad Gateway</h1></html>", 500, mimetype="text/html")
        if kind == "rate_limited":
            return answer({"error": "Too many requests"}, 429)
        code, words = ERRORS[kind]
        return answer({"jsonrpc": "2.0", "error": {"code": code, "message": words}, "id": asked(request).get("id")})

    def respond(self, request: Request, path: str, latency: float = 0.0) -> Response:
        """The method stands in the body; here it ends the path, so that faults can be asked for by it."""
        return super().respond(request, f"{path.rstrip('/')}/{asked(request).get('method') or 'nothing'}", latency)

    def call(self, request: Request, account: Account, api: str, version: str, method: str) -> Response:
        verb: Callable[[Account, Thing], Any] | None = getattr(self, f"rpc_{method}", None)
        if verb is None or (api == "public" and method not in OPEN | {"calculateShipping", "getDeliveryPoints"}):
            return self.error("not_found", request, account)
        params = asked(request).get("params")
        try:
            result = verb(account, params if isinstance(params, dict) else {})
        except ValueError as problem:
            error = {"code": -32602, "message": str(problem)}
            return answer({"jsonrpc": "2.0", "error": error, "id": asked(request).get("id")})
        return answer({"jsonrpc": "2.0", "result": result, "id": asked(request).get("id")})

    # Places and prices

    def rpc_suggestSettlement(self, account: Account, given: Thing) -> list[Thing]:
        wanted = str(given.get("query") or "").strip().lower().replace("ё", "е")
        found = [code for code, row in data.SETTLEMENTS.items() if wanted and _begins(row[0], wanted)]
        country = given.get("country_code") or "RU"
        return [data.settlement(code) for code in found if data.SETTLEMENTS[code][4] == country]

    def rpc_calculateShipping(self, account: Account, given: Thing) -> Thing:
        if problem := rules.sizes_problem(given) or rules.money_problem(given):
            raise ValueError(problem)
        start = given.get("kladr_id_from")
        if str(given.get("kladr_id")) not in data.SETTLEMENTS or (start and str(start) not in data.SETTLEMENTS):
            raise ValueError("Invalid kladr_id.")
        return {"request": given, "methods": list(rules.offers(given, str(start) if start else None))}

    def rpc_calculateShippingInternational(self, account: Account, given: Thing) -> Thing:
        if problem := rules.sizes_problem(given):
            raise ValueError(problem)
        if len(str(given.get("destination_country_code") or "")) != 2:
            raise ValueError("Invalid country code.")
        return {"request": given, "methods": list(rules.export_offers(given))}

    def rpc_getShippingMethods(self, account: Account, given: Thing) -> list[Thing]:
        return [data.shown(row) for row in data.METHODS]

    def rpc_getDeliveryPoints(self, account: Account, given: Thing) -> list[Thing]:
        code, number = str(given.get("kladr_id")), given.get("shipping_method")
        if code not in data.SETTLEMENTS:
            raise ValueError("Invalid kladr_id.")
        method = data.method(number)
        carriers = {method["courier"]} if method else {str(row[4]) for row in data.METHODS}
        heaviest = rules.number((given.get("limits") or {}).get("weight")) or 0
        there = [p for p in rules.points(code, carriers) if p["limits"]["max_weight"]["value"] >= heaviest]
        there = [p for p in there if not method or number in p["shipping_methods"]]
        return [p for p in there if (p["cod"] or not given.get("cod")) and (p["card"] or not given.get("card"))]

    # Parcels

    def rpc_addPackage(self, account: Account, given: Thing) -> Thing:
        self._check(account, given)
        number = account.next_id("orders", 90_311)
        package = _laid(given, number)
        self._note(package, "new")
        account.put("orders", number, package)
        return package

    def rpc_addPackages(self, account: Account, given: Thing) -> Thing:
        shipment = given.get("shipment")
        if not isinstance(shipment, dict) or shipment.get("type") not in ("standard", "delivery-point", "courier"):
            raise ValueError("Invalid shipment type.")
        if shipment["type"] != "standard" and not (shipment.get("address") or {}).get("receiver"):
            raise ValueError("Shipment address cannot be empty.")
        if shipment["type"] == "delivery-point" and not shipment.get("delivery_point"):
            raise ValueError("Shipment delivery point must be defined.")
        bodies = given.get("packages") or []
        for body in bodies:
            self._check(account, body)
        made = {"id": account.next_id("shipments"), "confirmed": False, **shipment}
        packages = [self.rpc_addPackage(account, body) | {"shipment": made} for body in bodies]
        return {"shipment": made, "packages": packages}

    def rpc_editPackage(self, account: Account, given: Thing) -> Thing:
        package = self._package(account, given)
        self._check(account, given)
        if package["status"] not in data.EARLY + ("arrived-to-warehouse",):
            raise ValueError("Can not edit a package in this state.")
        kept = ("id", "status", "tracking_number", "created_at", "history", "checkpoints")
        changed = {**_laid(given, package["id"]), **{name: package[name] for name in kept}}
        account.put("orders", package["id"], changed)
        return changed

    def rpc_removePackage(self, account: Account, given: Thing) -> Thing:
        package = self._package(account, given)
        if package["status"] == "removed":
            raise ValueError("Package already removed.")
        if package["status"] not in data.EARLY:
            raise ValueError("Can not delete a package in this state.")
        return self.move(account, package["id"], package, "removed")

    def rpc_getPackage(self, account: Account, given: Thing) -> Thing:
        return self._package(account, given)

    def rpc_getPackagesCurrentStatus(self, account: Account, given: Thing) -> list[Thing]:
        ids = given.get("ids")
        if not isinstance(ids, list) or len(ids) > 100:
            raise ValueError("Parameter ids must be an array of at most 100 elements.")
        names = ("id", "external_id", "status")
        found = [account.table("orders")[one] for one in ids if one in account.table("orders")]
        return [{**{name: package[name] for name in names}, "paid": False} for package in found]

    def rpc_getStatusList(self, account: Account, given: Thing) -> Thing:
        group = dict.fromkeys(("standard", "through", "fulfilment", "all"), True)
        return {code: {"code": code, "name": name, "group": group} for code, name in data.STATUSES.items()}

    def rpc_getTracking(self, account: Account, given: Thing) -> Thing:
        if not (found := self.numbered(str(given.get("query")))):
            raise ValueError("Package was not found.")
        return {"article": found[2]["tracking_number"], "checkpoints": found[2]["checkpoints"]}

    # Goods

    def rpc_getProducts(self, account: Account, given: Thing) -> Thing:
        return {"count": 0, "products": self._named(account, "products", given)}

    def rpc_getServices(self, account: Account, given: Thing) -> list[Thing]:
        return self._named(account, "services", given)

    def rpc_addProduct(self, account: Account, given: Thing) -> Thing:
        return self._add(account, "products", given)

    def rpc_addService(self, account: Account, given: Thing) -> Thing:
        return self._add(account, "services", given)

    def _named(self, account: Account, kind: str, given: Thing) -> list[Thing]:
        found = account.find(kind, str(given.get("shopArticle")))
        return [account.table(kind)[found]] if found else []

    def _add(self, account: Account, kind: str, given: Thing) -> Thing:
        if not given.get("shopArticle") or not given.get("name"):
            raise ValueError("Invalid product.")
        if self._named(account, kind, given):
            raise ValueError("Product with this shopArticle already exists.")
        thing = {"id": account.next_id(kind), **given}
        account.put(kind, thing["id"], thing)
        return thing

    # What happens to parcels

    def set_status(self, package_id: int, code: str) -> Thing:
        """Give a parcel a state. KeyError: no such parcel; ValueError: no such state."""
        if code not in data.STATUSES:
            raise ValueError(f"No status {code}")
        with self.lock:
            account = next((a for a in self.accounts.values() if package_id in a.table("orders")), None)
            if account is None:
                raise KeyError(f"No package {package_id}")
            return self.move(account, package_id, account.table("orders")[package_id], code)

    def following(self, parcel: Thing) -> str:
        code = parcel["status"]
        return data.WAY[data.WAY.index(code) + 1] if code in data.WAY[:-1] else ""

    def control_status(self, posted: Thing) -> Thing:
        return {"status": self.set_status(int(posted["package"]), str(posted["status"]))["status"]}

    def _check(self, account: Account, given: Thing) -> None:
        known, services = ({t["shopArticle"] for t in account.table(k).values()} for k in ("products", "services"))
        if problem := rules.parcel_problem(given, known, services):
            raise ValueError(problem)

    def _package(self, account: Account, given: Thing) -> Thing:
        number = given.get("id") or account.find("package", str(given.get("external_id")))
        if number not in account.table("orders"):
            raise ValueError("Package was not found.")
        return account.table("orders")[number]

    def move(self, account: Account, identity: int, parcel: Thing, code: str) -> Thing:
        changed = {**parcel, "history": [*parcel["history"]], "checkpoints": [*parcel["checkpoints"]]}
        self._note(changed, code)
        account.put("orders", identity, changed)
        return changed

    def _note(self, package: Thing, code: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        package["status"] = code
        package["history"].append({"date": now, "event": code, "description": data.STATUSES[code]})
        if code in ("sent", "waiting-on-delivery-point", "delivered"):
            where = {"sent": "Принято в доставку", "delivered": "Вручено получателю"}.get(
                code, "Прибыло в пункт выдачи"
            )
            city = package["departure"]["address"].get("settlement", "")
            package["checkpoints"].append({"date": now, "message": where, "details": city})


def _begins(name: str, wanted: str) -> bool:
    plain = name.lower().replace("ё", "е")
    return plain.startswith(wanted) or any(word.startswith(wanted) for word in plain.split())


def _laid(given: Thing, number: int) -> Thing:
    """A parcel as answers show it: the country under another name, the method as an object, texts for money."""
    departure = dict(given["departure"])
    address = {**departure["address"], "country_code": departure["address"].get("country")}
    address.pop("country", None)
    departure |= {"address": address, "shipping_method": data.method(departure["shipping_method"])}
    fields = ("external_id", "weight", "length", "width", "height", "cod", "declared_cost", "products", "services")
    return {
        **{name: given.get(name) for name in fields},
        "id": number,
        "status": "new",
        "tracking_number": f"RP{number}",
        "external_tracking_number": None,
        "created_at": datetime.now(MOSCOW).strftime("%Y-%m-%d %H:%M:%S"),
        "label_url": None,
        "departure": departure,
        "checkpoints": [],
        "history": [],
        "problems": [],
        "archived_at": None,
    }
