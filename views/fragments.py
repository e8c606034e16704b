"""One address, a page or a fragment: the fragment is a template that the page includes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, render_template
from htmx_flask import request


def wanted() -> bool:
    """htmx asks for a part of the page; what it asks to restore its history must be whole."""
    return bool(request.htmx) and not request.htmx.history_restore_request and not request.htmx.boosted


def render(page: str, fragment: str, /, **context: Any) -> Response:
    answer = make_response(render_template(fragment if wanted() else page, **context))
    answer.headers["Vary"] = "HX-Request"
    return answer


def unchanged() -> Response:
    """htmx leaves everything as it is."""
    return Response(status=204)


def came_from(otherwise: str) -> str:
    """The page of ours that a form was on, by its path and query; never another site."""
    page = urlsplit(request.referrer or "")
    if page.netloc != request.host or not page.path.startswith("/") or page.path.startswith("//"):
        return otherwise
    return f"{page.path}?{page.query}" if page.query else page.path
