"""A catalogue of KeyCRM, or a price list by link, read whole, at several sizes: does its memory stay the same? And
how long it takes.

`python -m benchmarks.bench_reading [--kind price_list] [--offers 25000 50000 100000] [--database SQLite]`. Each reading
has a process of its own, the vendor's imitation another. What is told is the most memory that the process had to itself
over what it had before (RssAnon: without the pages of the database's file that SQLite maps, which the system takes back
when it likes). Without the vendor's limit of calls, which is what a reading waits for otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from catalogue import rules
from catalogue.rules import Rule
from integrations import connectors
from jobs import connections, runs
from models import Connection, Offer, Product, Run, db

from .hub import DATABASES, Hubs, in_hub
from .vendors import control, sandboxes

#: the imitation's ten products are fourteen offers
OFFERS_OF_TEN = 14


def anonymous() -> float:
    """MiB that this process has to itself."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


@contextmanager
def watched() -> Iterator[list[float]]:
    """The memory, looked at twenty times a second."""
    seen, over = [anonymous()], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(anonymous())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def keycrm(url: str, offers: int) -> Connection:
    connectors()["keycrm"].rate = None
    control(url, "keycrm/rate", per_second=None)
    control(url, "keycrm/accounts", token="sandbox-token", products=offers * 10 // OFFERS_OF_TEN)
    return connections.create(
        "keycrm", "KeyCRM", {"api_url": f"{url}/keycrm", "api_key": "sandbox-token", "mode": "off"}
    )


def price_list(url: str, offers: int) -> Connection:
    control(url, "price_list/size", offers=offers)
    given = {"api_url": f"{url}/price_list/feed.yml", "login": "shop", "password": "sandbox-token"}
    return connections.create("price_list", "Price list", given)


KINDS = {"keycrm": keycrm, "price_list": price_list}


def read(kind: str, database: str, offers: int) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        hubs, url = stack.enter_context(Hubs(Path(folder))), stack.enter_context(sandboxes())
        stack.enter_context(in_hub(hubs.hub(database, 0, url)))
        row = KINDS[kind](url, offers)
        rules.save(row.id, Rule(gone="hide"))
        run = runs.request(row.id, "catalogue", "bench")
        db.session.commit()
        began, busy = time.perf_counter(), time.process_time()
        with watched() as seen:
            runs.carry_out(run.id)
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        state = db.session.get_one(Run, run.id, populate_existing=True).state
        n, made = (db.session.scalar(db.select(db.func.count(model.id))) for model in (Offer, Product))
        print(
            f"{kind} {database:10} {n:7,} offers, {made:,} products ({state}): {max(seen) - seen[0]:4.0f} MiB over "
            f"{seen[0]:.0f}, {seconds:.0f} s, {busy:.0f} s of CPU",
            flush=True,
        )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_reading", description=__doc__)
    parser.add_argument("--offers", type=int, nargs="*", default=(25_000, 50_000, 100_000))
    parser.add_argument("--database", choices=DATABASES, nargs="*", default=DATABASES)
    parser.add_argument("--kind", choices=KINDS, default="keycrm")
    parser.add_argument("--alone", action="store_true", help="in this process: one size, one database")
    options = parser.parse_args(arguments)
    if options.alone:
        read(options.kind, options.database[0], options.offers[0])
        return 0
    for database in options.database:
        for n in options.offers:
            command = [sys.executable, "-m", "benchmarks.bench_reading", "--alone"]
            subprocess.run([*command, "--kind", options.kind, "--database", database, "--offers", str(n)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
