"""KeyCRM's Open API as all parts of the connector speak it. Facts: the vendor's OpenAPI description 1.2.0
(https://docs.keycrm.app); what it leaves open follows integrators' code: HTTP 429 with Retry-After in seconds,
Laravel's {"message", "errors": {field: [texts]}} for what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

from ..errors import Unknown
from ..http import Answer
from ..rest import RestConnector
from ..values import encode, part
from .terms import Terms

#: the most that a list gives at once
PAGE = 50


class Sheet(NamedTuple):
    """One page of a list."""

    number: int  # from 1
    entries: list[Mapping[str, Any]]
    total: int | None  # of the whole list, where it is told
    last: bool


class KeyCrmApi(RestConnector):
    """The exchange with KeyCRM; a connection's parts (orders, cards, catalogue, notices) are built on it."""

    api_url = "https://openapi.keycrm.app/v1"
    #: 403 is what cards say to arguments that can't be; a bad key is 401
    status_faults = {403: "validation"}

    @property
    def terms(self) -> Terms:
        return Terms.of(self.settings, "" if self.base_url == self.api_url else self.base_url)

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.settings['api_key']}", "Accept": "application/json"}

    def complaints(self, body: Mapping[str, Any]) -> list[str]:
        found = body.get(self.errors)
        if not isinstance(found, Mapping):
            return super().complaints(body)
        return [f"{name}: {said}" for name, texts in found.items() for said in (texts if _several(texts) else [texts])]

    def sheets(self, path: str, /, *, first: int = 1, **query: Any) -> Iterator[Sheet]:
        """The pages of a list from page `first` to the last one, none of them empty. `query`: further parameters, e.g.
        **{"filter[category_id]": "5"}. Raises VendorError: Unknown("broken") where there is no list."""
        before: Any = None
        for number in count(first):
            body = self.call("GET", path, params={"limit": PAGE, "page": number, **query})
            found = body.get("data")
            if not isinstance(found, list) or not all(isinstance(e, dict) and e.get("id") is not None for e in found):
                raise Unknown("broken", f"{path}: no list in the answer")
            if found and found == before:
                raise Unknown("broken", f"{path}: page {number} repeats the one before")
            before, total = found, body.get("total")
            last = not found or not body.get("next_page_url")
            if found:
                yield Sheet(number, found, total if isinstance(total, int) else None, last)
            if last:
                return

    def every(self, path: str, /, **query: Any) -> list[Mapping[str, Any]]:
        """All entries of a list that is short."""
        return [entry for sheet in self.sheets(path, **query) for entry in sheet.entries]

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A call that changes something; {} when the answer is empty, as an import's may be. Raises VendorError."""
        return self.taken(self.sent(method, path, body))

    def sent(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer to a call that changes something, whatever it says. Raises VendorError where none came."""
        headers = {**self.headers(), "Content-Type": "application/json"}
        return self.http.request(method, self.url(path), headers=headers, safe=False, content=encode(body))

    def taken(self, answer: Answer) -> Mapping[str, Any]:
        read = answer.json()
        self._judge(answer, part(read), write=True)
        if answer.body.strip() and not isinstance(read, dict | list | bool):
            raise Unknown("broken", answer.redact(f"HTTP {answer.status}, no JSON: {answer.text[:200]}"))
        return part(read)


def _several(texts: Any) -> bool:
    return isinstance(texts, list | tuple)
