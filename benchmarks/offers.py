"""Invented offers of a price list; run as a program it writes and reads so many of them and tells the memory it took.

A module of its own, so that its process holds nothing that has no part in that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from catalogue import feeds
from integrations.yml import Reader

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = feeds.Shop("Shop")
CATEGORIES = [(2, None, "Взуття")]
DESCRIPTION = "Зручні кросівки для бігу по асфальту і не тільки. Розмір і колір на вибір, доставка по всій країні. " * 2


def offers(n: int) -> Iterator[dict[str, Any]]:
    for i in range(n):
        yield {
            "id": i, "sku": f"SKU-{i}", "name": f"Кросівки & шнурки {i}", "price": Decimal(f"{i % 900 + 10}.50"),
            "old_price": Decimal(i % 900 + 99), "currency": "UAH", "quantity": i % 20, "category_id": 2,
            "barcode": f"48200000{i:05}", "brand": "Фірма", "url": f"https://shop.example/p/{i}", "weight": "0.75",
            "dimensions": "30/20/12.5", "description": DESCRIPTION, "options": {"Колір": "синій", "Розмір": "42"},
            "pictures": [f"https://shop.example/i/{i}-1.jpg", f"https://shop.example/i/{i}-2.jpg"],
        }  # fmt: skip


def plain(one: dict[str, Any]) -> str:
    """The same offer with nothing asked: what strings and `escape` cost."""
    e = escape
    pictures = "".join([f"<picture>{e(url)}</picture>" for url in one["pictures"]])
    params = "".join([f'<param name="{e(k)}">{e(v)}</param>' for k, v in one["options"].items()])
    return (
        f'<offer id="{one["id"]}" available="true"><price>{one["price"]}</price><oldprice>{one["old_price"]}</oldprice>'
        f"<currencyId>{one['currency']}</currencyId><categoryId>{one['category_id']}</categoryId>{pictures}"
        f"<name>{e(one['name'])}</name><vendor>{e(one['brand'])}</vendor><vendorCode>{e(one['sku'])}</vendorCode>"
        f"<barcode>{e(one['barcode'])}</barcode><url>{e(one['url'])}</url><weight>{one['weight']}</weight>"
        f"<dimensions>{one['dimensions']}</dimensions><stock_quantity>{one['quantity']}</stock_quantity>"
        f"<description>{e(one['description'])}</description>{params}</offer>\n"
    )


def read(pieces: Any) -> int:
    return sum(len(page.products) for page in Reader("uk").pages(pieces))


def peak() -> float:
    """MiB, at most, of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


if __name__ == "__main__":
    began_at = peak()
    read(feeds.written(SHOP, NOW, CATEGORIES, offers(int(sys.argv[1]))))
    print(peak() - began_at, peak())
