"""The parts of the RetailCRM sandbox around orders: account, dictionaries, customers, goods."""

from typing import Any

from integrations.retailcrm import sandbox_data as data
from integrations.retailcrm import sandbox_rules as rules
from integrations.retailcrm import sandbox_wire as wire
from integrations.sandbox import Request, Response, Sandbox, answer
from integrations.sandbox_store import Account, Thing

ID_STEP = 1_000_000
SCOPES = {"orders": "order", "customers": "customer", "store": "store", "reference": "reference"}
CUSTOMER_TEXT = ("externalId", "firstName", "lastName", "patronymic", "email", "site", "sex", "birthday")
CUSTOMER_MORE = ("phones", "address", "customFields")


def first_id(account: Account, kind: str) -> int:
    """The next id of `kind`; accounts count in ranges of their own, so that an id names one account."""
    return account.next_id(kind, 1 + account.number * ID_STEP)


class AroundOrders(Sandbox):
    """Endpoints for credentials, reference/*, custom-fields, customers and store."""

    def site(self, request: Request, account: Account) -> str | None:
        """The `site` parameter, checked; None when it is absent. Refused: unknown, or not this key's."""
        code = request.fields.get("site") or request.args.get("site")
        if code is None:
            return None
        if code not in dict(data.SITES):
            raise wire.refused(400, wire.INPUT, {"site": f"Site with code {code} does not exist."})
        if code not in account.options["sites"]:
            raise wire.refused(403, "Access denied.")
        return code

    def site_to_write(self, request: Request, account: Account) -> str:
        """The site for something new; only a key of a single shop may leave it out."""
        code = self.site(request, account)
        if code is None and len(account.options["sites"]) > 1:
            raise wire.refused(400, "Parameter 'site' is missing")
        return code or str(account.options["sites"][0])

    def credentials(self, request: Request, account: Account) -> Response:
        scopes = [
            f"{name}_{action}"
            for section, name in SCOPES.items()
            if section not in account.options["denied"]
            for action in ("read", "write")
        ]
        return answer(
            {
                "success": True,
                "credentials": [],
                "scopes": scopes,
                "siteAccess": account.options["siteAccess"],
                "sitesAvailable": account.options["sites"],
            }
        )

    def api_versions(self, request: Request, account: Account) -> Response:
        return answer({"success": True, "versions": ["3.0", "4.0", "5.0"]})

    def system_info(self, request: Request, account: Account) -> Response:
        address = f"{request.host_url}{self.key}"
        return answer({"success": True, "systemVersion": "8.9.1", "publicUrl": address, "technicalUrl": address})

    def reference(self, request: Request, account: Account, name: str) -> Response:
        if name == "sites":
            sites = {
                code: {"name": title, "code": code, "url": f"https://{code}.example.com", "defaultForCrm": place == 0}
                for place, (code, title) in enumerate(data.SITES)
                if code in account.options["sites"]
            }
            return answer({"success": True, "sites": sites})
        if name not in data.REFERENCE:
            return self.error("not_found", request, account)
        field, entries = data.REFERENCE[name]
        return answer({"success": True, field: entries or []})

    def custom_fields(self, request: Request, account: Account) -> Response:
        known: wire.Filters = {name: wire.equal(name) for name in ("entity", "code", "name", "type")}
        page, block = wire.paged(request, wire.selected(data.CUSTOM_FIELDS, wire.filters(request), known))
        return answer({"success": True, "pagination": block, "customFields": page})

    # Customers

    def customers_list(self, request: Request, account: Account) -> Response:
        known: wire.Filters = {
            "ids": wire.any_of("id"),
            "externalIds": wire.any_of("externalId"),
            "email": wire.equal("email"),
            "name": lambda customer, value: str(value).lower() in _named(customer),
            "sites": wire.any_of("site"),
        }
        newest = reversed(account.table("customers").values())
        page, block = wire.paged(request, wire.selected(newest, wire.filters(request), known))
        return answer({"success": True, "pagination": block, "customers": [_customer_shown(one) for one in page]})

    def customer_read(self, request: Request, account: Account, uid: str) -> Response:
        customer = self._customer(request, account, uid, request.args.get("by", "externalId"))
        return answer({"success": True, "customer": _customer_shown(customer)})

    def customer_create(self, request: Request, account: Account) -> Response:
        site = self.site_to_write(request, account)
        given = wire.posted(request, "customer")
        problems = _customer_problems(given, account)
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        return answer({"success": True, "id": self.add_customer(account, given, site)["id"]}, 201)

    def customer_edit(self, request: Request, account: Account, uid: str) -> Response:
        given = wire.posted(request, "customer")
        customer = self._customer(request, account, uid, request.fields.get("by", "externalId"))
        problems = _customer_problems(given, account, customer["id"])
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        account.put("customers", customer["id"], customer | _customer_fields(given))
        return answer({"success": True, "id": customer["id"]})

    def customers_upload(self, request: Request, account: Account) -> Response:
        site = self.site_to_write(request, account)
        rows = wire.posted(request, "customers", list)
        if len(rows) > 50:
            return wire.refusal(400, wire.INPUT, {"customers": "This collection should contain 50 elements or less."})
        done, failed, errors = [], [], []
        for row in rows:
            problems = _customer_problems(row, account)
            own = {"externalId": row.get("externalId") if isinstance(row, dict) else None}
            if problems:
                failed.append(own)
                errors += [f"{place}: {text}" for place, text in problems.items()]
            else:
                done.append({"id": self.add_customer(account, row, site)["id"], **own})
        body = {"success": not failed, "uploadedCustomers": done, "failedCustomers": failed}
        if failed:
            return answer(body | {"errorMsg": "Customers are loaded with errors", "errors": errors}, 460)
        return answer(body, 201)

    def add_customer(self, account: Account, given: Thing, site: str) -> Thing:
        number = first_id(account, "customers")
        customer = {"type": "customer", "id": number, "createdAt": rules.now(), "site": site, "phones": []}
        customer |= _customer_fields(given)
        account.put("customers", number, customer)
        return customer

    def _customer(self, request: Request, account: Account, uid: str, by: str) -> Thing:
        number = rules.find_customer(account, {by: uid}) if by in ("id", "externalId") else None
        if number is None:
            raise wire.refused(404, "Not found")
        return account.table("customers")[number]

    # Goods

    def products_list(self, request: Request, account: Account) -> Response:
        return self._goods(request, account, "products")

    def offers_list(self, request: Request, account: Account) -> Response:
        return self._goods(request, account, "offers")

    def _goods(self, request: Request, account: Account, kind: str) -> Response:
        given = wire.filters(request)
        known: wire.Filters = {
            "ids": wire.any_of("id"),
            "externalIds": wire.any_of("externalId"),
            "externalId": wire.equal("externalId"),
            "xmlIds": wire.any_of("xmlId"),
            "name": lambda thing, value: str(value).lower() in str(thing["name"]).lower(),
            "active": lambda thing, value: thing["active"] == (str(value) in ("1", "true")),
        }
        things = wire.selected(_candidates(account, kind, given), given, known)
        page, block = wire.paged(request, things, more_limits=(250,))
        return answer({"success": True, "pagination": block, kind: page})

    def products_create(self, request: Request, account: Account) -> Response:
        rows = wire.posted(request, "products", list)
        problems: Thing = {}
        taken: set[str] = set()
        for place, row in enumerate(rows):
            for field, text in _product_problems(row, account, taken):
                problems[f"products[{place}].{field}"] = text
        if problems:
            return wire.refusal(400, wire.ENTITY, problems)
        added = [self.add_product(account, row)["id"] for row in rows]
        return answer({"success": True, "processedProductsCount": len(rows), "addedProducts": added})

    def add_product(self, account: Account, given: Thing) -> Thing:
        """A product with its one offer; both carry the external id."""
        number, offer_id = first_id(account, "products"), first_id(account, "offers")
        own = {name: given[name] for name in ("externalId", "xmlId", "name", "article") if given.get(name) is not None}
        product: Thing = {
            "id": number,
            **own,
            "type": given.get("type", "product"),
            "active": bool(given.get("active", True)),
            "catalogId": given.get("catalogId"),
            "groups": given.get("groups") or [],
            "offers": [{"id": offer_id, **own}],
        }
        offer: Thing = {
            "id": offer_id,
            **own,
            "active": product["active"],
            "prices": [],
            "quantity": 0,
            "unit": {"code": "pc", "name": "Штука", "sym": "шт."},
            "product": {"id": number, **own},
        }
        account.put("products", number, product)
        account.put("offers", offer_id, offer)
        return product


def _candidates(account: Account, kind: str, given: Thing) -> list[Thing]:
    """Everything, or for external ids only what the index finds: orders look goods up at every transfer."""
    table = account.table(kind)
    if "externalIds" not in given:
        return list(table.values())
    numbers = (account.find(kind[:-1], one) for one in wire.listed(given["externalIds"]))
    return [table[number] for number in numbers if number is not None]


def _named(customer: Thing) -> str:
    phones = [str(phone.get("number")) for phone in customer["phones"]]
    return " ".join([str(customer.get("firstName")), str(customer.get("lastName")), *phones]).lower()


def _customer_shown(customer: Thing) -> Thing:
    return customer | {"customFields": customer.get("customFields") or [], "address": customer.get("address") or []}


def _customer_fields(given: Thing) -> Thing:
    return {name: given[name] for name in (*CUSTOMER_TEXT, *CUSTOMER_MORE) if name in given}


def _customer_problems(given: Any, account: Account, own_id: int | None = None) -> Thing:
    if not isinstance(given, dict):
        return {"customer": "This value is not valid."}
    problems = {
        name: "This value should be a string."
        for name in CUSTOMER_TEXT
        if given.get(name) is not None and not isinstance(given[name], str | int)
    }
    phones = given.get("phones") or []
    if not isinstance(phones, list) or not all(
        isinstance(one, dict) and isinstance(one.get("number"), str) for one in phones
    ):
        problems["phones"] = "This value is not valid."
    external = given.get("externalId")
    if external is not None and account.find("customer", str(external)) not in (None, own_id):
        problems["externalId"] = f"Customer with externalId {external} already exists."
    return problems


def _product_problems(row: Any, account: Account, taken: set[str]) -> list[tuple[str, str]]:
    if not isinstance(row, dict):
        return [("name", "This value is not valid.")]
    problems = [] if row.get("name") else [("name", "This value should not be blank.")]
    external = row.get("externalId")
    if external is not None:
        if account.find("product", str(external)) is not None or str(external) in taken:
            problems.append(("externalId", f"Product with externalId {external} already exists."))
        taken.add(str(external))
    return problems
