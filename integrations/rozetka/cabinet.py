"""How Rozetka's seller API is spoken to: the login, failures (most of them with HTTP 200), lists in pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Unknown
from ..http import Answer
from ..rest import numbered_pages
from ..sessions import Lapsed, SessionConnector
from ..values import entries, text
from . import goods

Pages = Iterator[tuple[list[Mapping[str, Any]], int | None]]
#: codes of a token that is taken no more
LAPSED = ("(1018)", "(1020)", "(6001)")


def complaint(body: Mapping[str, Any]) -> str:
    """`errors` is one object or a list of them: "message (code): details" of each."""
    found = body.get("errors")
    said = [found] if isinstance(found, Mapping) and "message" in found else entries(found)
    return "; ".join(filter(None, map(_said, said)))


def _said(error: Mapping[str, Any]) -> str:
    more = error.get("description") or error.get("details")
    details = ", ".join(map(str, more)) if isinstance(more, list) else text(more)
    code = text(error, "code")
    return ": ".join(filter(None, (text(error, "message") + (f" ({code})" if code else ""), details)))


class Cabinet(SessionConnector):
    """A seller's cabinet: opened by a token, or by a login that gives one."""

    success = "success"
    complaint_faults = {
        r"\((1004|1010|1018|1020|5401|6001)\)": ("credentials", ""),
        r"\((1019|1404|5404)\)": ("not_found", ""),
        r"\((1031|5503)\)": ("unavailable", ""),
    }
    complaint = staticmethod(complaint)

    @property
    def language(self) -> str:
        return str(self.settings.get("language") or "uk")

    def headers(self) -> Mapping[str, str]:
        """Without the second header a query that can't be read is answered with an empty list."""
        return {"Content-Language": self.language, "Accept-Validate-Exception": "1"}

    def log_in(self) -> str:
        login, secret = str(self.settings.get("login") or ""), str(self.settings["secret"])
        if not login:
            return secret
        body = {"username": login, "password": base64.b64encode(secret.encode()).decode()}
        token = text(self.open_call("POST", "/sites", json=body, safe=True), "content", "access_token")
        if not token:
            raise Unknown("broken", "no access_token in the answer to the login")
        return token

    def _judge(self, answer: Answer, body: Mapping[str, Any], *, write: bool) -> None:
        words = self.complaint(body)
        if answer.status == 401 or any(code in words for code in LAPSED):
            raise Lapsed(answer.redact(words or answer.text[:200]))
        if not (answer.ok and goods.refused(body)):
            super()._judge(answer, body, write=write)

    def content(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        content = self.call(method, path, **kwargs).get("content")
        if not isinstance(content, Mapping):
            raise Unknown("broken", f"{path}: no content in the answer")
        return content

    def pages(self, path: str, name: str, key: str = "id", **query: Any) -> Pages:
        return numbered_pages(lambda page: self.content("GET", path, params={**query, "page": page}), name, key)
