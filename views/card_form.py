"""The form on the card and the pieces of it that are swapped in while it is filled, printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from models import Order
from orders import lists

from . import text
from .card_frame import framed, piece
from .card_shown import Shown


def lines(shown: Shown, frozen: bool) -> Markup:
    """The table of products."""
    language = text.locale()
    printed = [
        framed("card/_line.html", line, {"at": at, "total": text.money(line.total, shown.currency, language)},
               frozen=frozen)
        for at, line in enumerate(shown.lines)
    ]  # fmt: skip
    return framed("card/_lines.html", None, {"lines": Markup("").join(printed)}, any=bool(printed))


def sums(shown: Shown, settled: Mapping[str, Any], hints: Mapping[str, str], oob: bool = False) -> Markup:
    """Goods, total and what else follows from the form. `oob`: as a piece that htmx puts in its place."""
    language, currency = text.locale(), shown.currency
    amounts = ("goods_total", "discount", "delivery_cost", "total", "cod_amount", "declared_value")
    slot = {name: text.money(settled.get(name), currency, language) for name in amounts}
    slot["weight"] = _("%(grams)s g", grams=text.number(settled["weight"]))
    slot["hint"] = hints.get("lines") or hints.get("weight") or ""
    there = {name: bool(settled.get(name)) for name in ("discount", "delivery_cost", "cod")}
    return framed("card/_sums.html", None, slot, oob=oob, hint=bool(slot["hint"]), **there)


def tracking(shown: Shown, order: Order | None, frozen: bool) -> Markup:
    """The tracking number: a field of the form that stands beside it."""
    return framed("card/_tracking.html", shown, {"parcel": parcel(order)}, frozen=frozen)


def parcel(order: Order | None, oob: bool = False) -> Markup:
    """What the order's tracking number is now, whatever stands in its field, and the state of the parcel. `oob`: as a
    piece that htmx puts in its place."""
    ttn, state = (order.ttn, order.ttn_state) if order else ("", "")
    slot = {"ttn": ttn, "state": state, "history": url_for("delivery.tracking", order_id=order.id) if order else ""}
    return framed("card/_parcel.html", None, slot, oob=oob, ttn=bool(ttn), state=bool(state))


def html(
    shown: Shown, order: Order | None, parts: Mapping[str, Any], destinations: Sequence[lists.Connected]
) -> Markup:
    """All of the form. `parts`: as card_page gathers them."""
    slot = {
        "action": url_for("card.save", number=order.number) if order else url_for("card.create"),
        "version": parts["version"],
        "base": parts["base"],
        "order_id": order.id if order else "",
        "lines": lines(shown, parts["frozen"]),
        "sums": sums(shown, parts["settled"], parts["hints"]),
        "quote": parts["quote"],
        "method": shown.method,
        "state": piece("card/_state.html", state=order.payment_state) if order and order.payment_state else "",
        "facts": _facts(order) if order else "",
        **parts["was"],
    }
    return framed(
        "card/_form.html",
        shown,
        slot,
        new=order is None,
        frozen=parts["frozen"],
        method_kept=parts["method_kept"],
        auto=parts["auto"],
        counted=parts["counted"],
        amounts=tuple(parts["was"]),
        quick=parts["quick"],
        destinations=tuple(destinations),
    )


def _facts(order: Order) -> Markup | str:
    """What is told of the order and changed by nobody."""
    if not (order.utm or order.external_number or order.commission is not None):
        return ""
    return piece("card/_facts.html", order=order)
