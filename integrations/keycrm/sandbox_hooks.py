"""The KeyCRM sandbox's automation: triggers that post webhooks, as a shop's owner builds them in the cabinet.

Bodies are {"event", "context"} with the flat order or card, unsigned and without headers of KeyCRM's own. Up to three
attempts are made, no redirect is followed. What the vendor doesn't tell is the wait between attempts: a second here.
"""

import json
import math
import ssl
import threading
import time
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, ClassVar

import httpx

from integrations.keycrm import sandbox_data as data
from integrations.keycrm import sandbox_rules as rules
from integrations.sandbox import TOKENS, Sandbox
from integrations.sandbox_store import Account, Thing

TRIES = 3
AGAIN = 1.0  # seconds
ORDER_STATUS, ORDER_PAID, CARD_STATUS = (
    "order.change_order_status",
    "order.change_payment_status",
    "lead.change_lead_status",
)
CARD_FIELDS = ("id", "title", "contact_id", "manager_id", "source_id", "status_id", "manager_comment", *rules.UTM)
#: what a context holds and this imitation doesn't tell apart
UNUSED: Thing = {
    "global_source_uuid": None,
    "status_on_source": None,
    "margin_sum": "0.00",
    "register_id": None,
    "fiscal_result": [],
    "fiscal_status": None,
    "shipping_type_id": None,
    "closed_from": None,
    "status_expired_at": None,
    "discount_data": None,
    "deleted_at": None,
    "is_expired": False,
    "has_reserves": False,
}
ORDER_FIELDS = (
    *("id", "source_uuid", "source_id", "manager_id", "status_group_id", "status_id", "status_changed_at", "parent_id"),
    *("manager_comment", "is_gift", "promocode", "gift_wrap", "payment_status", "gift_message", "last_synced_at"),
    *("created_at", "updated_at", "closed_at", "ordered_at", "discount_percent"),
)
ORDER_SUMS = (
    *("grand_total", "total_discount", "expenses_sum", "discount_amount", "shipping_price", "taxes", "wrap_price"),
    "payments_total",
)


@dataclass
class Fired:
    """A webhook: what goes where, and what came of it. `answered`: 0 as long as nobody did."""

    event: str
    url: str
    body: bytes
    due: float = 0.0
    tries: int = 0
    answered: int = 0


@cache
def _tls() -> ssl.SSLContext:
    """Made once: each call would read all certificates anew, which takes longer than the call."""
    return ssl.create_default_context()


def order_context(order: Thing) -> Thing:
    sums = {name: f"{rules.known(order[name]):.2f}" for name in ORDER_SUMS}
    flat = {name: order[name] for name in ORDER_FIELDS}
    return UNUSED | flat | sums | {"client_id": order["buyer"]["id"], "client_comment": order["buyer_comment"]}


def card_context(card: Thing) -> Thing:
    flat = {name: card[name] for name in (*CARD_FIELDS, "status_changed_at", "updated_at")}
    return flat | {"pipeline_id": data.STAGE_BY_ID[card["status_id"]]["pipeline_id"]}


def body_of(event: str, context: Thing) -> bytes:
    return json.dumps({"event": event, "context": context}, ensure_ascii=False).encode()


class Triggers(Sandbox):
    """Posts webhooks to the addresses in an account's options: "hooks": {event: address}, "hook_sources": [ids] that
    a trigger's condition includes (empty: all). `held`: they wait until `release`, to be let go in another order."""

    hook_controls: ClassVar[dict[str, str]] = {
        "webhook": "control_webhook",
        "hold": "control_hold",
        "release": "control_release",
        "repeat": "control_repeat",
    }

    def __init__(self) -> None:
        self.outbox: list[Fired] = []
        self.fired: list[Fired] = []  # everything, in the order it happened
        self.held = False
        self._in_turn = threading.Lock()  # the housekeeper and `deliver` don't overtake each other
        super().__init__()

    def _begin(self) -> None:
        self.outbox, self.fired, self.held = [], [], False
        super()._begin()

    def fire(self, account: Account, event: str, thing: Thing) -> None:
        """The trigger of `event` goes off, if the owner built one whose condition the order or card meets."""
        url = account.options["hooks"].get(event)
        sources = account.options["hook_sources"]
        if url and (not sources or thing["source_id"] in sources):
            context = card_context(thing) if event == CARD_STATUS else order_context(thing)
            one = Fired(event, url, body_of(event, context))
            self.fired.append(one)
            self.outbox.append(one)

    # For tests, the demo and the page: what the owner builds, and what may go wrong on the way

    def build_trigger(
        self, url: str, cards: str = "", payments: bool = True, sources: Any = (), account: str | None = None
    ) -> None:
        """Orders' statuses (and payments) go to `url`, those of cards to `cards`; "" switches a trigger off."""
        with self.lock:
            shop = self.account(account)
            shop.options["hooks"] = {ORDER_STATUS: url, ORDER_PAID: url if payments else "", CARD_STATUS: cards}
            shop.options |= {"webhook_url": url, "hook_sources": list(sources)}
            shop.note_options()

    def hold(self) -> None:
        """From now on webhooks wait for `release`."""
        self.held = True

    def release(self, order: str = "kept", times: int = 1) -> int:
        """Let go of what is held, `times` each; order: kept, reversed or shuffled. How many will be posted."""
        if order not in ("kept", "reversed", "shuffled"):
            raise ValueError("order must be kept, reversed or shuffled")
        with self.lock:
            copies = [replace(one) for one in self.outbox for _ in range(times - 1)]
            waiting = [*self.outbox, *copies]
            self.fired += copies
            if order == "reversed":
                waiting.reverse()
            elif order == "shuffled":
                Random(len(waiting)).shuffle(waiting)  # a mishap, no secret
            self.outbox, self.held = waiting, False
            return len(waiting)

    def repeat(self, last: int = 1) -> int:
        """Post the last so many webhooks once more, as they were. How many there were."""
        with self.lock:
            again = [replace(one, tries=0, answered=0, due=0.0) for one in self.fired[-last:]]
            self.fired += again
            self.outbox += again
            return len(again)

    def deliver(self, all_tries: bool = False) -> None:
        """Post what is due now, not within a quarter of a second; `all_tries`: without the waits between them."""
        self.tick(time.monotonic())
        while all_tries and self.outbox and not self.held:
            self.tick(math.inf)

    def tick(self, now: float) -> None:
        with self._in_turn:
            with self.lock:
                due = [] if self.held else [one for one in self.outbox if one.due <= now]
            for one in due:
                self._post(one, now)

    def _post(self, one: Fired, now: float) -> None:
        one.tries += 1
        try:
            headers = {"Content-Type": "application/json"}
            response = httpx.post(
                one.url, content=one.body, headers=headers, timeout=10, trust_env=False, verify=_tls()
            )
            one.answered = response.status_code
        except httpx.HTTPError:
            one.answered = 0
        one.due = now + AGAIN
        if 200 <= one.answered < 300 or one.tries >= TRIES:
            with self.lock:
                self.outbox = [other for other in self.outbox if other is not one]

    # Controls

    def control_webhook(self, posted: Thing) -> Thing:
        """{"url", "cards" (the same if absent), "sources": "7, 8", "payments", "account"}"""
        sources = [int(one) for one in str(posted.get("sources") or "").split(",") if one.strip()]
        payments = bool(posted.get("payments", True))
        token = str(posted.get("account") or TOKENS[0])
        url = str(posted.get("url") or "")
        self.build_trigger(url, str(posted.get("cards", url) or ""), payments, sources, token)
        return {"hooks": self.account(token).options["hooks"]}

    def control_hold(self, posted: Thing) -> Thing:
        self.hold()
        return {"held": True}

    def control_release(self, posted: Thing) -> Thing:
        return {"posting": self.release(str(posted.get("order") or "kept"), int(posted.get("times") or 1))}

    def control_repeat(self, posted: Thing) -> Thing:
        return {"posting": self.repeat(int(posted.get("last") or 1))}
