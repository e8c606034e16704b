"""The order list: the page, its total, its news, and pulling orders on demand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template
from flask_babel import gettext as _
from flask_login import current_user
from htmx_flask import request

from jobs import runs, wake
from models import db
from orders import listing, order_links
from orders.listing import Cursor
from orders.timeline import Actor

from . import answers, fragments, text
from .addresses import orders as list_url
from .order_list import PAGE, ListPage, filter_of, make_context, read_filter, revision, seen_rows

bp = Blueprint("orders", __name__, url_prefix="/orders")


def actor() -> Actor:
    return Actor("person", current_user.name or current_user.email)


@bp.get("")
def index() -> Response:
    """The page; for htmx the part below the search box."""
    page = ListPage(read_filter(request.args), Cursor.read(request.args.get("cursor", "")))
    names = "orders/index.html", "orders/list.html", "order-search"
    context = {"page": page, "density": current_user.density}
    answer = fragments.listed(*names, page.address, lambda: page.printed.html, **context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/total")
def total() -> str:
    """How many a filter finds, where that has to be counted: asked for by the page once it is shown."""
    page = ListPage(read_filter(request.args))
    found, exact = listing.total_found(page.f, page.statuses, text.ZONE)
    return render_template("orders/total.html", found=found, exact=exact, limit=listing.COUNT_LIMIT)


@bp.get("/changes")
def changes() -> tuple[str, int] | str:
    """What changed since the page was made or last asked. Nothing did: 204, without a look at the orders."""
    now = revision()
    if now and now == request.args.get("since"):
        return "", 204
    page = ListPage(filter_of(request.args.get("view", "")))
    seen = seen_rows(request.args.get("seen", ""))
    found, gone = listing.changed(seen)
    top = request.args.get("top", "")
    news = listing.arrived(page.f, page.statuses, text.ZONE, int(top)) if top.isdecimal() and len(top) < 19 else 0
    if top:
        news += _completed(page, seen, int(top) if top.isdecimal() and len(top) < 19 else 0)
    fits = listing.fitting(page.f, page.statuses, text.ZONE, [row.o.id for row in found]) if found else set()
    rows = page.context.rows(found, fits, fresh=True)
    told = {"since": now, "view": page.query, "top": top, "seen": _seen_now(seen, rows, gone)}
    return render_template("orders/changes.html", page=page, rows=rows, gone=gone, news=news, told=told)


def _completed(page: ListPage, seen: dict[int, str], top: int) -> int:
    """Pre-orders that customers have completed: they would stand on this page, below its newest order."""
    lowest = min(seen) if len(seen) >= PAGE else 0
    found = [i for i in order_links.completed_lately() if i not in seen and lowest < i <= top]
    return len(listing.fitting(page.f, page.statuses, text.ZONE, found)) if found else 0


def _seen_now(seen: dict[int, str], rows: list[Any], gone: list[int]) -> str:
    stamps = seen | {row.o.id: row.stamp for row in rows}
    return ",".join(f"{order_id}.{stamp}" for order_id, stamp in stamps.items() if order_id not in gone)


@bp.post("/get")
def get_from() -> Any:
    """Pull orders from a source now."""
    wanted = request.form.get("source", "")
    source = next((c for c in make_context().pullable if str(c.id) == wanted), None)
    if source is None:
        return answers.refuse(_("This connection is switched off or removed."), list_url())
    run = runs.request_anew(source.id, "orders", actor().name)
    wake.changed()
    db.session.commit()
    if run is None:
        return answers.done(_("Orders from %(name)s are being fetched already.", name=source.name), list_url(), "info")
    return answers.done(_("Fetching orders from %(name)s.", name=source.name), list_url())
