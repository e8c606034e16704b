"""An imitation of the YooKassa API v3 (https://yookassa.ru/developers/api), as far as the hub uses it.

Not published, chosen here: the key of an idempotent request is remembered for ever; the list takes created_at.gte only.
"""

import base64
import binascii
import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.sandbox import Refused, Request, Response, answer
from integrations.sandbox_pay import PaymentSandbox, amount_of
from integrations.sandbox_store import Account, Thing
from integrations.yookassa.sandbox_receipt import flaw

WORDS = {"pending": "pending", "held": "waiting_for_capture", "paid": "succeeded", "refunded": "succeeded"}
CURRENCIES = ("RUB", "USD", "EUR", "KZT", "BYN")
EVENTS = {"paid": "payment.succeeded", "held": "payment.waiting_for_capture", "refunded": "refund.succeeded"}


class YooKassaSandbox(PaymentSandbox):
    key = "yookassa"
    title = "YooKassa"
    errors: ClassVar[Any] = {
        "unauthorized": (401, "invalid_credentials", "Basic authentication failed"),
        "expired": (401, "invalid_credentials", "The secret key is no longer valid"),
        "denied": (403, "forbidden", "The key has no right to do this"),
        "refuse": (400, "invalid_request", "Receipt is missing or illegal"),
    }
    codes: ClassVar[Any] = {
        "error500": "internal_server_error",
        "rate_limited": "too_many_requests",
        "not_found": "not_found",
        "method": "method_not_allowed",
    }
    demo: ClassVar[dict[str, str]] = {"shop_id": "100500"}
    controls: ClassVar[dict[str, str]] = {
        **PaymentSandbox.controls,
        "webhook": "control_webhook",
        "receipts": "control_receipts",
    }
    rules = (
        *PaymentSandbox.pages,
        Rule("/v3/me", endpoint="me", methods=["GET"]),
        Rule("/v3/payments", endpoint="create", methods=["POST"]),
        Rule("/v3/payments", endpoint="listing", methods=["GET"]),
        Rule("/v3/payments/<external>", endpoint="show", methods=["GET"]),
        Rule("/v3/payments/<external>/capture", endpoint="capture", methods=["POST"]),
        Rule("/v3/payments/<external>/cancel", endpoint="cancel", methods=["POST"]),
        Rule("/v3/refunds", endpoint="give_back", methods=["POST"]),
    )

    def account_options(self, number: int) -> Thing:
        return {"shop_id": str(100500 + number), "webhook_url": "", "fiscalization": False}

    def key_of(self, request: Request) -> str | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            shop, _, secret = base64.b64decode(given).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account = self.accounts.get(secret)
        return secret if scheme == "Basic" and account and account.options["shop_id"] == shop else None

    def wrong(self, code: str, words: str, parameter: str = "") -> Thing:
        body = {"type": "error", "id": str(uuid.uuid4()), "code": code, "description": words}
        return body | ({"parameter": parameter} if parameter else {})

    def callback(self, account: Account, payment: Thing) -> str:
        """The address that is entered in the cabinet, for all payments."""
        return str(account.options["webhook_url"])

    def notice(self, account: Account, payment: Thing, event: str) -> tuple[bytes, dict[str, str]]:
        thing = _refund(payment) if event == "refunded" else _shown(payment)
        said = {"type": "notification", "event": EVENTS.get(event, "payment.canceled"), "object": thing}
        return json.dumps(said, ensure_ascii=False).encode(), {"Content-Type": "application/json"}

    def control_webhook(self, posted: Thing) -> Thing:
        with self.lock:
            account = self.account(posted.get("account"))
            account.options["webhook_url"] = str(posted["url"])
            account.note_options()
            return {"url": account.options["webhook_url"]}

    def control_receipts(self, posted: Thing) -> Thing:
        """{"on": …}: whether the shop has a cash register, and so wants a receipt with each payment."""
        with self.lock:
            account = self.account(posted.get("account"))
            account.options["fiscalization"] = bool(posted["on"])
            account.note_options()
            return {"fiscalization": account.options["fiscalization"]}

    # Endpoints

    def me(self, request: Request, account: Account) -> Response:
        return answer(
            {
                "account_id": account.options["shop_id"],
                "status": "enabled",
                "test": True,
                "fiscalization": {"enabled": bool(account.options.get("fiscalization")), "provider": "avanpost"},
            }
        )

    def create(self, request: Request, account: Account) -> Response:
        body = self._json(request)
        key = self._key(request)
        if (known := self.named(account, "once", key)) is not None:
            return answer(_shown(known, self.checkout_url(request, known)))
        amount = self._amount(body)
        self._check_receipt(account, body, amount)
        confirmation = body.get("confirmation") or {}
        if confirmation.get("type") == "redirect" and not confirmation.get("return_url"):
            raise self.bad("Return url is missing", "confirmation.return_url")
        metadata = body.get("metadata") or {}
        payment = self.add(
            account,
            {
                "external": str(uuid.uuid4()),
                "once": key,
                "reference": str(metadata.get("reference") or key),
                "metadata": metadata,
                "amount": str(amount),
                "currency": body["amount"]["currency"],
                "description": str(body.get("description") or "")[:128],
                "return_url": confirmation.get("return_url", ""),
                "callback_url": "",
                "capture": body.get("capture") is True,
                "receipt": body.get("receipt"),
            },
        )
        return answer(_shown(payment, self.checkout_url(request, payment)))

    def keys(self, kind: str, thing: Thing) -> Any:
        yield from super().keys(kind, thing)
        yield "once", thing["once"]

    def settle(self, number: int, do: str, notify: bool = True, **changes: Any) -> Thing:
        """Without `capture` the money is only held."""
        found = self._payment(number)
        held = do == "pay" and found is not None and not found[1]["capture"] and found[1]["state"] == "pending"
        return super().settle(number, "hold" if held else do, notify, **changes)

    def listing(self, request: Request, account: Account) -> Response:
        limit, since = request.args.get("limit", 10, int), request.args.get("created_at.gte", "")
        if not 1 <= limit <= 100:
            raise self.bad("Limit is out of range", "limit")
        after = int(request.args.get("cursor") or 10**12)
        earliest = datetime.fromisoformat(since).timestamp() if since else 0.0
        found = [
            p for n, p in sorted(account.table("payments").items(), reverse=True) if n < after and p["at"] >= earliest
        ]
        page = {"type": "list", "items": [_shown(p) for p in found[:limit]]}
        return answer(page | ({"next_cursor": str(found[limit - 1]["id"])} if len(found) > limit else {}))

    def show(self, request: Request, account: Account, external: str) -> Response:
        payment = self._one(request, account, external)
        return answer(_shown(payment, self.checkout_url(request, payment) if payment["state"] == "pending" else ""))

    def capture(self, request: Request, account: Account, external: str) -> Response:
        return self._end(request, account, external, "pay")

    def cancel(self, request: Request, account: Account, external: str) -> Response:
        return self._end(request, account, external, "expire")

    def _end(self, request: Request, account: Account, external: str, do: str) -> Response:
        self._key(request)
        payment = self._one(request, account, external)
        if payment["state"] != "held":
            raise self.bad("Incorrect payment status", "status")
        return answer(_shown(self.settle(payment["id"], do)))

    def give_back(self, request: Request, account: Account) -> Response:
        body = self._json(request)
        key, amount = self._key(request), self._amount(body)
        payment = self._one(request, account, str(body.get("payment_id")))
        if key not in payment.get("refunds", {}):
            self._check_receipt(account, body, amount, needed=amount != Decimal(payment["amount"]))
            try:
                payment = self.refund(payment["id"], amount)
            except ValueError:
                raise self.bad("Refund amount exceeds the payment", "amount") from None
            payment["refunds"] = {**payment.get("refunds", {}), key: str(amount)}
            account.put("payments", payment["id"], payment)
        return answer(_refund(payment, payment["refunds"][key]))

    def _one(self, request: Request, account: Account, external: str) -> Thing:
        payment = self.named(account, "external", external)
        if payment is None:
            raise self.no("not_found", "There is no such object", 404)
        return payment

    def bad(self, words: str, parameter: str = "") -> Refused:
        return Refused(answer(self.wrong("invalid_request", words, parameter), 400))

    def _json(self, request: Request) -> Any:
        if request.mimetype != "application/json":
            raise self.no("unsupported_media_type", "Content type is not supported", 415)
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise self.bad("The body is no JSON object")
        return body

    def _amount(self, body: Thing) -> Decimal:
        given = body.get("amount") or {}
        amount = amount_of(given.get("value"))
        if amount <= 0 or amount != round(amount, 2):
            raise self.bad("Invalid payment amount", "amount.value")
        if given.get("currency") not in CURRENCIES:
            raise self.bad("Currency is not supported", "amount.currency")
        return amount

    def _check_receipt(self, account: Account, body: Thing, amount: Decimal, needed: bool = True) -> None:
        """One that is there has to be right; one that isn't there is missed by shops with a cash register."""
        if "receipt" not in body and not (needed and account.options.get("fiscalization")):
            return
        if wrong := flaw(body.get("receipt"), amount, body["amount"]["currency"]):
            raise self.bad("Receipt is missing or illegal", wrong)

    def _key(self, request: Request) -> str:
        key = request.headers.get("Idempotence-Key", "")
        if not 1 <= len(key) <= 64:
            raise self.bad("Idempotence key is missing or too long", "Idempotence-Key")
        return key


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _money(payment: Thing, name: str) -> Thing:
    return {"value": f"{Decimal(payment[name]):.2f}", "currency": payment["currency"]}


def _shown(payment: Thing, url: str = "") -> Thing:
    status = WORDS.get(payment["state"], "canceled")
    shown = {
        "id": payment["external"],
        "status": status,
        "paid": status in ("succeeded", "waiting_for_capture"),
        "amount": _money(payment, "amount"),
        "created_at": _stamp(payment["at"]),
        "description": payment["description"],
        "metadata": payment["metadata"],
        "recipient": {"account_id": "100500", "gateway_id": "100700"},
        "refundable": status == "succeeded",
        "test": True,
    }
    if url:
        shown["confirmation"] = {"type": "redirect", "confirmation_url": url, "return_url": payment["return_url"]}
    if status == "succeeded":
        shown |= {"captured_at": _stamp(payment["settled"]), "refunded_amount": _money(payment, "refunded")}
    if status == "canceled":
        reason = "general_decline" if payment["state"] == "declined" else "expired_on_confirmation"
        shown["cancellation_details"] = {"party": "yoo_money", "reason": reason}
    return shown


def _refund(payment: Thing, amount: str = "") -> Thing:
    given = {"value": f"{Decimal(amount or payment['refunded']):.2f}", "currency": payment["currency"]}
    return {
        "id": str(uuid.uuid5(uuid.UUID(payment["external"]), payment["refunded"])),
        "payment_id": payment["external"],
        "status": "succeeded",
        "created_at": _stamp(payment["at"]),
        "amount": given,
    }
