"""Labels and packing slips: real PDF files, Cyrillic in them, a page an order."""

from __future__ import annotations

import io
import re
import zlib
from decimal import Decimal

import pytest

from models import Order, db
from orders import papers
from tests.orders import build
from views import sheets

from .helpers import login

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LONG = "Ш" * 60


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def letters(pdf: bytes) -> str:
    """All letters that the file's fonts map their glyphs to."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            body = zlib.decompress(match[1])
        except zlib.error:
            continue
        if b"beginbfrange" in body or b"beginbfchar" in body:
            found += [chr(int(code, 16)) for code in re.findall(rb"<([0-9A-Fa-f]{4})>", body)]
    return "".join(found)


def orders(n: int, **values) -> list[int]:
    lines = [
        {"sku": f"SKU-{i}", "name": f"Чохол {LONG} {i}", "price": Decimal(100), "quantity": Decimal("1.5")}
        for i in range(40)
    ]
    blank = {"last_name": LONG, "city": "Київ", "pickup_address": "Відділення №5", "cod": True, "cod_amount": 10**7,
             "phone": "+380671112233", "ttn": "20450000000000", "customer_comment": "Подзвоніть " * 90}  # fmt: skip
    return build.make(*({"number": f"P-{i}", **blank, **values} for i in range(n)), lines=lines)


@pytest.mark.parametrize("size", sheets.SIZES)
@pytest.mark.parametrize("kind", sheets.KINDS)
@sqlite_only
def test_each_paper_is_a_pdf_with_cyrillic(app, client, kind, size):
    login(client)
    with app.app_context():
        made = orders(3)
    answer = client.get(f"/orders/print/{kind}/{size}?ids={','.join(map(str, made))}")
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert pages(answer.data) == 3 if kind == "label" else pages(answer.data) >= 6  # 40 lines don't fit on one page
    assert "Ш" in letters(answer.data)
    width = float(re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+)", answer.data)[1])
    assert round(width) == round(sheets.SIZES[size][0])


@sqlite_only
def test_what_can_not_be_printed_is_said(app, client):
    login(client)
    assert client.get("/orders/print/label/a7?ids=1").status_code == 404
    assert client.get("/orders/print/poster/a6?ids=1").status_code == 404
    assert client.get("/orders/print/label/a6?ids=999").location == "/orders"
    many = ",".join(str(i) for i in range(1, papers.MOST + 2))
    assert client.get(f"/orders/print/label/a6?ids={many}").location == "/orders"


def test_the_chosen_orders_of_the_list_are_printed(app, client):
    login(client)
    with app.app_context():
        made = orders(
            2,
            street="Садова",
            house="1",
            pickup_address="",
            cod=False,
            paid=True,
            discount=Decimal(5),
            delivery_cost=Decimal(50),
        )
        assert [o.id for o in papers.of([made[1], made[0], 10**9])] == [made[1], made[0]]
        assert papers.address(db.session.get(Order, made[0])) == ["Київ", "Садова, 1"]
    answer = client.post("/orders/print/slip/a4", data={"ids": made})
    assert io.BytesIO(answer.data).read(5) == b"%PDF-"
    page = client.get("/orders?status=all").text
    assert "/orders/print/label/a6" in page


def test_words_are_wrapped_broken_and_cut():
    sheets._load_fonts()
    lines = sheets.wrapped(f"один {LONG} два", sheets.PLAIN, 10, 100, 9)
    assert lines[0] == "один"
    assert "".join(lines).replace(" ", "") == f"один{LONG}два"
    assert sheets.wrapped(LONG, sheets.PLAIN, 10, 100, 2)[-1].endswith("…")
    assert sheets.wrapped("", sheets.PLAIN, 10, 100, 2) == [""]
