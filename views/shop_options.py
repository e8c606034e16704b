"""Settings of one shop: what its parcels measure, and its "Buy" links."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import RadioField

from integrations.text import N_
from models import Shop, db
from orders import buying, parcels

from . import buy, text
from .order_fields import NumberField, WholeField

bp = Blueprint("shop_options", __name__, url_prefix="/settings/shops")
PARCELS = {
    "": N_("As typed: the fields stay empty until somebody fills them in"),
    "fixed": N_("The usual parcel: a new order starts with its sizes"),
    "products": N_("Counted from the products: the sizes follow the lines, like the weight"),
}
HEAVIEST, LONGEST = 1_000_000, 10_000


class ParcelForm(FlaskForm):
    parcel = RadioField(N_("Sizes of parcels"), choices=PARCELS, default="", validate_choice=False)
    parcel_weight = WholeField(N_("Weight, g"), top=HEAVIEST)
    parcel_length = NumberField(N_("Length, cm"), places=1, top=LONGEST, scale=10)
    parcel_width = NumberField(N_("Width, cm"), places=1, top=LONGEST, scale=10)
    parcel_height = NumberField(N_("Height, cm"), places=1, top=LONGEST, scale=10)


@bp.get("/<int:shop_id>")
def show(shop_id: int) -> str:
    shop = _shop(shop_id)
    return _page(shop, ParcelForm(formdata=None, obj=shop))


@bp.post("/<int:shop_id>/parcels")
def save(shop_id: int) -> Any:
    shop, form = _shop(shop_id), ParcelForm()
    if not form.validate() or form.parcel.data not in PARCELS:
        return _page(shop, form), 422
    shop.parcel = form.parcel.data
    for field in (form.parcel_weight, form.parcel_length, form.parcel_width, form.parcel_height):
        setattr(shop, field.name, int(field.data or 0))
    db.session.commit()
    parcels.forget_usual()
    flash(_("The parcels of %(shop)s are saved. Orders that exist stay as they are.", shop=text.translated(shop.name)),
          "success")  # fmt: skip
    return redirect(url_for("shop_options.show", shop_id=shop_id), 303)


@bp.post("/<int:shop_id>/buy")
def links(shop_id: int) -> Any:
    shop = _shop(shop_id)
    buying.switch(shop, request.form.get("on") == "1")
    db.session.commit()
    flash(_("“Buy” links are on.") if shop.buy_key else _("“Buy” links are off: those given out open nothing now."),
          "success")  # fmt: skip
    return redirect(url_for("shop_options.show", shop_id=shop_id), 303)


def _shop(shop_id: int) -> Shop:
    return db.session.get(Shop, shop_id) or abort(404)


def _page(shop: Shop, form: ParcelForm) -> str:
    sku = request.args.get("sku", "").strip()[:100]
    sold = bool(sku and shop.buy_key and buying.find(shop.buy_key, sku))
    pattern = buy.address(shop, "SKU") if shop.buy_key else ""
    link = buy.address(shop, sku) if sold else ""
    return render_template(
        "settings/shop.html", shop=shop, form=form, parcels=PARCELS, sku=sku, pattern=pattern, link=link
    )
