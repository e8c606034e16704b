"""Price lists by link: what the shared suite needs to know, and what files of other people's may be like."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Refused
from integrations.yml import LONGEST, MOST_CATEGORIES, NO_ID, NO_NAME, NO_PRICE, NotYml, Reader, unpacked

from .suite import Vendor, canned


def _page(connection: Any, sandbox: Any) -> tuple[set[str], set[str]]:
    sandbox.size(1203)
    pages = list(connection.products())
    assert len(pages) > 2
    return {str(n) for n in range(1, 1204)}, {one.external_id for page in pages for one in page.products}


ONLY_READ = "A file at a link: nothing is written to it."
VENDOR = Vendor(
    key="price_list",
    settings={"login": "shop", "password": "sandbox-token", "language": "uk"},
    changed={"password": "another", "language": "ru"},
    read=lambda c: list(c.products()),
    write=lambda c: list(c.products(prices_only=True)),
    error=lambda words: words,
    page=_page,
    unknown_status=lambda c: "",
    faults={404: "misconfigured", 409: "duplicate", 500: "unavailable", 502: "unavailable", 504: "unavailable"},
    skips={
        **dict.fromkeys(
            ("created_once", "lost_answer_found", "order_written", "products_made_once", "unreachable_told"), ONLY_READ
        ),
        **dict.fromkeys(("orders_read", "status_unknown", "lists_offered"), "It brings products, no orders."),
        "settings_refused": "Only the link is required: most lists are open to everybody.",
        "garbage_told": "Another file than a price list is a wrong link: see below.",
    },
)


def yml(offers: str, shop: str = "") -> bytes:
    return f"<yml_catalog><shop>{shop}<offers>{offers}</offers></shop></yml_catalog>".encode()


def read(*pieces: bytes, language: str = "") -> tuple[list[Any], list[tuple[str, str]]]:
    pages = list(Reader(language).pages(pieces))
    return [one for page in pages for one in page.products], [one for page in pages for one in page.broken]


def test_everything_that_an_offer_tells() -> None:
    categories = (
        '<categories><category id="1">Одяг</category><category id="7" parentId="1"> Взуття </category></categories>'
    )
    body = yml(
        '<offer id="a-1" available="false" group_id="g"><price>1 250,50</price><oldprice>1300</oldprice>'
        "<currencyId>RUR</currencyId><categoryId>7</categoryId><category>Other words</category><picture>https://a.example/1.jpg</picture>"
        "<picture> </picture><picture>https://a.example/2.jpg</picture><name>Shoes &amp; laces</name>"
        "<name_ua>Взуття</name_ua><vendor>Обрій</vendor>"
        "<vendorCode> S-1 </vendorCode><barcode>4820000000017</barcode><stock_quantity>7</stock_quantity>"
        "<weight>0.75</weight><dimensions>30/20.5/12</dimensions><url>https://a.example/p</url>"
        '<description><![CDATA[<b>Good</b>]]></description><param name="Колір">синій</param></offer>',
        f"<categories>{categories}</categories>",
    )
    (one,), broken = read(body, language="uk")
    assert broken == []
    assert (one.external_id, one.sku, one.name, one.price, one.old_price) == (
        "a-1", "S-1", "Взуття", Decimal("1250.50"), Decimal(1300))  # fmt: skip
    assert (one.currency, one.quantity, one.available, one.category) == ("RUB", Decimal(7), False, "Одяг / Взуття")
    assert (one.brand, one.barcode, one.weight, one.length, one.width, one.height) == (
        "Обрій", "4820000000017", 750, 300, 205, 120)  # fmt: skip
    assert (one.pictures, one.options, one.group) == (
        ("https://a.example/1.jpg", "https://a.example/2.jpg"), {"Колір": "синій"}, "g")  # fmt: skip
    assert one.description == "<b>Good</b>"
    assert read(body)[0][0].name == "Shoes & laces"
    in_pieces = read(*(body[i : i + 7] for i in range(0, len(body), 7)), language="uk")[0]
    assert in_pieces == [one]


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        ("<offer><price>1</price><name>a</name></offer>", NO_ID),
        (f'<offer id="{"9" * 65}"><price>1</price><name>a</name></offer>', NO_ID),
        ('<offer id="1"><price>1</price></offer>', NO_NAME),
        ('<offer id="1"><price>free</price><name>a</name></offer>', NO_PRICE),
        ('<offer id="1"><price>-1</price><name>a</name></offer>', NO_PRICE),
        ('<offer id="1"><name>a</name></offer>', NO_PRICE),
    ],
)
def test_an_offer_that_cannot_be_read_stops_nothing(offer: str, why: str) -> None:
    found, broken = read(
        yml(f'{offer}<offer id="2"><price>5</price><typePrefix>Чохол</typePrefix><model>X</model></offer>')
    )
    assert [one.name for one in found] == ["Чохол X"]
    assert [reason for _, reason in broken] == [why]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>no</body></html>",
        yml("")[:-5],
        b'<!DOCTYPE y [<!ENTITY a "aaa">]>' + yml("<offer id='1'><name>&a;</name></offer>"),
        b'<?xml version="1.0" encoding="martian"?>' + yml(""),
        b"<yml_catalog>" + b"<a>x" * (LONGEST // 4 + 100_000),
        b"\x1f\x8b broken",
        yml("", "".join(f'<category id="{n}"/>' for n in range(MOST_CATEGORIES + 1))),
    ],
    ids=["nothing", "html", "half", "entities", "encoding", "endless", "gzip", "categories"],
)
def test_other_files_are_refused(body: bytes) -> None:
    with pytest.raises(NotYml):
        list(Reader().pages(unpacked([body], 2**30)))
    with canned((200, body)) as server, pytest.raises(Refused, match="misconfigured") as caught:
        list(VENDOR.connect(server.url).products())
    assert caught.value.field == "api_url"


def test_packed_files_and_old_encodings() -> None:
    body = b'<?xml version="1.0" encoding="windows-1251"?>' + yml(
        '<offer id="1"><price>1</price><name>Чашка</name></offer>'
    ).decode().encode("cp1251")
    packed = gzip.compress(body)
    with canned((200, packed)) as server:
        (page,) = VENDOR.connect(server.url, password="").products()
        assert page.products[0].name == "Чашка"
        assert "authorization" not in str(server.requests).lower()
    with pytest.raises(NotYml, match="larger"):
        list(unpacked([gzip.compress(b"0" * 5_000_000)], 1_000_000))
