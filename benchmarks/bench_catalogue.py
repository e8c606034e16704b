"""Goals 13, 15, 16: price lists written and read, against plain strings and an iterparse that checks nothing.

`python -m benchmarks.bench_catalogue [OFFERS]`. Memory is the peak of a process of its own, over its start; goal 15 is
its ratio between three times as many offers and these. lxml and yandex-market-language, which the goals name, too, are
not among our packages: see the table of peers in docs/performance.md for what they did once.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from defusedxml import ElementTree

from catalogue import feeds
from integrations.yml import Reader

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = feeds.Shop("Shop")
ROUNDS = 3
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


def quickest(*ways: Callable[[], Any]) -> list[float]:
    """CPU seconds of each, the best of some rounds that take turns."""
    found = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            began = time.process_time()
            way()
            found[at] = min(found[at], time.process_time() - began)
    return found


def iterparsed(body: bytes) -> None:
    for _event, element in ElementTree.iterparse(io.BytesIO(body)):
        if element.tag == "offer":
            {child.tag: child.text for child in element}
            element.clear()


def read(pieces: Any) -> int:
    return sum(len(page.products) for page in Reader("uk").pages(pieces))


def peak() -> float:
    """MiB, at most, of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def alone(n: int) -> float:
    """MiB of growth while n offers are written and read at once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bench_catalogue", "--alone", str(n)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--alone"]:
        start = peak()
        read(feeds.written(SHOP, NOW, [(2, None, "Взуття")], offers(int(arguments[1]))))
        print(peak() - start)
        return 0
    n = int(arguments[0]) if arguments else 100_000
    ready = list(offers(min(n, 20_000)))
    body = b"".join(feeds.written(SHOP, NOW, [(2, None, "Взуття")], ready))
    pieces = [body[i : i + 65_536] for i in range(0, len(body), 65_536)]
    strings, ours = quickest(lambda: [plain(one) for one in ready], lambda: [feeds.offer(one) for one in ready])
    print(f"13  YML written against plain strings: {strings / ours:.2f} (A 0.7, B 0.9); {len(ready) / ours:,.0f}/s")
    parsed, checked = quickest(lambda: iterparsed(body), lambda: read(pieces))
    print(f"16  YML read against defusedxml: {parsed / checked:.2f} (A 0.7, B 1.0); {len(ready) / checked:,.0f}/s")
    small, large = alone(n), alone(3 * n)
    print(f"15  growth at {3 * n:,} against {n:,} offers: {large:.1f} / {small:.1f} MiB (A 1.1 x and 96 MiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
