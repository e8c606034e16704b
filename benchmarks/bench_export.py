"""Goals 10 to 12: a CSV file of all orders against a raw cursor through Python's csv module, on both databases.

Memory is measured in a process of its own, after each batch: the most it ever was over what it was after the first
(`python -m benchmarks.bench_export`, with the hub's environment, is that process).
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Sequence, Set
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import config
from app import create_app
from models import Status, db
from orders import export_rows, lists
from orders.export_files import File
from orders.export_options import Options
from orders.export_rows import Words

from . import peers
from .hub import DATABASES, Hub, Hubs, in_hub
from .report import Report
from .timing import best, ms

#: twelve columns, as many as the raw cursor reads
COLUMNS = (
    *("number", "created_at", "status", "last_name", "first_name", "phone", "city", "delivery_method", "ttn"),
    *("total", "currency", "paid"),
)
RAW = (
    "SELECT number, created_at, status_id, last_name, first_name, phone, city, delivery_method_id, ttn, total,"
    " currency, paid FROM orders WHERE status_id <> {} ORDER BY id DESC"
)
OPTIONS = Options(period="all", columns=COLUMNS)
#: rows that the raw cursor fetches at once on PostgreSQL, where it is a server-side one
FETCHED = 2000


def measure(hubs: Hubs, sizes: Sequence[int], report: Report, seconds: float, measured: Set[str] = frozenset()) -> None:
    """`measured`: goals that are measured against the peer itself and need no estimate."""
    for database in DATABASES:
        hub = hubs.hub(database, max(sizes))
        with in_hub(hub), open(os.devnull, "w", newline="") as text, open(os.devnull, "wb") as raw:
            n = ours(raw)
            theirs, mine = best(hub.clock, lambda to=text: _raw(to), lambda to=raw: ours(to), rounds=5,
                                seconds=seconds)  # fmt: skip
        report.add("10", hub.name, theirs / mine, f"{n / mine:,.0f} / {n / theirs:,.0f} rows/s", hub.size)
        if "11" not in measured:
            now = peers.OSCAR_CSV / peers.speed_now(hub.clock)
            how = f"{n / mine:,.0f} rows/s / {peers.OSCAR_CSV:,.0f} rows/s then, scaled: an estimate"
            report.add("11", hub.name, n / mine / now, how, hub.size)
        growth, first = _alone(hub)
        report.add("12a", hub.name, growth, f"{growth:.1f} MiB of growth", hub.size)
        report.add("12b", hub.name, first, f"first bytes after {ms(first)}", hub.size)


def _raw(to: IO[str]) -> None:
    """What the database and the csv module can do: nothing is put into words."""
    deleted = db.session.scalar(db.select(Status.id).where(Status.key == "deleted"))
    connection = db.session.connection().connection
    is_sqlite = db.session.get_bind().dialect.name == "sqlite"
    cursor: Any = connection.cursor() if is_sqlite else connection.cursor("raw_export")  # type: ignore[call-arg]  # a name is psycopg's
    if not is_sqlite:
        cursor.itersize = FETCHED
    cursor.execute(RAW.format(deleted))
    csv.writer(to).writerows(cursor)
    cursor.close()
    db.session.rollback()


def ours(to: IO[bytes]) -> int:
    """Writes all orders; returns how many."""
    words = _words()
    file = File(OPTIONS, words)
    return sum(batch.orders for batch in file.written(export_rows.read(OPTIONS, words), to))


def _words() -> Words:
    found = Words(str, ZoneInfo("Europe/Kyiv"), lists.read())
    db.session.rollback()
    return found


def _alone(hub: Hub) -> tuple[float, float]:
    """(MiB of growth, seconds to the first bytes of orders) of one export in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.bench_export"]
    done = subprocess.run(command, env={**os.environ, **hub.environ}, capture_output=True, text=True, check=True)
    growth, first = done.stdout.split()
    return float(growth), float(first)


def _own() -> float:
    """MiB that this process has for itself; pages of the database's file, which SQLite maps, are the system's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def main() -> int:
    app = create_app(config.load())
    with app.app_context(), open(os.devnull, "wb") as to:
        db.session.scalar(db.select(1))  # connected, as a worker is
        db.session.rollback()
        began, first, start, peak = time.perf_counter(), 0.0, 0.0, 0.0
        words = _words()
        export_rows.count(OPTIONS, words)
        for part in File(OPTIONS, words).written(export_rows.read(OPTIONS, words), to):
            if not first and part.orders:
                first, start = time.perf_counter() - began, _own()
            peak = max(peak, _own())
        print(peak - start, first)
        db.session.remove()
        db.engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
