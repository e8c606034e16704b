"""How a Horoshop shop's API is spoken to: the login, the token in each body, refusals (most of them with HTTP 200)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Refused, Unknown
from ..http import Answer
from ..sessions import Lapsed, SessionConnector
from ..values import part, text

WORKED = frozenset({"OK", "WARNING", "EMPTY"})  # statuses of an answer that was no refusal
LAPSED = ("UNAUTHORIZED", "AUTHORIZATION_ERROR")
#: what refusals mean at the login: who is there, and "not found" the whole API
AT_THE_DOOR = {"validation": ("credentials", "password"), "not_found": ("misconfigured", "api_url")}


def complaint(body: Mapping[str, Any]) -> str:
    """The vendor's word and its words; "" when there is none."""
    status = text(body, "status")
    return "" if status in WORKED else ": ".join(filter(None, (status, text(body, "response", "message"))))


class ShopApi(SessionConnector):
    """A shop. All is POST; a token lives ten minutes."""

    api_path = "/api"
    status_faults = {403: "unavailable"}  # the guard in front of the shops; the API itself says it in words
    complaint_faults = {r"^UNDEFINED_FUNCTION": ("not_found", ""), r"^EXCEPTION": ("broken", "")}
    complaint = staticmethod(complaint)

    def log_in(self) -> str:
        wanted = {name: self.settings[name] for name in ("login", "password")}
        try:
            answer = _whole(self.open_call("POST", "auth/", json=wanted, safe=True), "auth")
        except Refused as refusal:
            if refusal.fault not in AT_THE_DOOR:
                raise
            fault, field = AT_THE_DOOR[refusal.fault]
            raise Refused(fault, refusal.detail, field) from None
        token = text(answer, "response", "token")
        if not token:
            raise Unknown("broken", "no token in the answer to the login")
        return token

    def ask(self, function: str, safe: bool = True, **body: Any) -> Mapping[str, Any]:
        """A function's answer. `safe`: it changes nothing."""
        return _whole(self.call("POST", f"{function}/", json=body, safe=safe), function)

    def rows(self, function: str, name: str, **query: Any) -> list[Mapping[str, Any]]:
        """The list `name`. That nothing was found must be the vendor's word and not an accident."""
        answer = self.ask(function, **query)
        rows = [] if answer["status"] == "EMPTY" else part(answer, "response").get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unknown("broken", f"{function}: no list of {name} in the answer")
        return rows

    def _with(self, token: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**kwargs, "json": {"token": token, **kwargs["json"]}}

    def _judge(self, answer: Answer, body: Mapping[str, Any], *, write: bool) -> None:
        words = self.complaint(body)
        if answer.status == 401 or words.startswith(LAPSED):
            raise Lapsed(answer.redact(words or answer.text[:200]))
        super()._judge(answer, body, write=write)


def _whole(answer: Mapping[str, Any], function: str) -> Mapping[str, Any]:
    if answer.get("status") not in WORKED:
        raise Unknown("broken", f"{function}: no status in the answer")
    return answer
