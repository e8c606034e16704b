"""One address, a page or a fragment: the fragment is a template that the page includes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, render_template
from htmx_flask import request
from markupsafe import Markup

#: stands in a page for what is there already, encoded: it is put in once the rest is. To copy and encode a hundred
#: kilobytes of rows with each page would take longer than finding them. Nobody outside knows it
SLOT = Markup(f"<!-- {secrets.token_hex(16)} -->")  # noqa: S704 - digits


def wanted() -> bool:
    """htmx asks for a part of the page; what it asks to restore its history must be whole."""
    return bool(request.htmx) and not request.htmx.history_restore_request and not request.htmx.boosted


def render(page: str, fragment: str, /, **context: Any) -> Response:
    answer = make_response(render_template(fragment if wanted() else page, **context))
    answer.headers["Vary"] = "HX-Request"
    return answer


def listed(
    page: str, part: str, /, box: str, address: str, rows: Callable[[], bytes] | None = None, **context: Any
) -> Response:
    """A list: the page, or for htmx the part below its search box. What is shown becomes the browser's address; letters
    typed into the box of the id `box` are one step of the history, not one each. `rows`: what comes where the template
    prints SLOT, if it does."""
    below = bool(request.htmx) and not request.htmx.history_restore_request
    before, slot, after = render_template(part if below else page, **context).partition(SLOT)
    html = before.encode()
    answer = make_response(html + rows() + after.encode() if slot and rows else html)
    answer.headers["Vary"] = "HX-Request"
    if below:
        typing = request.htmx.trigger == box and "q=" in (request.htmx.current_url or "")
        answer.headers["HX-Replace-Url" if typing else "HX-Push-Url"] = address
    return answer


def pager(newer: int | None, older: int | None, at: Callable[[str], str]) -> dict[str, str]:
    """first, prev, next, last: those that lead somewhere. `at`: the address of the page that begins at a cursor."""
    found = {"first": at(""), "prev": at(f"-{newer}")} if newer is not None else {}
    return found | ({"next": at(str(older)), "last": at("last")} if older is not None else {})


def unchanged() -> Response:
    """htmx leaves everything as it is."""
    return Response(status=204)


def came_from(otherwise: str) -> str:
    """The page of ours that a form was on, by its path and query; never another site."""
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host or not page.path.startswith("/") or page.path.startswith("//"):
        return otherwise
    return f"{page.path}?{page.query}" if page.query else page.path
