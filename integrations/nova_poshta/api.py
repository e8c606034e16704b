"""Nova Poshta's one address: a call, its complaints, and what is told of parcels by their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from .. import delivery
from ..errors import Unknown
from ..values import encode, entries
from .facts import COMPLAINTS

ASKED = 100  # waybills in one question about their states
PATH, JSON = "/v2.0/json/", {"Content-Type": "application/json"}


class Api(delivery.Carrier):
    success = "success"
    complaint_faults = COMPLAINTS

    def complaints(self, body: Mapping[str, Any]) -> list[str]:
        said, codes = body.get("errors") or (), body.get("errorCodes") or ()
        words = [*said.values()] if isinstance(said, Mapping) else [*said]
        return [f"{word} ({code})" if code else str(word) for word, code in zip_longest(words, codes, fillvalue="")]

    def ask(self, model: str, method: str, /, **properties: Any) -> list[Mapping[str, Any]]:
        """`data` of a method that changes nothing. Raises VendorError."""
        return self._call(model, method, properties, safe=True)

    def tell(self, model: str, method: str, /, **properties: Any) -> list[Mapping[str, Any]]:
        return self._call(model, method, properties, safe=False)

    def _call(self, model: str, method: str, properties: Mapping[str, Any], safe: bool) -> list[Mapping[str, Any]]:
        asked = {"apiKey": self.settings["api_key"], "modelName": model, "calledMethod": method}
        body = self.call(
            "POST", PATH, content=encode({**asked, "methodProperties": properties}), safe=safe, headers=JSON
        )
        if not isinstance(body.get("data"), list):
            raise Unknown("broken", f"{model}/{method}: no data in the answer")
        return entries(body["data"])

    def _host(self, name: str) -> str:
        """Where parcels are shown and printed; an address of one's own stands for the vendor's other hosts, too."""
        return f"https://{name}" if self.base_url == self.api_url else self.base_url

    def states_of(self, numbers: Sequence[str]) -> list[Mapping[str, Any]]:
        """What is told of parcels, by the numbers on them."""

        def told(some: Sequence[str]) -> list[Mapping[str, Any]]:
            documents = [{"DocumentNumber": number, "Phone": ""} for number in some]
            return self.ask("TrackingDocument", "getStatusDocuments", Documents=documents)

        return delivery.told_of(numbers, told, ASKED)
