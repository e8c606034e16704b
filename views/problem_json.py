"""Errors of the API: application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that says what is wrong. `errors`: [(JSON pointer or parameter, what to do)]."""

    def __init__(self, status: int, kind: str, detail: str, errors: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)


def answer(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:perron:problem:{problem.kind}" if problem.kind else "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors]
    response = Response(json.dumps(body, ensure_ascii=False), problem.status, content_type=TYPE)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


_SENTENCES = {
    400: "The request can't be read.",
    404: "There is nothing at this address.",
    405: "This address does not answer to the method.",
    413: "The body is too large.",
    429: "Too many requests: wait for as many seconds as Retry-After says.",
    500: "The hub failed; nothing was changed. The log has the reason.",
}


def of_http(error: HTTPException) -> Response:
    """The answer to what Flask or the rate limit raised, with its headers."""
    status = error.code or 500
    response = answer(Problem(status, "", _SENTENCES.get(status, _SENTENCES[400 if status < 500 else 500])))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
