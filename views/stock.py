"""Settings, stock: whether orders take goods off, which systems are told, and what those refused. For owners."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from integrations import connectors
from integrations.base import WritesStock
from jobs import connections, runs, wake
from models import Connection, Offer, StockNews, db
from orders import stock

from . import addresses, security
from .card_page import actor

bp = Blueprint("stock", __name__, url_prefix="/settings/stock")

SHOWN = 100


@bp.get("")
@security.owner_only
def index() -> Any:
    told = set(stock.tellers())
    systems = [(row, row.id in told) for row in connections.active() if _can(row)]
    return render_template(
        "settings/stock.html", since=stock.since(), systems=systems, refused=_refused(), address=addresses.integration
    )


def _can(row: Connection) -> bool:
    return connections.usable(row) and connectors()[row.kind].can(WritesStock)


def _refused() -> list[Any]:
    query = (
        db.select(Connection.name, Offer.sku, Offer.external_id, Offer.name.label("offer"), StockNews.detail)
        .join(Offer, Offer.id == StockNews.offer_id)
        .join(Connection, Connection.id == StockNews.connection_id)
        .where(StockNews.state == "refused")
        .order_by(StockNews.id.desc())
        .limit(SHOWN)
    )
    return list(db.session.execute(query))


@bp.post("")
@security.owner_only
def switch() -> Any:
    on = request.form.get("on") == "1"
    stock.switch(on)
    db.session.commit()
    flash(_("Orders take goods off from now on.") if on else _("Orders leave stock as it is."), "success")
    return redirect(url_for("stock.index"), 303)


@bp.post("/tell/<int:connection_id>")
@security.owner_only
def tell(connection_id: int) -> Any:
    """Compare all and tell, what was refused too."""
    row = db.session.get(Connection, connection_id)
    if row is None or not _can(row):
        abort(404)
    runs.request(row.id, "stock", actor().name[:120])
    wake.changed()
    db.session.commit()
    flash(_("%(name)s is being told.", name=row.name), "success")
    return redirect(url_for("stock.index"), 303)
