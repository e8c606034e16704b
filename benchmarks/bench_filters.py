"""Every filter of the orders page and the usual pairs: first page, last page and total, with plans of the slow ones.

`python -m benchmarks.bench_filters [--size N] [--plans MS]`: not part of `make bench`; for whoever changes an index.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event

from models import Connection, Order, OrderType, Shop, Source, Status, db, reading, utcnow
from orders import listing, words
from orders.filters import OrderFilter
from orders.listing import Cursor

from .hub import DATABASES, Hubs, in_hub
from .timing import Clock

ZONE = ZoneInfo("Europe/Kyiv")
ALL = OrderFilter(status=())


def single_filters() -> dict[str, OrderFilter]:
    """By name; needs the context of a hub."""
    status = dict(db.session.execute(db.select(Status.key, Status.id)).all())
    ids = {model: db.session.scalars(db.select(model.id)).all() for model in (OrderType, Source, Shop)}
    links = dict(db.session.execute(db.select(Connection.kind, Connection.id)).all())
    today = utcnow().date()
    sample = db.session.execute(
        db.select(Order.phone, Order.number).where(Order.id <= db.select(db.func.max(Order.id) / 2).scalar_subquery())
        .order_by(Order.id.desc()).limit(1)
    ).one()  # fmt: skip
    return {
        "New (default)": OrderFilter(),
        "all but deleted": ALL,
        "status problem": replace(ALL, status=(status["problem"],)),
        "status deleted": replace(ALL, status=(status["deleted"],)),
        "three statuses": replace(ALL, status=(status["new"], status["problem"], status["preorder"])),
        "type export": replace(ALL, type=ids[OrderType][-1]),
        "source": replace(ALL, source=ids[Source][-1]),
        "shop": replace(ALL, shop=ids[Shop][-1]),
        "payment card": replace(ALL, payment="card"),
        "payment prepaid": replace(ALL, payment="prepaid"),
        "paid": replace(ALL, paid="yes"),
        "not paid": replace(ALL, paid="no"),
        "linked": replace(ALL, link=f"{links['retailcrm']}:linked"),
        "link problem": replace(ALL, link=f"{links['retailcrm']}:problem"),
        "link working": replace(ALL, link=f"{links['retailcrm']}:working"),
        "not there": replace(ALL, link=f"{links['prom']}:none"),
        "last 7 days": replace(ALL, since=today - timedelta(days=6), until=today),
        "a month half a year ago": replace(ALL, since=today - timedelta(days=210), until=today - timedelta(days=180)),
        "needs mapping": replace(ALL, flag="mapping"),
        "do not call": replace(ALL, flag="do_not_call"),
        "fulfilment": replace(ALL, flag="fulfilment"),
        "oldest first": replace(ALL, sort="old"),
        "search rare name": replace(ALL, q=words.RARE[1]),
        "search one name": replace(ALL, q="Петренко"),
        "search 8 %": replace(ALL, q="енко"),
        "search name and given name": replace(ALL, q="Петренко Тарас"),
        "search phone tail": replace(ALL, q=sample.phone[-6:]),
        "search number": replace(ALL, q=sample.number),
        "search SKU": replace(ALL, q="CB-0087"),
        "search nothing found": replace(ALL, q="щщщщ"),
        "search two letters": replace(ALL, q="пе"),
    }


def pairs(single: dict[str, OrderFilter]) -> dict[str, OrderFilter]:
    """What people combine: a status with anything, and dates with anything."""
    found = {}
    names = [name for name in single if name not in ("New (default)", "all but deleted", "three statuses")]
    plain = vars(OrderFilter(status=()))
    for a, b in itertools.combinations(names, 2):
        changed = [{k: v for k, v in vars(single[name]).items() if v != plain[k]} for name in (a, b)]
        if not changed[0].keys() & changed[1].keys():
            found[f"{a} + {b}"] = replace(ALL, **changed[0], **changed[1])
    return found


def best(clock: Clock, action: Callable[[], Any], rounds: int, patience: float = 0.3) -> float:
    """CPU milliseconds of the quickest of a few rounds; slow ones are not repeated."""
    times = []
    for _ in range(rounds):
        times.append(clock.time(action))
        if sum(times) > patience:
            break
    return min(times) * 1000


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def explain(action: Callable[[], Any]) -> Iterator[str]:
    """The plans of all that the action asks."""
    with statements() as seen:
        action()
    on_sqlite = db.engine.dialect.name == "sqlite"
    word = "EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "
    for statement, parameters in seen:
        if "order_lines" in statement or "FROM links" in statement.partition("WHERE")[0]:
            continue  # what a row shows besides; the same for every filter
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            yield " ".join(statement.split())[:60] + " … " + " ".join(statement.split("FROM", 1)[-1].split())[:300]
            rows = db.session.connection().exec_driver_sql(word + statement, parameters)
            yield from (f"    {row[-1]}" for row in rows)
        elif statement.startswith("SET"):
            db.session.execute(db.text(statement))


def show(clock: Clock, name: str, f: OrderFilter, slow: float) -> None:
    statuses = db.session.scalars(db.select(Status)).all()
    for status in statuses:
        db.session.expunge(status)
    actions: dict[str, Callable[[], Any]] = {
        "first": lambda: listing.page(f, statuses, ZONE),
        "last": lambda: listing.page(f, statuses, ZONE, Cursor.read("last")),
        "total": lambda: listing.total_found(f, statuses, ZONE),
    }
    times = {key: best(clock, action, 4) for key, action in actions.items()}
    mark = " *" if max(times.values()) > slow else ""
    print(f"  {name:48}" + "".join(f"{key} {ms:8.1f}  " for key, ms in times.items()) + mark, flush=True)
    for key, ms in times.items():
        if ms > slow:
            print(f"    -- {key}", *explain(actions[key]), sep="\n      ", flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bench_filters", description=__doc__)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--plans", type=float, default=20, help="print the plans of what takes more milliseconds")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Hubs(Path(folder)) as hubs:
        for database in DATABASES:
            hub = hubs.hub(database, options.size)
            print(hub.name)
            with in_hub(hub):
                reading.set(True)
                run(hub.clock, options.pairs, options.plans)
    return 0


def run(clock: Clock, with_pairs: bool, slow: float) -> None:
    single = single_filters()
    clock.refresh()  # now that there is a connection
    for name, f in (single | (pairs(single) if with_pairs else {})).items():
        show(clock, name, f, slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
