"""What all calls of Ukrposhta's APIs have alike: keys, the counterparty's token, complaints, the client who sends
(https://dev.ukrposhta.ua)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from .. import delivery
from ..errors import Refused
from ..values import encode, text
from .facts import COMPLAINTS

ECOM, FORMS = "/ecom/0.0.1", "/forms/ecom/0.0.1"
JSON = {"Content-Type": "application/json"}


class Api(delivery.Carrier):
    """Base of the connector's parts."""

    api_url = "https://www.ukrposhta.ua"
    complaint_faults = COMPLAINTS

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.settings['api_key']}", "Accept": "application/json"}

    def complaint(self, body: Mapping[str, Any]) -> str:
        return super().complaint(body) or text(body, "error_description") or text(body, "error")

    def ecom(self, method: str, path: str, body: Any = None, **query: Any) -> Mapping[str, Any]:
        """One call of the eCom API, with the counterparty's token. Raises VendorError."""
        content = encode(body) if body is not None else None
        headers = JSON if body is not None else {}
        params = {"token": self.settings["token"], **query}
        return self.call(method, f"{ECOM}/{path}", params=params, content=content, headers=headers)

    @cached_property
    def _sender(self) -> Mapping[str, Any]:
        """The client who sends: asked once by a connector."""
        try:
            return self.ecom("GET", f"clients/{self.settings['sender_uuid']}")
        except Refused as refusal:
            if refusal.fault != "not_found":
                raise
            raise Refused("misconfigured", "there is no client with this uuid", "sender_uuid") from None
