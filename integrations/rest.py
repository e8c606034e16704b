"""The base of connectors whose vendor answers with JSON objects: one exchange, and what came of it.

A vendor says by class attributes what is its own. Every answer is judged in the same order: statuses that mean
something else here, complaints known by their words, any other complaint, what the status means at any vendor
(http.judge), and whether there is an object to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

from .base import Connector
from .errors import Refused, Unknown, failure
from .fields import field_named, references
from .http import Answer, judge
from .types import Reference
from .values import encode, entries, part, text


@dataclass(frozen=True)
class ListAt:
    """Where a reference list is read: the call's path, its name in the answer, and the fields of fields.references."""

    path: str
    name: str
    code: str = "code"
    usable: str = "active"


def numbered_pages(
    read: Callable[[int], Mapping[str, Any]], name: str, key: str = "id"
) -> Iterator[tuple[list[Mapping[str, Any]], int | None]]:
    """(what is new on a page, how many there are in all) of a list in pages 1, 2, …, each {name: [entries],
    "_meta": {totalCount, pageCount}}, as Yii's services have it. `read` gets a page; `key` tells entries apart.

    What came before is left out, and the list ends with a page that has nothing new. Where more pages were promised,
    a page that merely repeats means that they can't be had: Unknown("broken"), for to end silently would lose them."""
    seen: set[str] = set()
    for page in count(1):
        content = read(page)
        meta, found = part(content, "_meta"), content.get(name)
        if not isinstance(found, list) or not all(text(entry, key) for entry in found):
            raise Unknown("broken", f"no list of {name} in the answer")
        pages = meta.get("pageCount") if isinstance(meta.get("pageCount"), int) else None
        fresh = [entry for entry in entries(found) if text(entry, key) not in seen]
        if found and not fresh and page <= (pages or 0):
            raise Unknown("broken", f"page {page} of {name} repeats what came before")
        if fresh:
            yield fresh, meta.get("totalCount")
        seen |= {text(entry, key) for entry in fresh}
        if not fresh or page == pages:
            return


class RestConnector(Connector):
    """Base of connectors that speak JSON. `call` is all that most of them need."""

    api_path: ClassVar[str] = ""  #: stands between the connection's address and a call's path, e.g. "/api/v1"
    status_faults: ClassVar[Mapping[int, str]] = {}  #: statuses that mean something else here -> fault
    #: pattern in a complaint's words (any case) -> (fault, settings field); the first that is found counts
    complaint_faults: ClassVar[Mapping[str, tuple[str, str]]] = {}
    key_header: ClassVar[str] = ""  #: the header that holds the setting "api_key", where that alone opens the API
    success: ClassVar[str] = ""  #: the field of an answer that says true or false, if there is one
    message: ClassVar[str] = "message"  #: the field with the vendor's complaint
    errors: ClassVar[str] = "errors"  #: its complaints one by one: a list, or an object field -> text
    error_fields: ClassVar[Mapping[str, str]] = {}  #: a name in a complaint's field path -> our field

    def headers(self) -> Mapping[str, str]:
        """What opens the API, and what else goes with every call."""
        return {self.key_header: str(self.settings["api_key"])} if self.key_header else {}

    def complaint(self, body: Mapping[str, Any]) -> str:
        """The vendor's words for what is wrong, in one line. With HTTP 200 they count unless `success` is true."""
        whole, parts = text(body, self.message), self.complaints(body)
        if any(part.endswith(whole) for part in parts):  # some say the first of the parts for the whole
            whole = ""
        return "; ".join(dict.fromkeys(filter(None, [whole, *parts])))  # a batch repeats itself for each order

    def complaints(self, body: Mapping[str, Any]) -> list[str]:
        found = body.get(self.errors) or ()
        return [f"{k}: {v}" for k, v in found.items()] if isinstance(found, Mapping) else [str(said) for said in found]

    def known_fault(self, words: str) -> tuple[str, str] | None:
        """(fault, settings field) of a complaint that `complaint_faults` knows."""
        known = self.complaint_faults.items()
        return next((meant for pattern, meant in known if re.search(pattern, words, re.IGNORECASE)), None)

    def url(self, path: str) -> str:
        """A path from "/" on counts from the connection's address, any other from the API's."""
        return self.base_url + (path if path.startswith("/") else f"{self.api_path}/{path}")

    def call(
        self, method: str, path: str, *, safe: bool | None = None, also: Collection[int] = (), **kwargs: Any
    ) -> Mapping[str, Any]:
        """The answer's object. kwargs as HttpClient.request; `safe`: the call changes nothing (default: GET and HEAD);
        `also`: statuses whose answer is to be read although they are no 2xx. Raises VendorError."""
        harmless = method in ("GET", "HEAD") if safe is None else safe
        headers = {**self.headers(), **kwargs.pop("headers", {})}
        answer = self.http.request(method, self.url(path), headers=headers, safe=harmless, **kwargs)
        read = answer.json()
        body = read if isinstance(read, dict) else {}
        if answer.status not in also:
            self._judge(answer, body, write=not harmless)
        if not body:
            raise Unknown("broken", answer.redact(f"HTTP {answer.status}, no JSON object: {answer.text[:200]}"))
        return body

    def post_form(self, path: str, fields: Mapping[str, Any], **kwargs: Any) -> Mapping[str, Any]:
        """`call` with a form, as PHP systems like it: objects and lists are JSON inside their field."""
        return self.call("POST", path, data={name: encode(value) for name, value in fields.items()}, **kwargs)

    def listed(self, path: str, name: str, /, **query: Any) -> list[Mapping[str, Any]]:
        """The objects of the list `name` in the answer to a GET, each with a numeric "id". Raises Unknown("broken")
        where there is no such list: that nothing was found must be the vendor's word and not an accident, for what
        isn't found is sent again."""
        found = self.call("GET", path, params=query).get(name)
        if not isinstance(found, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), int) for e in found):
            raise Unknown("broken", f"{path}: no list of {name} in the answer")
        return found

    def journal(
        self, path: str, name: str, cursor: Mapping[str, Any], since: str, /, **query: Any
    ) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
        """What a vendor's journal tells after `cursor`, to its end, and the cursor to go on with: {since: greatest id}
        as soon as there is a record. A page with nothing newer is the end."""
        records: list[Mapping[str, Any]] = []
        while fresh := [r for r in self.listed(path, name, **query, **cursor) if r["id"] > cursor.get(since, 0)]:
            records += fresh
            cursor = {since: max(r["id"] for r in fresh)}
        return records, cursor

    def lists(self, places: Mapping[str, ListAt]) -> dict[str, list[Reference]]:
        """The vendor's reference lists, one call each."""
        answers = {key: self.call("GET", place.path).get(place.name) for key, place in places.items()}
        return {key: references(answers[key], place.code, place.usable) for key, place in places.items()}

    def missing_rights(self, notes: Mapping[str, str], **query: Any) -> dict[str, str]:
        """For keys that have their rights section by section: {path: note}, cut to the paths that may not be read.
        Raises the first refusal when none may be, or when it is no matter of rights: key, address or request is
        wrong."""
        refused: dict[str, Refused] = {}
        for path in notes:
            try:
                self.call("GET", path, params=query)
            except Refused as refusal:
                refused[path] = refusal
        if len(refused) == len(notes) or any(r.fault != "credentials" for r in refused.values()):
            raise next(iter(refused.values()))
        return {path: notes[path] for path in refused}

    def _judge(self, answer: Answer, body: Mapping[str, Any], *, write: bool) -> None:
        succeeded = body.get(self.success) if self.success else None
        if answer.ok and succeeded is True:
            return
        words = answer.redact(self.complaint(body))
        if fault := self.status_faults.get(answer.status):
            raise failure(fault, words, retry_after=answer.retry_after)
        if known := self.known_fault(words):
            raise failure(known[0], words, known[1])
        if (words or succeeded is False) if answer.ok else (words and answer.status == 400):
            field = field_named(self.complaints(body), self.error_fields)
            raise Refused("validation", words or answer.redact(answer.text[:200]), field=field)
        judge(answer, words, write=write)
