"""Order forms on the shop's own pages, without JavaScript: they post here, the customer is sent back.

The token stands in the page for all to see. So it opens nothing else: orders come from its site only (the browser's
Origin header), into its shop, as new, with the catalogue's prices; each address may send a few.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from flask_babel import gettext as _

from jobs import wake
from models import FORM_SCOPE, db
from orders import once, phones, placing, tokens, wire
from orders.timeline import Actor

from . import security, text
from .api_tokens import origin_of

bp = Blueprint("order_forms", __name__, url_prefix="/forms")
LARGEST = 32 * 1024
PER_ADDRESS = "10 per minute; 60 per hour"
PER_FORM = "120 per minute"
#: the same form sent again within so many seconds is the same order
TWICE_SECONDS = 600
#: no person sees or fills it
TRAP = "website"
MOST_LINES = 20
#: field of the form -> column, longest
FIELDS = {
    "last_name": ("last_name", 120),
    "first_name": ("first_name", 120),
    "city": ("city", 120),
    "address": ("address_text", 500),
    "comment": ("customer_comment", 2000),
    "coupon": ("coupon", 60),
}

security.csrf.exempt(bp)  # the form stands on another site; Origin is checked instead


class Refused(Exception):
    """The form can't be taken; the text is for the customer."""


@bp.post("/<token>")
@security.limiter.limit(PER_ADDRESS)
@security.limiter.limit(PER_FORM, key_func=lambda: f"form:{tokens.digest(request.path)}")
def send(token: str) -> Any:
    request.max_content_length = LARGEST
    found = tokens.find(token)
    if found is None or FORM_SCOPE not in found.scopes:
        return _answer(None, error=_("This form is switched off. Please tell the shop."), status=404)
    if _sender() != found.origin:
        return _answer(None, error=_("This form belongs to another site. Please tell the shop."), status=403)
    if request.form.get(TRAP):
        return _answer(found)  # a program filled the form: it learns nothing
    tokens.note_use(found)
    try:
        return _answer(found, number=_place(found))
    except Refused as refusal:
        db.session.rollback()
        return _answer(found, error=str(refusal), status=422)


def _sender() -> str:
    """The site that the form stands on, as the browser says; it can't be forged from another page."""
    return request.headers.get("Origin") or origin_of(request.headers.get("Referer", ""))


def _place(token: Any) -> str:
    """Make the order; its number. Raises Refused."""
    values, lines = _values(), _lines()
    form = repr(sorted((name, request.form.getlist(name)) for name in request.form)).encode()
    key = f"form:{int(time.time()) // TWICE_SECONDS}:{once.fingerprint(form)}"
    for left in reversed(range(placing.TRIES)):
        try:
            if (known := once.reserve(token.id, key, once.fingerprint(form))) is not None:
                return str(known.answer["number"])
            order = placing.place(values, lines, token, Actor("webhook", token.name), text.ZONE)
        except placing.Taken:
            if left:
                continue
            raise Refused(_("Please send the form once more.")) from None
        except wire.Unfit:  # of all rules, a form can break those of size alone
            raise Refused(_("The order is too large. Please call the shop.")) from None
        once.settle(token.id, key, 201, {"number": order.number})
        wake.changed()
        db.session.commit()
        return order.number
    raise AssertionError("unreachable")


def _values() -> dict[str, Any]:
    values = {column: _typed(name, longest) for name, (column, longest) in FIELDS.items()}
    if name := _typed("name", 240):
        values["last_name"], _space, values["first_name"] = (part[:120] for part in name.partition(" "))
    phone = phones.to_e164(_typed("phone", 40), _typed("country", 2).upper() or "UA")
    if not phone:
        raise Refused(_("Write your phone number, with the code of the country."))
    if not (values["last_name"] or values["first_name"]):
        raise Refused(_("Write your name."))
    values |= {"phone": phone, "email": _typed("email", 254)}
    return values


def _typed(name: str, longest: int) -> str:
    given = request.form.get(name, "").replace("\r\n", "\n").replace("\0", "").strip()
    return given.encode("utf-8", "replace").decode()[:longest]


def _lines() -> list[dict[str, Any]]:
    """What is ordered, at the catalogue's price: what a page says of prices is nobody's word."""
    skus, quantities = request.form.getlist("sku"), request.form.getlist("quantity")
    found = []
    for i, sku in enumerate(skus[:MOST_LINES]):
        asked = quantities[i] if i < len(quantities) else "1"
        quantity = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0
        if not sku or not quantity:
            continue
        product = placing.product(sku.replace("\0", "")[:100])
        if product is None or not product.active:
            raise Refused(_("This product is not sold any more. Please choose another one."))
        line = {"product_id": product.id, "sku": product.sku, "name": product.name, "weight": product.weight}
        found.append({**line, "price": product.price, "quantity": Decimal(quantity)})
    return found


def _answer(token: Any, number: str = "", error: str = "", status: int = 200) -> Response:
    """Back to the shop's page, or a page of ours; JSON for scripts of the same site."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        response = jsonify({"number": number} if not error else {"error": error})
        response.status_code = status if error else 201
    elif error:
        response = Response(render_template("api/form_refused.html", error=error), status)
    elif token.return_url:
        response = redirect(token.return_url, 303)  # type: ignore[assignment]  # werkzeug's class, as good
    else:
        response = Response(render_template("api/form_done.html", number=number))
    if token is not None:
        response.headers["Access-Control-Allow-Origin"] = token.origin
    response.vary.update(("Origin", "Accept"))
    return response
