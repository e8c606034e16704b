"""What the imitations of payment services have alike: a page where a tester pays or declines, and notices that are
really posted, again and again until they are answered as the vendor wants.

A payment is kept as {"id", "external", "reference", "amount", "refunded", "currency", "description", "state",
"return_url", "callback_url", "at", …}; `state` is one of pending, held, paid, declined, expired, refunded: the vendors'
imitations translate it into their own words.
"""

import time
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import httpx
from werkzeug.routing import Rule

from integrations.sandbox import Refused, Request, Response, Sandbox, answer
from integrations.sandbox_store import Account, Thing

#: what any of them may be told to do wrong: kind -> (status, words)
TROUBLE = {
    "error500": (500, "Internal error"),
    "rate_limited": (429, "Too many requests"),
    "not_found": (404, "Not found"),
    "method": (405, "Method not allowed"),
}
OUTCOMES = {"pay": "paid", "hold": "held", "decline": "declined", "expire": "expired"}
TRIES = 5
AGAIN = 1.0  # seconds; vendors wait minutes and hours


@dataclass
class Posted:
    """A notice on its way: what is posted where, and what was answered."""

    token: str
    number: int
    url: str
    body: bytes
    headers: dict[str, str]
    due: float = 0.0
    tries: int = 0
    answered: int = 0


class PaymentSandbox(Sandbox):
    """Base of a payment service's imitation: gives `notice`, `accepts`, `key_of`, endpoints, and its words."""

    #: kind of error -> (status, the vendor's code, its words); `codes`: its codes for those in TROUBLE
    errors: ClassVar[Mapping[str, tuple[int, Any, str]]] = {}
    codes: ClassVar[Mapping[str, Any]] = {}
    counted: ClassVar[tuple[str, ...]] = ("payments",)
    controls: ClassVar[dict[str, str]] = {
        "settle": "control_settle",
        "refund": "control_refund",
        "notify": "control_notify",
    }
    pages: ClassVar[tuple[Rule, ...]] = (Rule("/checkout/<int:number>", endpoint="checkout", methods=["POST"]),)

    def __init__(self) -> None:
        self.posting = 0
        super().__init__()

    def _begin(self) -> None:
        super()._begin()
        self.outbox: list[Posted] = []
        self.delivered: list[Posted] = []

    # What a vendor fills in

    @abstractmethod
    def key_of(self, request: Request) -> str | None:
        """The account's token, when the call is signed with it."""

    @abstractmethod
    def wrong(self, code: Any, words: str) -> Thing:
        """The body that says what is wrong."""

    @abstractmethod
    def notice(self, account: Account, payment: Thing, event: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the notice that something happened; event: paid, held, declined, expired, refunded."""

    def accepts(self, account: Account, response: httpx.Response) -> bool:
        """Whether the shop answered as it should."""
        return response.status_code == 200

    def callback(self, account: Account, payment: Thing) -> str:
        """Where notices of this payment go."""
        return str(payment["callback_url"])

    # What the base asks

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        if kind in self.errors:
            status, code, words = self.errors[kind]
        else:
            (status, words), code = TROUBLE[kind], self.codes.get(kind, 0)
        return answer(self.wrong(code, words), status)

    def no(self, code: Any, words: str, status: int = 200) -> Refused:
        """To be raised: the vendor refuses what it is asked."""
        return Refused(answer(self.wrong(code, words), status))

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        yield "reference", thing["reference"]
        yield "external", thing["external"]

    def token(self, request: Request) -> str | None:
        number = self._checkout_number(request.path)
        if number is None:
            return self.key_of(request)
        found = self._payment(number)
        return found[0].token if found else None

    def section(self, path: str) -> str:
        return "payments"

    def page(self, path: str) -> tuple[str, Thing] | None:
        number = self._checkout_number(path)
        if number is None:
            return None
        with self.lock:
            found = self._payment(number)
            values = {"title": self.title, "payment": dict(found[1]) if found else {}, "missing": found is None}
        return "sandbox_pay.html", values

    def checkout(self, request: Request, account: Account, number: int) -> Response:
        """The tester's choice; then the page again."""
        if request.fields.get("do") in OUTCOMES and account.table("payments")[number]["state"] == "pending":
            self.settle(number, request.fields["do"])
        return Response("", 303, {"Location": f"/{self.key}/checkout/{number}"})

    # What happens to payments

    def add(self, account: Account, payment: Thing) -> Thing:
        number = account.next_id("payments", 5_000_001 + account.number * 10_000_000)
        made = {"id": number, "refunded": "0", "state": "pending", "at": datetime.now(UTC).timestamp(), **payment}
        made.setdefault("external", str(number))
        account.put("payments", number, made)
        return made

    def checkout_url(self, request: Request, payment: Thing) -> str:
        return f"{request.host_url}{self.key}/checkout/{payment['id']}"

    def named(self, account: Account, index: str, value: Hashable) -> Thing | None:
        number = account.find(index, value)
        return None if number is None else account.table("payments")[number]

    def settle(self, number: int, do: str, notify: bool = True, **changes: Any) -> Thing:
        """The customer pays, declines…: `do` is a key of OUTCOMES. `changes`: fields to be other than they were asked
        for, as a thief might have them. KeyError: unknown."""
        with self.lock:
            account, payment = self._payment(number) or _missing(number)
            payment = payment | {"state": OUTCOMES[do], "settled": time.time(), **changes}
            account.put("payments", number, payment)
            if notify:
                self.notify(number, payment["state"])
            return payment

    def refund(self, number: int, amount: Any, notify: bool = True) -> Thing:
        """Give money back. ValueError: more than there is, or not paid."""
        with self.lock:
            account, payment = self._payment(number) or _missing(number)
            try:
                back, paid = Decimal(str(payment["refunded"])) + Decimal(str(amount)), Decimal(str(payment["amount"]))
            except InvalidOperation:
                raise ValueError("amount") from None
            if payment["state"] not in ("paid", "held") or back > paid or Decimal(str(amount)) <= 0:
                raise ValueError("refund")
            payment = payment | {"refunded": str(back), "state": "refunded" if back == paid else payment["state"]}
            account.put("payments", number, payment)
            if notify:
                self.notify(number, "refunded")
            return payment

    def notify(self, number: int, event: str) -> None:
        """Post the notice soon (the housekeeper does, or `deliver`)."""
        account, payment = self._payment(number) or _missing(number)
        url = self.callback(account, payment)
        body, headers = self.notice(account, payment, event)
        if url:
            self.outbox.append(Posted(account.token, number, url, body, headers))

    def tick(self, now: float) -> None:
        with self.lock:
            due = [one for one in self.outbox if one.due <= now]
            self.outbox = [one for one in self.outbox if one.due > now]
            self.posting += len(due)
        for one in due:
            self._post(one, now)

    @property
    def idle(self) -> bool:
        """Whether no notice waits or is on its way."""
        with self.lock:
            return not self.outbox and not self.posting

    def _post(self, one: Posted, now: float) -> None:
        one.tries += 1
        try:
            response = httpx.post(one.url, content=one.body, headers=one.headers, timeout=10, trust_env=False)
            one.answered = response.status_code
            done = self.accepts(self.accounts[one.token], response)
        except httpx.HTTPError:
            done = False
        one.due = now + AGAIN
        with self.lock:
            self.posting -= 1
            if done:
                self.delivered.append(one)
            elif one.tries < TRIES:
                self.outbox.append(one)

    def _checkout_number(self, path: str) -> int | None:
        first, _, rest = path.removeprefix(f"/{self.key}").lstrip("/").partition("/")
        return int(rest) if first == "checkout" and rest.isdecimal() else None

    def _payment(self, number: int) -> tuple[Account, Thing] | None:
        holders = (a for a in self.accounts.values() if number in a.table("payments"))
        return next(((account, account.table("payments")[number]) for account in holders), None)

    # Controls

    def _asked(self, posted: Thing) -> int:
        """The number of the payment that a control names by our reference."""
        for account in self.accounts.values():
            if payment := self.named(account, "reference", str(posted["payment"])):
                return int(payment["id"])
        raise KeyError(str(posted["payment"]))

    def control_settle(self, posted: Thing) -> Thing:
        return self.settle(self._asked(posted), str(posted.get("do") or "pay"))

    def control_refund(self, posted: Thing) -> Thing:
        return self.refund(self._asked(posted), posted["amount"])

    def control_notify(self, posted: Thing) -> Thing:
        with self.lock:
            self.notify(self._asked(posted), str(posted.get("event") or "paid"))
        return {"notices": len(self.outbox)}


def amount_of(value: Any) -> Decimal:
    """The amount that is asked for; 0 for what is none."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def _missing(number: int) -> Any:
    raise KeyError(f"No payment {number}")
