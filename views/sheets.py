"""Packing slips and address labels drawn as PDF. A slip says what goes into the parcel, a label where it goes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import segno
from flask_babel import gettext as _
from reportlab import rl_config
from reportlab.lib.pagesizes import A4, A6
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from models import Order, OrderLine
from orders import papers

from . import text

SIZES = {"a6": A6, "a4": A4}
KINDS = ("slip", "label")
FONTS = Path(__file__).resolve().parent.parent / "ops" / "fonts" / "dejavu"
rl_config.useA85 = 0  # no letters instead of bytes: mail from the nineties is not where these files go
PLAIN, BOLD = "DejaVu", "DejaVu-Bold"


@lru_cache(maxsize=1)
def _load_fonts() -> None:
    pdfmetrics.registerFont(TTFont(PLAIN, str(FONTS / "DejaVuSansCondensed.ttf")))
    pdfmetrics.registerFont(TTFont(BOLD, str(FONTS / "DejaVuSansCondensed-Bold.ttf")))


def draw(kind: str, size: str, orders: Sequence[Order], addresses: dict[int, str]) -> bytes:
    """The PDF. `addresses`: order id -> address of its card, for the QR code."""
    _load_fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=SIZES[size], pageCompression=1)
    canvas.setTitle(_("Address labels") if kind == "label" else _("Packing slips"))
    canvas.setCreator("Perron")
    for order in orders:
        sheet = _Sheet(canvas, SIZES[size], large=size == "a4")
        (_label if kind == "label" else _slip)(sheet, order, addresses[order.id])
        canvas.showPage()
    canvas.save()
    return out.getvalue()


class _Sheet:
    """A page that is written from the top down. Sizes in points."""

    def __init__(self, canvas: Canvas, size: tuple[float, float], large: bool) -> None:
        self.canvas = canvas
        self.width, self.height = size
        self.margin = (16 if large else 6) * mm
        self.base = 11.0 if large else 8.5
        self.y = self.height - self.margin
        self.page = 1

    @property
    def left(self) -> float:
        return self.margin

    @property
    def right(self) -> float:
        return self.width - self.margin

    def write(self, words: str, scale: float = 1.0, bold: bool = False, width: float = 0, most: int = 4) -> None:
        """A paragraph, wrapped to `width` (default: the sheet's); no more than `most` lines."""
        size, font = self.base * scale, BOLD if bold else PLAIN
        for line in wrapped(words, font, size, width or self.right - self.left, most):
            self.y -= size * 1.25
            self.canvas.setFont(font, size)
            self.canvas.drawString(self.left, self.y, line)

    def at_right(self, words: str, bold: bool = False, scale: float = 1.0) -> None:
        """At the end of the line that was written last."""
        self.canvas.setFont(BOLD if bold else PLAIN, self.base * scale)
        self.canvas.drawRightString(self.right, self.y, words)

    def gap(self, part: float = 0.6) -> None:
        self.y -= self.base * part

    def rule(self) -> None:
        self.gap(0.5)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(self.left, self.y, self.right, self.y)

    def has_room(self, lines: float) -> bool:
        return self.y - lines * self.base * 1.25 > self.margin

    def turn(self) -> None:
        self.canvas.showPage()
        self.page += 1
        self.y = self.height - self.margin

    def code(self, address: str, side: float) -> None:
        """The QR code in the upper right corner."""
        matrix = segno.make(address, error="m", micro=False, mask=2).matrix  # any mask reads; the best takes long
        step = side / len(matrix)
        x, top = self.right - side, self.height - self.margin
        for n, row in enumerate(matrix):
            for start, length in _runs(row):
                self.canvas.rect(x + start * step, top - (n + 1) * step, length * step, step * 1.02, stroke=0, fill=1)


def _runs(row: Any) -> list[tuple[int, int]]:
    """(start, length) of what is dark: fewer, wider bars instead of squares."""
    found: list[tuple[int, int]] = []
    for place, dark in enumerate(row):
        if not dark:
            continue
        if found and sum(found[-1]) == place:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((place, 1))
    return found


def wrapped(words: str, font: str, size: float, width: float, most: int) -> list[str]:
    """Lines that fit; a word longer than a line is broken, what is too much ends in …"""
    lines: list[str] = [""]
    for word in " ".join(words.split()).split(" "):
        whole = f"{lines[-1]} {word}".strip()
        if pdfmetrics.stringWidth(whole, font, size) <= width:
            lines[-1] = whole
            continue
        *full, rest = _broken(word, font, size, width)
        lines += [*full, rest] if lines[-1] else []
        if not lines[0]:
            lines = [*full, rest]
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][:-1]}…"]
    return lines


def _broken(word: str, font: str, size: float, width: float) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and pdfmetrics.stringWidth(parts[-1] + letter, font, size) > width:
            parts.append("")
        parts[-1] += letter
    return parts


def _label(sheet: _Sheet, order: Order, address: str) -> None:
    """Recipient large, sender small; what is to be collected where the courier looks."""
    side = (42 if sheet.base > 10 else 26) * mm
    beside = sheet.right - sheet.left - side - 3 * mm
    sheet.code(address, side)
    sheet.write(text.translated(order.shop.name) if order.shop else "", 0.95, width=beside, most=2)
    sheet.write(_("Order %(number)s", number=order.number), 1.15, bold=True, width=beside, most=2)
    if order.delivery_method:
        sheet.write(text.translated(order.delivery_method.name), width=beside, most=2)
    if order.ttn:
        sheet.write(order.ttn, 1.3, bold=True, width=beside, most=2)
    sheet.y = min(sheet.y, sheet.height - sheet.margin - side)
    sheet.rule()
    sheet.gap()
    sheet.write(_("Recipient"), 0.9)
    sheet.write(order.recipient or "—", 1.7, bold=True, most=3)
    sheet.write(text.phone(order.phone), 1.5)
    sheet.gap()
    for n, line in enumerate(papers.address(order)):
        sheet.write(line, 1.45 if n < 2 else 1.15, bold=n == 0, most=3)
    sheet.rule()
    sheet.gap()
    collect = text.money(order.cod_amount, order.currency) if order.cod else ""
    sheet.write(_("Collect: %(sum)s", sum=collect) if collect else _("Nothing to collect"), 1.4, bold=bool(collect))
    details = [_("Declared value: %(sum)s", sum=text.money(order.declared_value, order.currency))]
    if order.weight:
        details.append(_("Weight: %(grams)s g", grams=text.number(order.weight)))
    sheet.write(" · ".join(details))


def _slip(sheet: _Sheet, order: Order, address: str) -> None:
    """What goes into the parcel, to tick off, with the sums."""
    side = (34 if sheet.base > 10 else 20) * mm
    beside = sheet.right - sheet.left - side - 3 * mm
    sheet.code(address, side)
    sheet.write(_("Order %(number)s", number=order.number), 1.5, bold=True, width=beside, most=2)
    shop = text.translated(order.shop.name) if order.shop else ""
    sheet.write(" · ".join(part for part in (shop, text.day(order.placed_at)) if part), width=beside, most=2)
    sheet.write(" ".join((order.recipient, text.phone(order.phone))), width=beside, most=2)
    sheet.write(", ".join(papers.address(order)), width=beside, most=3)
    sheet.y = min(sheet.y, sheet.height - sheet.margin - side)
    sheet.rule()
    for line in order.lines:
        _slip_line(sheet, line, order)
    sheet.rule()
    if not sheet.has_room(6):
        sheet.turn()
    _sums(sheet, order)
    if order.customer_comment:
        sheet.gap()
        sheet.write(order.customer_comment, most=5)


def _slip_line(sheet: _Sheet, line: OrderLine, order: Order) -> None:
    if not sheet.has_room(3):
        sheet.turn()
        sheet.write(_("Order %(number)s, page %(page)s", number=order.number, page=sheet.page), bold=True)
        sheet.rule()
    sheet.gap(0.35)
    box, top = sheet.base * 0.95, sheet.y - sheet.base * 1.2
    sheet.canvas.rect(sheet.left, top, box, box, stroke=1, fill=0)
    margin, sheet.margin = sheet.margin, sheet.margin + box * 1.6
    name = wrapped(line.name, PLAIN, sheet.base, (sheet.width - 2 * margin) * 0.64, 3)
    amount = f"{text.number(line.quantity.normalize())} × {text.money(line.price, order.currency)}"
    for n, words in enumerate(name):
        sheet.write(words)
        if n == 0:
            sheet.canvas.setFont(BOLD, sheet.base)
            sheet.canvas.drawRightString(sheet.width - margin, sheet.y, amount)
    if line.sku:
        sheet.write(line.sku, 0.85)
    sheet.margin = margin


def _sums(sheet: _Sheet, order: Order) -> None:
    rows = [(_("Goods"), order.goods_total)]
    if order.discount:
        rows.append((_("Discount"), -order.discount))
    if order.delivery_cost:
        rows.append((_("Delivery"), order.delivery_cost))
    for name, amount in rows:
        sheet.write(name)
        sheet.at_right(text.money(amount, order.currency))
    sheet.write(_("Total"), 1.2, bold=True)
    sheet.at_right(text.money(order.total, order.currency), bold=True, scale=1.2)
    if order.payment_method:
        sheet.write(_("Payment: %(method)s", method=text.translated(order.payment_method.name)))
    if order.cod:
        sheet.write(_("Collect: %(sum)s", sum=text.money(order.cod_amount, order.currency)), bold=True)
    elif order.paid:
        sheet.write(_("Paid"), bold=True)
