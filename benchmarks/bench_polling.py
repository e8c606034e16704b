"""Marketplaces that are asked every two minutes: what that costs, and how quickly an outage is made up for.

`python -m benchmarks.bench_polling [--small] [--kind prom]`, or as a part of `python -m benchmarks`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from integrations import connector
from integrations.sources import OVERLAP, TAKE_ORDERS
from jobs import connections, runs, wake
from models import Connection, Link, Order, Run, Schedule, db, utcnow
from tests import servers

from . import vendors
from .hub import DATABASES, Hub, Hubs, in_hub
from .report import Report

SHOPS = 3
A_DAY = 400  # orders of a shop
EVERY = TAKE_ORDERS.every  # seconds
OUTAGE = 5000
#: settings of a connection of each kind, besides the sandbox's address; its accounts have the tokens of TOKENS
KINDS: dict[str, dict[str, Any]] = {"prom": {}, "rozetka": {"login": ""}}
SECRET = {"prom": "token", "rozetka": "secret"}
TOKENS = ("sandbox-token", "sandbox-token-2", "sandbox-token-3")
PAGE = {"prom": 99, "rozetka": 20}  # new orders a call; of Prom's a page repeats the last order of the one before
#: orders by hours of a shop's day, in parts of a thousand
HOURS = (8, 5, 3, 3, 3, 5, 12, 25, 42, 58, 65, 64, 60, 58, 57, 56, 57, 62, 70, 78, 80, 68, 42, 19)


def measure(hubs: Hubs, report: Report, scale: float, kind: str = "prom") -> None:
    """`scale`: 1 = 48 polls of each shop, spread over a day, and 5,000 orders after the outage."""
    rounds, waiting = max(int(48 * scale), 3), max(int(OUTAGE * scale), 150)
    for database in DATABASES:
        with vendors.sandboxes() as url:
            hub = hubs.hub(database, 0, url)
            polled(hub, report, url, kind, rounds)
            made_up_for(hub, report, url, kind, waiting)


@dataclass
class Shops:
    """Three shops of one kind, and when each was asked."""

    hub: Hub
    url: str
    kind: str
    ids: list[int] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        with in_hub(self.hub):
            for n, token in enumerate(TOKENS[:SHOPS], 1):
                settings = {**KINDS[self.kind], "api_url": f"{self.url}/{self.kind}", SECRET[self.kind]: token}
                self.ids.append(connections.create(self.kind, f"Shop {n} of {self.kind}", settings).id)
            db.session.execute(db.update(Schedule).values(paused=True))
            db.session.commit()

    def orders(self, shop: int, count: int) -> None:
        if count:
            vendors.control(self.url, f"{self.kind}/orders", count=count, account=TOKENS[shop])
            self.made += count

    def round(self) -> None:
        """The tick finds all of them due, and a worker asks them. Each reads again what changed in the ten minutes
        before, as ever; here these are the last polls, which in a day lie two minutes apart."""
        back = self.asked[-(OVERLAP // timedelta(seconds=EVERY)) :][:1]
        self.asked.append(utcnow())
        with in_hub(self.hub):
            for shop in db.session.scalars(db.select(Connection).where(Connection.id.in_(self.ids))):
                if back:
                    shop.cursor = {**shop.cursor, "orders": {"since": (back[0] + OVERLAP).isoformat()}}
            due = db.update(Schedule).where(Schedule.connection_id.in_(self.ids), Schedule.task == TAKE_ORDERS.key)
            db.session.execute(due.values(paused=False, next_at=utcnow()))
            db.session.commit()
            last = db.session.scalar(db.select(db.func.max(Run.id))) or 0
            wake.queue("high").enqueue("jobs.schedule.tick", result_ttl=0)
            servers.wait_until(lambda: _over(last) == len(self.ids), 120, "the shops are polled")


def _over(after: int) -> int:
    found = db.session.scalars(db.select(Run.state).where(Run.id > after)).all()
    db.session.rollback()
    if "failed" in found:
        raise RuntimeError("a poll failed")
    return found.count("done")


def polled(hub: Hub, report: Report, url: str, kind: str, rounds: int) -> None:
    """CPU seconds of a worker, the database and the broker for polls of three shops, against the time that these polls
    stand for. The worker is a process of its own with all it does: waiting for jobs, carrying them out, keeping in
    touch. The day is walked through in equal steps; each poll finds what two minutes of its hour bring."""
    shops = Shops(hub, url, kind)
    with _worker(hub) as pid:
        shops.orders(0, 2)
        shops.round()  # warm
        shops.round()
        hub.clock.refresh()
        before, owed = _cpu(pid) + hub.clock.theirs(), 0.0
        began = time.perf_counter()
        for n in range(rounds):
            owed += A_DAY * HOURS[n * 24 // rounds] / 1000 * EVERY / 3600
            for shop in range(SHOPS):
                shops.orders(shop, int(owed))
            owed -= int(owed)
            shops.round()
        took = _cpu(pid) + hub.clock.theirs() - before
        wall = time.perf_counter() - began
    with in_hub(hub):
        here = db.session.scalar(db.select(db.func.count()).select_from(Link).where(Link.connection_id.in_(shops.ids)))
    if here != shops.made:
        raise RuntimeError(f"{shops.made} orders made, {here} taken in")
    how = f"{took:.2f} s of CPU for {rounds} polls of {SHOPS} shops ({wall:.0f} s here), {here} orders"
    report.add("L3", hub.name, took / (rounds * EVERY), how)


def _cpu(pid: int) -> float:
    """Seconds that a process has run, with the children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _worker(hub: Hub) -> Iterator[int]:
    command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "-P", ".", "-w", "jobs.worker.HubWorker"]
    command += ["-S", "json", "-u", hub.environ["REDIS_URL"], "high", "default"]
    child = subprocess.Popen(command, cwd=vendors.ROOT, env={**os.environ, **hub.environ})
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def made_up_for(hub: Hub, report: Report, url: str, kind: str, waiting: int) -> None:
    """A day's outage: so many orders wait at one shop, and are taken in at the pace that the vendor is asked at."""
    with in_hub(hub):
        vendors.control(url, f"{kind}/reset")
        settings = {**KINDS[kind], "api_url": f"{url}/{kind}", SECRET[kind]: TOKENS[0]}
        shop = connections.create(kind, f"After the outage, {kind}", settings)
        db.session.commit()
        connection_id = shop.id
        vendors.control(url, f"{kind}/orders", count=waiting, account=TOKENS[0])
        run = runs.request(connection_id, TAKE_ORDERS.key, "Benchmark")
        db.session.commit()
        run_id = run.id if run else 0
        hub.clock.refresh()
        began = time.perf_counter()
        busy = hub.clock.time(lambda: runs.carry_out(run_id))
        took = time.perf_counter() - began
        mine = Link.connection_id == connection_id
        found = db.session.execute(
            db.select(db.func.count(), db.func.count(db.distinct(Link.external_id))).where(mine)
        ).one()
        orders = db.session.scalar(
            db.select(db.func.count(db.distinct(Order.id))).join(Link, Link.order_id == Order.id).where(mine)
        )
        if {*found, orders} != {waiting}:
            raise RuntimeError(
                f"{waiting} orders waited, {found[0]} links, {found[1]} of them different, {orders} made"
            )
    allowed = PAGE[kind] * (connector(kind).rate or 1)
    how = f"{waiting / took:.0f} / {allowed:.0f} orders/s, {waiting} in {took:.0f} s ({busy:.0f} of CPU), each once"
    report.add("L4", hub.name, waiting / took / allowed, how)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_polling", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few polls: does everything run?")
    parser.add_argument("--kind", choices=sorted(KINDS), default="prom")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Hubs(Path(folder)) as hubs:
        measure(hubs, Report(), 0.05 if options.small else 1, options.kind)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
