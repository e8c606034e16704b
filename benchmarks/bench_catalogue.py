"""Goals 13 to 16: price lists written and read, against plain strings and parsers that check nothing. And goals 6 and
7 for the catalogue: searching it, against its own first page.

Memory is the peak of a process of its own, over its start. yandex-market-language, which goal 13 names, too, is not
among our packages: it wrote 5,600 offers a second where plain strings wrote 37,600.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from defusedxml import ElementTree
from lxml import etree

from catalogue import feeds
from models import Product, add_rows, db
from orders import creation

from . import pages
from .hub import DATABASES, Hub, Hubs, in_hub
from .offers import CATEGORIES, NOW, SHOP, offers, plain, read
from .report import ANYWHERE, Report
from .timing import best, ms

ROUNDS = 3
#: every how many products have a word that is rare, and one that 8 % have
RARE, COMMON = 20_011, 12


def quickest(*ways: Callable[[], Any]) -> list[float]:
    """CPU seconds of each, the best of some rounds that take turns."""
    found = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            began = time.process_time()
            way()
            found[at] = min(found[at], time.process_time() - began)
    return found


def iterparsed(parser: Any, body: bytes) -> None:
    """Every offer's elements read, nothing checked."""
    for _event, element in parser(io.BytesIO(body)):
        if element.tag == "offer":
            {child.tag: child.text for child in element}
            element.clear()


def alone(n: int) -> tuple[float, float]:
    """MiB of growth while n offers are written and read at once, and at most, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.offers", str(n)]
    growth, most = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(growth), float(most)


def measure(hubs: Hubs, report: Report, n: int) -> None:
    """`n` offers; memory with a third of them and with all."""
    texts(report, min(n, 20_000))
    (small, _), (large, most) = alone(n // 3), alone(n)
    report.add("15a", ANYWHERE, large / small, f"{large:.1f} / {small:.1f} MiB at {n:,} offers")
    report.add("15b", ANYWHERE, most, f"{most:.0f} MiB at {n:,} offers, the interpreter's own included")
    for database in DATABASES:
        from_database(hubs.hub(database, 0), report, n)


def texts(report: Report, n: int) -> None:
    ready = list(offers(n))
    strings, ours = quickest(lambda: [plain(one) for one in ready], lambda: [feeds.offer(one) for one in ready])
    report.add("13", ANYWHERE, strings / ours, f"{n / ours:,.0f} / {n / strings:,.0f} a second")
    body = b"".join(feeds.written(SHOP, NOW, CATEGORIES, ready))
    pieces = [body[i : i + 65_536] for i in range(0, len(body), 65_536)]
    lxml, defused, checked = quickest(
        lambda: iterparsed(etree.iterparse, body),
        lambda: iterparsed(ElementTree.iterparse, body),
        lambda: read(pieces),
    )
    report.add("16a", ANYWHERE, lxml / checked, f"{n / checked:,.0f} / {n / lxml:,.0f} a second")
    report.add("16b", ANYWHERE, defused / checked, f"{n / checked:,.0f} / {n / defused:,.0f} a second")


def from_database(hub: Hub, report: Report, n: int) -> None:
    """The products read and written out, against the same offers as plain strings, ready made."""
    ready = list(offers(min(n, 20_000)))
    with in_hub(hub):
        for start in range(0, n, 1000):
            add_rows(Product, [product(start + i, one) for i, one in enumerate(ready[:1000])])
        db.session.execute(db.text("ANALYZE products"))
        db.session.commit()
        hub.clock.refresh()
        ours = min(hub.clock.time(lambda: deque(feeds.of_catalogue(SHOP, NOW), 0)) for _ in range(ROUNDS)) / n
        strings = quickest(lambda: [plain(one) for one in ready])[0] / len(ready)
    report.add("14", hub.database, strings / ours, f"{1 / ours:,.0f} / {1 / strings:,.0f} a second", n)
    searched(hub, report, n)
    with in_hub(hub):
        db.session.execute(db.delete(Product))
        db.session.commit()


def searched(hub: Hub, report: Report, n: int) -> None:
    """The whole page of the catalogue, as a person gets it."""
    get = pages.reader(hub)
    asked = ("", "?q=рідкісна", f"?q=FEED-{n // 2}", "?q=лимон")
    first, *found = best(hub.clock, *(partial(get, f"/catalogue/products{query}") for query in asked))
    for goal, took in zip(("C6a", "C6b", "C7"), found, strict=True):
        report.add(goal, hub.database, took / first, f"{ms(took)} / {ms(first)} at {n:,} products", n)


def product(number: int, one: dict[str, Any]) -> dict[str, Any]:
    """A row of products that gives such an offer."""
    name = one["name"] + (" рідкісна" if number % RARE == 0 else "") + (" лимон" if number % COMMON == 0 else "")
    text = {"name": name, "search_text": creation.product_text(f"FEED-{number}", name)}
    same = ("price", "old_price", "currency", "barcode", "brand", "url", "description", "options")
    pictures = [{"url": url} for url in one["pictures"]]
    sizes = {"weight": 750, "length": 300, "width": 200, "height": 125, "stock": one["quantity"]}
    return {**{key: one[key] for key in same}, **text, **sizes, "sku": f"FEED-{number}", "pictures": pictures}
