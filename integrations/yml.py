"""Price lists in YML (Yandex Market Language, which Ukrainian marketplaces took over with fields of their own).

Format: https://yandex.ru/support/partnermarketplace/ru/export/yml; Rozetka's and Prom's additions (name_ua,
stock_quantity, quantity_in_stock, old_price) as their pages for sellers describe them. It is somebody else's file:
nothing is fetched, one that declares entities is refused, and only one offer of it is held at a time.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.parsers import expat

from .text import N_
from .types import ProductData, ProductPage

#: offers in a page
PAGE = 500
#: bytes after which an offer has to be over, characters that one of its texts may have
LONGEST = 4 * 2**20
#: categories of one file
MOST_CATEGORIES = 100_000
CURRENCIES = {"RUR": "RUB", "грн": "UAH", "": "UAH"}
NO_ID = N_("the offer has no id, or one of more than 64 letters")
NO_NAME = N_("the offer has no name")
NO_PRICE = N_("the price is no number")
#: what tells how many there are, the surest first
STOCK = ("stock_quantity", "quantity_in_stock", "quantity", "count", "stock")
_PICTURES = 30
_OPTIONS = 60


class NotYml(Exception):
    """The file is none that can be read; says why."""


class _Offer:
    """The one that is being read."""

    __slots__ = ("attributes", "category", "fields", "inside", "options", "param", "pictures")

    def __init__(self) -> None:
        self.inside, self.param = False, ""
        self.attributes: dict[str, str] = {}
        self.category: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.pictures: list[str] = []
        self.options: dict[str, str] = {}

    def begin(self, given: dict[str, str]) -> None:
        self.end()
        self.inside, self.attributes = True, given

    def end(self) -> None:
        self.inside = False
        self.fields.clear()
        self.pictures.clear()
        self.options.clear()

    def begin_category(self, given: dict[str, str]) -> None:
        self.category = given

    def name_option(self, given: dict[str, str]) -> None:
        self.param = given.get("name", "")

    def add_picture(self, text: str) -> None:
        self.pictures.append(text)

    def add_option(self, text: str) -> None:
        self.options[self.param] = text


@dataclass
class Reader:
    """Takes a file in pieces and gives pages. `language`: of names and descriptions that come in two."""

    language: str = ""
    categories: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> (name, parent's id)
    found: list[ProductData] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    _paths: dict[str, str] = field(default_factory=dict)
    _root: str = ""
    _since: int = 0

    def pages(self, pieces: Iterable[bytes]) -> Iterator[ProductPage]:
        """Raises NotYml for what is no YML, or ends in its middle."""
        parser = self._parser()
        for piece in pieces:
            for start in range(0, len(piece), 65_536):
                self._feed(parser, piece[start : start + 65_536])
                if len(self.found) + len(self.broken) >= PAGE:
                    yield self._page()
        self._feed(parser, b"", True)
        if self._root != "yml_catalog":
            raise NotYml(f"no YML: it begins with <{self._root[:40]}>")
        yield self._page()

    def _page(self) -> ProductPage:
        page = ProductPage(tuple(self.found), None, tuple(self.broken))
        self.found, self.broken = [], []
        return page

    def _feed(self, parser: Any, piece: bytes, last: bool = False) -> None:
        try:
            parser.Parse(piece, last)
        except expat.ExpatError as error:
            raise NotYml(f"no YML, or only a part of it: {error}") from None
        except (LookupError, ValueError) as error:  # an encoding that nobody knows
            raise NotYml(f"no YML: {error}") from None
        self._since += len(piece)
        if self._since > LONGEST:
            raise NotYml("no YML: one of its parts never ends")

    def _parser(self) -> Any:
        """What a tag costs is paid some twenty times an offer: its handlers are two small closures over local names."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.EntityDeclHandler = _no_entities
        texts: list[str] = []
        now = _Offer()
        fields, starts = now.fields, {"offer": now.begin, "param": now.name_option, "category": now.begin_category}
        ends: dict[str, Callable[[_Offer, str], None]] = {"offer": self._take, "category": self._category}
        ends |= {"picture": _Offer.add_picture, "param": _Offer.add_option}

        def start(tag: str, given: dict[str, str]) -> None:
            texts.clear()
            if begun := starts.get(tag):
                begun(given)
            elif not self._root:
                self._root = tag

        def end(tag: str) -> None:
            if done := ends.get(tag):
                done(now, "".join(texts))
            else:
                fields[tag] = "".join(texts)
            texts.clear()

        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = texts.append
        return parser

    def _category(self, now: _Offer, name: str) -> None:
        self._since = 0
        if now.inside:
            return
        if len(self.categories) >= MOST_CATEGORIES:
            raise NotYml(f"more than {MOST_CATEGORIES} categories")
        given = now.category
        self.categories[given.get("id", "")] = (" ".join(name.split())[:200], given.get("parentId", ""))

    def _take(self, now: _Offer, _text: str) -> None:
        self._since = 0
        identity, fields = now.attributes.get("id", "").strip(), now.fields
        name, price = _name(fields, self.language), number(fields.get("price", ""))
        if problem := _problem(identity, name, price):
            self.broken.append((identity[:64] or fields.get("vendorCode", "")[:64], problem))
        else:
            path = self.path(fields.get("categoryId", "").strip())
            self.found.append(offer(now, name, price or Decimal(0), path, self.language))
        now.end()

    def path(self, category: str) -> str:
        """The names from the top down to this category, " / " between them; "" for one the file doesn't name."""
        known = self._paths.get(category)
        if known is None:
            names: list[str] = []
            at = category
            while at in self.categories and len(names) < 12:  # parents that run in a circle have to end, too
                name, at = self.categories[at]
                names.insert(0, name.replace(" / ", "/"))
            known = self._paths[category] = " / ".join(names)[:300]
        return known


def _no_entities(*_declared: Any) -> None:
    raise NotYml("no YML: it declares entities of its own")


def _problem(identity: str, name: str, price: Decimal | None) -> str:
    """Why this offer can't be read; "" when it can."""
    if not identity or len(identity) > 64:
        return NO_ID
    if not name:
        return NO_NAME
    return NO_PRICE if price is None else ""


def number(text: str) -> Decimal | None:
    """A positive number as price lists write it: 1250, 1 250,00, 1250.5; None for anything else."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        try:
            found = Decimal(text.replace("\xa0", "").replace(" ", "").replace(",", "."))
        except InvalidOperation:
            return None
    return found if found.is_finite() and 0 <= found < 10_000_000_000 else None


def _name(fields: dict[str, str], language: str) -> str:
    words = (language == "uk" and fields.get("name_ua")) or fields.get("name") or fields.get("name_ua")
    if not words and fields.get("model"):  # a "vendor.model" offer has its name in parts
        words = " ".join(fields.get(part, "") for part in ("typePrefix", "vendor", "model"))
    return " ".join(words.split())[:300] if words else ""


def offer(now: _Offer, name: str, price: Decimal, path: str, language: str = "") -> ProductData:
    """An offer without a problem. `path`: of its category."""
    fields, attributes, options = now.fields, now.attributes, now.options
    get = fields.get
    currency = get("currencyId", "").strip()
    length, width, height = _sizes(get("dimensions", ""))
    old = get("oldprice") or get("old_price") or get("price_old")
    words = get("description", "") if language != "uk" else get("description_ua") or get("description", "")
    return ProductData(
        sku=(get("vendorCode") or get("article") or get("shop-sku") or "").strip()[:100],
        name=name,
        price=price,
        weight=_grams(get("weight", "")),
        external_id=attributes["id"].strip(),
        barcode=get("barcode", "").strip()[:64],
        old_price=number(old) if old else None,
        currency=CURRENCIES.get(currency, currency)[:3].upper(),
        quantity=_quantity(fields),
        available=attributes.get("available", get("available", "true")).strip() != "false",
        category=path,
        brand=get("vendor", "").strip()[:100],
        description=words.strip()[:20_000],
        url=get("url", "").strip()[:500],
        pictures=tuple([p.strip()[:500] for p in now.pictures[:_PICTURES] if p.strip()]),
        group=attributes.get("group_id", "")[:64],
        options={k[:100]: v.strip()[:200] for k, v in list(options.items())[:_OPTIONS] if k} if options else {},
        length=length,
        width=width,
        height=height,
    )


def _quantity(fields: dict[str, str]) -> Decimal | None:
    for key in STOCK:
        if key in fields and (found := number(fields[key])) is not None:
            return found
    return None


def _grams(text: str) -> int:
    found = number(text) if text else None
    return int(found * 1000) if found is not None and found < 100_000 else 0


def _sizes(text: str) -> tuple[int, int, int]:
    """ "65.5/55.7/22.0" centimetres, length/width/height, as millimetres."""
    found = [number(part) for part in text.split("/")] if text else []
    if len(found) != 3 or None in found:
        return 0, 0, 0
    length, width, height = (min(int((side or 0) * 10), 100_000) for side in found)
    return length, width, height


def unpacked(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The same pieces, unpacked where they are a .gz file. Raises NotYml when more than `limit` bytes come of it."""
    decoder: Any = None
    first, size = True, 0
    for piece in pieces:
        if first:
            decoder = zlib.decompressobj(31) if piece[:2] == b"\x1f\x8b" else None
            piece = piece.removeprefix(codecs.BOM_UTF8)
            first = False
        while piece:
            try:
                part = decoder.decompress(piece, 2**20) if decoder else piece
            except zlib.error as error:
                raise NotYml(f"the packed file is damaged: {error}") from None
            piece = decoder.unconsumed_tail if decoder else b""
            size += len(part)
            if size > limit:
                raise NotYml(f"the price list is larger than {limit // 2**20} MiB")
            yield part
