"""Pipelines and their cards in the KeyCRM sandbox. An account may have them switched off (option "leads").

Chosen here, not published: the body of the 403 that bad arguments of a new card give is that of a 422; a single card is
answered bare, although the description wraps it like a list.
"""

from typing import Any

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_hooks as hooks
from integrations.keycrm import sandbox_rules as rules
from integrations.keycrm import sandbox_wire as wire
from integrations.keycrm.sandbox_orders import Orders, first_id, laid_lines, payment_changed
from integrations.keycrm.sandbox_shelf import offer_of
from integrations.sandbox import Request, Response, answer
from integrations.sandbox_store import Account, Thing

CARD = (
    *("id", "contact_id", "source_id", "manager_id", "status_id", "title", "manager_comment", "is_finished"),
    *("status_changed_at", "communicate_at", "created_at", "updated_at"),
)
INCLUDES = (
    *("contact", "contact.client", "products", "products.offer", "manager", "status", "payments"),
    "custom_fields",
)
LINE = ("id", "product_id", "name", "sku", "price", "quantity", "unit_type", "picture")
FILTERS: wire.Filters = {
    "pipeline_id": lambda card, value: str(pipeline_of(card)) in wire.listed(value),
    "status_id": wire.any_of("status_id"),
    "source_id": wire.any_of("source_id"),
    "created_between": wire.between("created_at"),
    "updated_between": wire.between("updated_at"),
}


def pipeline_of(card: Thing) -> int:
    return int(data.STAGE_BY_ID[card["status_id"]]["pipeline_id"])


class Cards(Orders):
    """Endpoints of /pipelines."""

    def pipelines(self, request: Request, account: Account) -> Response:
        _enabled(account)
        return wire.paged(request, data.PIPELINES)

    def pipeline_statuses(self, request: Request, account: Account, pipeline: int) -> Response:
        _enabled(account)
        held = [card["status_id"] for card in account.table("cards").values()]
        found = [row | {"leads_count": held.count(row["id"])} for row in _stages(pipeline)]
        return wire.paged(request, found) if found else wire.message(404, "Not Found")

    def cards_list(self, request: Request, account: Account) -> Response:
        _enabled(account)
        asked = wire.includes(request, INCLUDES)
        found = wire.selected(account.table("cards").values(), wire.filters(request), FILTERS)
        return wire.paged(request, found, lambda card: self._shown_card(account, card, asked))

    def card_read(self, request: Request, account: Account, number: int) -> Response:
        asked = wire.includes(request, INCLUDES)
        return answer(self._shown_card(account, self.card(account, number), asked))

    def card_create(self, request: Request, account: Account) -> Response:
        _enabled(account)
        given = wire.posted(request)
        if problems := list(rules.card_problems(given)):
            refused = wire.invalid(problems)
            refused.status_code = 403
            return refused
        card = self.add_card(account, given)
        return answer({name: card[name] for name in CARD}, 201)

    def add_card(self, account: Account, given: Thing) -> Thing:
        number, now = first_id(account, "cards"), wire.stamp()
        contact = rules.part(given, "contact")
        names = ("full_name", "email", "phone", "client_id")
        card: Thing = {
            "id": number,
            "contact_id": first_id(account, "contacts"),
            "source_id": given.get("source_id"),
            "manager_id": given.get("manager_id"),
            "target_id": None,
            "target_type": None,
            "status_id": _stages(given.get("pipeline_id") or data.PIPELINES[0]["id"])[0]["id"],
            "title": given.get("title") or str(number),
            "manager_comment": given.get("manager_comment"),
            "note": None,
            **{name: given.get(name) for name in rules.UTM},
            "is_finished": "0",
            "communicate_at": given.get("communicate_at"),
            **{name: now for name in ("created_at", "updated_at", "status_changed_at")},
            "contact": {name: contact.get(name) for name in names},
            "products": laid_lines(account, given),
            "payments": [rules.laid_payment(one, account) for one in rules.rows(given, "payments")],
            "custom_fields": rules.laid_fields([], given),
        }
        account.put("cards", number, card)
        return card

    def card_change(self, request: Request, account: Account, number: int) -> Response:
        card, given = self.card(account, number), wire.posted(request)
        wire.check(rules.card_problems(given, is_new=False))
        self.change_card(account, card, given)
        return answer({"status": True}, 202)

    def change_card(self, account: Account, card: Thing, given: Thing) -> Thing:
        """Products are always appended; a status of another pipeline moves the card there."""
        names = ("title", "note", "source_id", "manager_id", "communicate_at", "status_id", "target_id", "target_type")
        now = wire.stamp()
        after = card | {name: given[name] for name in names if given.get(name) is not None} | {"updated_at": now}
        after["products"] = card["products"] + laid_lines(account, given)
        after["custom_fields"] = rules.laid_fields(card["custom_fields"], given)
        moved = after["status_id"] != card["status_id"]
        if moved:
            after["is_finished"] = "1" if data.STAGE_BY_ID[after["status_id"]]["is_final"] else "0"
            after["status_changed_at"] = now
        account.put("cards", card["id"], after)
        if moved:
            self.fire(account, hooks.CARD_STATUS, after)
        return after

    def card_payment_add(self, request: Request, account: Account, number: int) -> Response:
        card, given = self.card(account, number), wire.posted(request)
        wire.check(rules.payment_problems(given))
        payment = rules.laid_payment(given, account)
        account.put("cards", number, card | {"payments": [*card["payments"], payment], "updated_at": wire.stamp()})
        return answer(rules.payment_shown(payment), 201)

    def card_payment_change(self, request: Request, account: Account, number: int, payment: int) -> Response:
        card, given = self.card(account, number), wire.posted(request)
        wire.check(rules.status_problems(given))
        payments, changed = payment_changed(card["payments"], payment, given)
        account.put("cards", number, card | {"payments": payments, "updated_at": wire.stamp()})
        return answer(rules.payment_shown(changed), 202)

    def card(self, account: Account, number: int) -> Thing:
        _enabled(account)
        found = account.table("cards").get(number)
        if found is None:
            raise wire.refused(404, "Not Found")
        return found

    def order_of(self, account: Account, number: int) -> Thing:
        """Staff turn a card into an order; the card points at it. KeyError: no such card."""
        card = account.table("cards")[number]
        given = {name: card[name] for name in ("source_id", "manager_comment", "manager_id")}
        given |= {"products": card["products"], "payments": card["payments"]}
        given |= {"source_id": card["source_id"] or data.SOURCES[0]["id"], "buyer": card["contact"]}
        order = self.add_order(account, given | {"marketing": {name: card[name] for name in rules.UTM}})
        self.change_card(account, card, {"target_id": order["id"], "target_type": "order"})
        return order

    def _shown_card(self, account: Account, card: Thing, asked: set[str]) -> Thing:
        shown = {name: card[name] for name in (*CARD, "target_id", "target_type", *rules.UTM)}
        times = {"created_at": card["created_at"], "updated_at": card["updated_at"]}
        stage = data.STAGE_BY_ID[card["status_id"]]
        parts: dict[str, Any] = {
            "contact": lambda: _contact(account, card, times, "contact.client" in asked),
            "products": lambda: [_line(account, line, "products.offer" in asked) for line in card["products"]],
            "manager": lambda: data.by_id(data.USERS).get(card["manager_id"]),
            "status": lambda: {
                **{name: stage[name] for name in ("id", "alias", "pipeline_id")},
                **{"name": stage["title"], "is_active": True, **times},
            },
            "payments": lambda: card["payments"],
            "custom_fields": lambda: rules.fields_shown(card["custom_fields"]),
        }
        wanted = {one.partition(".")[0] for one in asked}
        return shown | {name: make() for name, make in parts.items() if name in wanted}


def _contact(account: Account, card: Thing, times: Thing, with_client: bool) -> Thing:
    """A contact whose phone or e-mail is a buyer's is that client's."""
    contact = card["contact"]
    found = [account.find("buyer", contact[name]) for name in ("phone", "email") if contact.get(name)]
    number = contact["client_id"] or next(filter(None, found), None)
    shown = {"id": card["contact_id"], "picture": None, "additional_details": [], **contact, **times}
    shown |= {"client_id": number, "social_name": "", "social_id": ""}
    return shown | {"client": _client(account, number, times)} if with_client else shown


def _client(account: Account, number: int | None, times: Thing) -> Thing | None:
    buyer = account.table("buyers").get(number or 0)
    if buyer is None:
        return None
    mine = [order for order in account.table("orders").values() if order["buyer"]["id"] == number]
    spent = sum((rules.known(order["grand_total"]) for order in mine), rules.ZERO)
    empty = ("company_id", "additional_phone", "note", "picture", "image", "manager_id")
    return {
        **dict.fromkeys(empty),
        **buyer,
        "formatted_phone": buyer["phone"],
        "currency": "UAH",
        "orders_sum": f"{spent:.2f}",
        "orders_count": len(mine),
        "has_duplicates": 0,
        **times,
    }


def _line(account: Account, line: Thing, with_offer: bool) -> Thing:
    offer = offer_of(account, line["sku"])
    shown = line | {"product_id": offer["product_id"] if offer else None}
    kept = {name: shown[name] for name in LINE}
    return kept | {"offer": offer} if with_offer else kept


def _stages(pipeline: int) -> list[Thing]:
    return [row for row in data.PIPELINE_STATUSES if row["pipeline_id"] == pipeline]


def _enabled(account: Account) -> None:
    if not account.options["leads"]:
        raise wire.refused(400, "Leads are not enabled")
