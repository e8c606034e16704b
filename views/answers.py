"""Answers to an action: a toast for htmx, a flashed message and a redirect without it."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, flash, make_response, redirect
from htmx_flask import request

#: kinds of toast -> categories of flashed messages are the same words
CHANGED = "orders-changed"


def toast(text: str, kind: str = "ok", undo: str = "", seconds: int = 0) -> dict[str, Any]:
    """The HX-Trigger that shows a toast."""
    detail: dict[str, Any] = {"text": text, "kind": kind}
    if undo:
        detail |= {"undo": undo, "seconds": seconds or 60}
    return {"toast": detail}


def trigger(answer: Any, **events: Any) -> Response:
    """The answer with events for the page; an earlier trigger is kept."""
    response = make_response(answer)
    kept = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps(kept | events)
    return response


def done(text: str, back: str, kind: str = "ok", undo: str = "", body: str = "") -> Any:
    """It is done: say so, have the list ask for news at once."""
    if not request.htmx:
        flash(text, kind)
        return redirect(back)
    answer = (body, 200) if body else ("", 204)
    return trigger(answer, **toast(text, kind, undo), **{CHANGED: True})


def refuse(text: str, back: str, kind: str = "warn") -> Any:
    """It was not done: say why. 204 for htmx, so that nothing on the page is replaced."""
    if not request.htmx:
        flash(text, kind)
        return redirect(back)
    return trigger(("", 204), **toast(text, kind))


def go(address: str, code: int = 302) -> Any:
    """To another page, whole: what htmx would swap in is only a part of one."""
    return ("", 204, {"HX-Redirect": address}) if request.htmx else redirect(address, code)


def private(answer: Response) -> Response:
    """After each request of the pages behind customers' links: kept nowhere, found by no search engine."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer
