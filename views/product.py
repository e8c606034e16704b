"""One product: its page (a drawer from the list), its variants, pictures, and what it is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from htmx_flask import request
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from catalogue import categories, editing, matching
from integrations import connectors
from integrations.text import N_
from jobs import wake
from models import Connection, Offer, Product, Shop, db

from . import answers, buy, fragments, products
from .product_list import list_url
from .product_values import InvalidValue, money, quantity
from .text import translated

bp = Blueprint("product", __name__, url_prefix="/catalogue")

MATCHED = {
    "external_id": N_("by their id"),
    "own_id": N_("by our id there"),
    "id": N_("by the product's number"),
    "sku": N_("by SKU"),
    "barcode": N_("by barcode"),
    "name": N_("by name"),
    "hand": N_("by hand"),
    "made": N_("made from this offer"),
}
PICTURES, LONGEST_LINK = 30, 500


def _checks(read: Any) -> Any:
    def check(_form: Any, field: Any) -> None:
        try:
            read(field.data or "")
        except InvalidValue as invalid:
            raise ValidationError(str(invalid)) from None

    return check


def _whole(text: str) -> int:
    found = quantity(text or "0")
    if found is None or found != int(found) or not 0 <= found < 1_000_000_000:
        raise InvalidValue(_("A whole number, please."))
    return int(found)


def _links(text: str) -> list[str]:
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if wrong := next((link for link in found if not link.startswith(("http://", "https://"))), None):
        raise InvalidValue(_("“%(text)s” is no link: it starts with https://", text=wrong[:60]))
    if len(found) > PICTURES or any(len(link) > LONGEST_LINK for link in found):
        raise InvalidValue(
            _("No more than %(n)s links, none longer than %(long)s letters.", n=PICTURES, long=LONGEST_LINK)
        )
    return list(dict.fromkeys(found))


def _options(text: str) -> dict[str, str]:
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if any(not mark or not name.strip() or not value.strip() for name, mark, value in pairs):
        raise InvalidValue(_("One a line, with a colon: Colour: red"))
    return {name.strip()[:100]: value.strip()[:200] for name, _mark, value in pairs}


def _maybe_money(text: str) -> Any:
    return money(text) if text.strip() else None


class ProductForm(FlaskForm):
    """A product as people type it. Numbers stay texts until they are saved: nothing typed is lost."""

    name = StringField(N_("Name"), [InputRequired(), Length(max=300)])
    sku = StringField(N_("SKU"), [InputRequired(), Length(max=100)])
    price = StringField(N_("Price"), [InputRequired(), _checks(money)])
    old_price = StringField(N_("Old price"), [_checks(_maybe_money)])
    currency = StringField(N_("Currency"), [InputRequired(), Length(3, 3)], default="UAH")
    stock = StringField(N_("Stock"), [_checks(quantity)], description=N_("Left empty: not counted."))
    barcode = StringField(N_("Barcode"), [Length(max=64)])
    brand = StringField(N_("Brand"), [Length(max=100)])
    category_id = SelectField(N_("Category"), coerce=int)
    new_category = StringField(
        N_("New category"), [Length(max=250)], description=N_("With “ / ” between its names: Clothes / Coats.")
    )
    weight = StringField(N_("Weight, g"), [_checks(_whole)])
    length = StringField(N_("Length, mm"), [_checks(_whole)])
    width = StringField(N_("Width, mm"), [_checks(_whole)])
    height = StringField(N_("Height, mm"), [_checks(_whole)])
    options = TextAreaField(N_("Properties"), [_checks(_options)], description=N_("One a line, with a colon."))
    pictures = TextAreaField(N_("Pictures"), [_checks(_links)], description=N_("Links, one a line."))
    url = StringField(N_("Page on the site"), [Length(max=500)])
    description = TextAreaField(N_("Description"), [Length(max=20_000)])
    active = BooleanField(N_("Offered when orders are made"), default=True)

    def values(self, product: Product) -> dict[str, Any]:
        plain = ("name", "sku", "barcode", "brand", "url", "description")
        found: dict[str, Any] = {name: (self[name].data or "").strip() for name in plain}
        found |= {name: _whole(self[name].data or "") for name in ("weight", "length", "width", "height")}
        known = {picture["url"]: picture for picture in product.pictures or ()}
        return found | {
            "price": money(self.price.data or ""),
            "old_price": _maybe_money(self.old_price.data or ""),
            "currency": (self.currency.data or "").upper(),
            "stock": quantity(self.stock.data or ""),
            "category_id": self._category(),
            "options": _options(self.options.data or ""),
            "pictures": [known.get(url, {"url": url}) for url in _links(self.pictures.data or "")],
            "active": bool(self.active.data),
        }

    def _category(self) -> int | None:
        path = categories.BETWEEN.join(p.strip() for p in (self.new_category.data or "").split("/") if p.strip())
        return categories.Known().ids([path])[path] if path else self.category_id.data or None


def _form(product: Product | None, **more: Any) -> ProductForm:
    form = ProductForm(data=_shown(product) if product else None, **more)
    form.category_id.choices = [(0, _("No category")), *categories.paths().items()]
    return form


def _shown(product: Product) -> Mapping[str, Any]:
    number = products.plain_number
    found = {name: getattr(product, name) for name in ProductForm.__dict__ if hasattr(Product, name)}
    return found | {
        "price": number(product.price),
        "old_price": number(product.old_price),
        "stock": number(product.stock),
        "options": "\n".join(f"{name}: {value}" for name, value in (product.options or {}).items()),
        "pictures": "\n".join(picture["url"] for picture in product.pictures or ()),
        "category_id": product.category_id or 0,
        **{name: str(getattr(product, name) or "") for name in ("weight", "length", "width", "height")},
    }


@bp.get("/products/new")
def new() -> Any:
    if not current_user.can_edit:
        abort(403)
    return _page(_form(None, formdata=None), None)


@bp.post("/products/new")
def create() -> Any:
    form = _form(None)
    product = Product()
    if not _saved(form, product):
        return _page(form, None, 422)
    flash(_("%(name)s is in the catalogue.", name=product.name), "ok")
    return redirect(url_for("product.show", product_id=product.id), 303)


@bp.get("/products/<int:product_id>")
def show(product_id: int) -> Any:
    product = db.get_or_404(Product, product_id)
    return _page(_form(product, formdata=None), product)


@bp.post("/products/<int:product_id>")
def save(product_id: int) -> Any:
    product = db.get_or_404(Product, product_id)
    form = _form(product)
    if not _saved(form, product):
        return _page(form, product, 422)
    if not request.htmx:
        flash(_("Saved."), "ok")
        return redirect(url_for("product.show", product_id=product_id), 303)
    answer = _page(_form(product, formdata=None), product)
    return answers.trigger(answer, **answers.toast(_("Saved.")))


def _saved(form: ProductForm, product: Product) -> bool:
    if not form.validate():
        return False
    try:
        editing.put(product, form.values(product))
        db.session.commit()
    except editing.Taken:
        db.session.rollback()
        form.sku.errors = [_("Another product has this SKU.")]
        return False
    return True


def _page(form: ProductForm, product: Product | None, status: int = 200) -> Any:
    names = dict(db.session.execute(db.select(Connection.id, Connection.name)).all())
    answer = fragments.render(
        "catalogue/product.html",
        "catalogue/_product.html",
        form=form,
        product=product,
        variants=editing.variants_of(product) if product else [],
        offers=editing.offers_of(product.id) if product else [],
        names=names,
        matched=MATCHED,
        row=products.render_row(product.id, oob=True) if product and fragments.wanted() else "",
        checking=False,
        back=list_url(),
        buy_links=_buy_links(product) if product else [],
        connectors=connectors(),
    )
    answer.status_code = 200 if status == 422 and fragments.wanted() else status
    return answer


def _buy_links(product: Product) -> list[tuple[str, str]]:
    """(shop, link) of the shops that sell by link, if the product can be sold."""
    shops = db.session.scalars(db.select(Shop).where(Shop.buy_key.is_not(None), Shop.active).order_by(Shop.position))
    for_sale = product.active and product.price > 0
    return [(translated(shop.name), buy.address(shop, product.sku)) for shop in shops] if for_sale else []


@bp.post("/products/<int:product_id>/pictures")
def check_pictures(product_id: int) -> Any:
    """Have a job look at each picture: is it there, how large is it?"""
    product = db.get_or_404(Product, product_id)
    product.pictures = [{"url": picture["url"]} for picture in product.pictures or ()]
    wake.soon("pictures", product_id)
    db.session.commit()
    if request.htmx:
        return render_template("catalogue/_pictures.html", product=product, checking=True)
    return redirect(url_for("product.show", product_id=product_id), 303)


@bp.get("/products/<int:product_id>/pictures")
def pictures(product_id: int) -> Any:
    product = db.get_or_404(Product, product_id)
    waiting = any("width" not in one and "fault" not in one for one in product.pictures)
    return render_template("catalogue/_pictures.html", product=product, checking=waiting)


@bp.post("/offers/<int:offer_id>/product")
def match(offer_id: int) -> Any:
    """A person says which product an offer is; an empty SKU: none of ours."""
    offer = db.get_or_404(Offer, offer_id)
    sku = request.form.get("sku", "").strip()
    product = editing.by_sku(sku) if sku else None
    back = fragments.came_from(list_url())
    if sku and product is None:
        flash(_("No product has the SKU “%(sku)s”.", sku=sku[:100]), "warn")
        return redirect(back, 303)
    matching.by_hand(offer, product)
    db.session.commit()
    said = _("%(offer)s is %(product)s now.", offer=offer.name, product=product.name) if product else ""
    flash(said or _("%(offer)s is none of our products now.", offer=offer.name), "ok")
    return redirect(back, 303)
