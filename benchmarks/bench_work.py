"""Goals 17 to 21 and the vendor's limit: enqueue, transfer, batches, status change, import; on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import rq
from rq.serializers import JSONSerializer
from sqlalchemy import func

from integrations import connector
from integrations.errors import Later
from integrations.types import ProductData, Raw
from jobs import connections, intake, wake, work
from models import Attempt, ExternalProduct, Order, OrderLine, Product, Status, Transfer, db, utcnow
from orders import invented, statuses
from orders import work as requests
from orders.timeline import Actor

from . import raw_load, vendors
from .hub import DATABASES, Hub, Hubs, ids_of, in_hub
from .report import Report
from .timing import rate

ACTOR = Actor("person", "Benchmark")
BATCH = 50
PER_SECOND = 10  # calls that RetailCRM allows
ROUNDS = 3


def measure(hubs: Hubs, report: Report, scale: float) -> None:
    """`scale`: 1 = 2,000 orders a transfer and so on."""
    n = max(int(2000 * scale), 100)
    for database in DATABASES:
        with vendors.sandboxes() as url:
            hub = hubs.hub(database, 7 * n + 300, url)
            take = Taker(hub)
            enqueue(hub, report, take, max(n // 40, 20))
            batched(hub, report, take, url, n)
            limited(hub, report, take, url, n)
            by_the_minute(hub, report, take, url, n // 2)
            single(hub, report, take, url, max(n // 10, 30))
            status_change(hub, report, max(n // 10, 30))
            imported(hub, report, url, max(n, 200))


class Taker:
    """Gives out orders that nothing was sent of yet."""

    def __init__(self, hub: Hub) -> None:
        with in_hub(hub):
            self.ids = iter(db.session.scalars(db.select(Order.id).order_by(Order.id)).all())

    def __call__(self, n: int) -> list[int]:
        return [next(self.ids) for _ in range(n)]


def _patiently(ask: Callable[[Any], Any], given: Any) -> Any:
    """Outside the jobs nothing keeps the vendor's pace; asking again is harmless."""
    for _ in range(10):
        try:
            return ask(given)
        except Later as error:
            time.sleep(error.retry_after or 1)
    return ask(given)


def empty_queues() -> None:
    broker = wake.broker()
    assert broker is not None
    for name in ("high", "default"):
        wake.queue(name).empty()
    # not the pace: the vendor remembers its calls, too
    broker.delete(*[key for key in broker.keys("hub:*") if not key.startswith(b"hub:pace:")], "hub:none")


def enqueue(hub: Hub, report: Report, take: Callable[[int], list[int]], n: int) -> None:
    """Goal 17: one transfer asked for, committed, a worker woken; against putting one job into a queue."""
    with in_hub(hub):
        (crm,) = ids_of("retailcrm")
        queue = wake.queue("default")

        def ask(order_id: int) -> None:
            requests.request_send([order_id], crm, "Benchmark", alone=True)
            db.session.commit()

        ours, theirs = [], []
        for _ in range(4 * ROUNDS + 1):  # of a twentieth of a second each: some meet a quiet moment
            hub.clock.refresh()
            ids = iter(take(n))
            ours.append(rate(lambda: ask(next(ids)), n, hub.clock))  # noqa: B023 - used up before the next round
            theirs.append(rate(lambda: queue.enqueue("time.time"), n, hub.clock))
        empty_queues()
        db.session.execute(db.delete(Transfer))
        db.session.commit()
    report.add("17", hub.name, max(ours[1:]) / max(theirs[1:]), f"{max(ours):.0f} / {max(theirs):.0f} a second")


@contextmanager
def unlimited(url: str) -> Iterator[None]:
    """Neither side keeps the published limit: what remains is our own speed."""
    cls = connector("retailcrm")
    vendors.control(url, "retailcrm/rate", per_second=None)
    limit, cls.rate = cls.rate, None
    try:
        yield
    finally:
        cls.rate = limit
        vendors.control(url, "retailcrm/rate", per_second=PER_SECOND)


def sent_per_second(hub: Hub, url: str, ids: list[int]) -> float:
    """All asked for, then worked off in this process; every order has to be there, once."""
    with in_hub(hub):
        (crm,) = ids_of("retailcrm")
        requests.request_send(ids, crm, "Benchmark")
        db.session.commit()
        before = _stored(url)
        began = time.perf_counter()
        work.drain(crm)
        while _waiting():  # a call too many for the vendor: what it was about waits some seconds
            time.sleep(0.2)
            work.drain(crm)
        took = time.perf_counter() - began
        empty_queues()
    if _stored(url) - before != len(ids):
        raise RuntimeError(f"{len(ids)} orders sent, {_stored(url) - before} arrived")
    return len(ids) / took


def _waiting() -> bool:
    found = db.session.scalar(db.select(Transfer.id).where(Transfer.state == "waiting").limit(1))
    db.session.rollback()
    return found is not None


def _stored(url: str) -> int:
    state = httpx.get(f"{url}/_control/retailcrm/state", timeout=60).json()
    return int(sum(account["orders"] for account in state["accounts"].values()))


def batched(hub: Hub, report: Report, take: Callable[[int], list[int]], url: str, n: int) -> None:
    """Goal 19."""
    with unlimited(url), vendors.stand_in() as bare:
        sent_per_second(hub, url, take(BATCH))  # warm: products and customers exist
        ours, theirs = [], []
        for ids in (take(n // 2), take(n // 2)):
            theirs.append(posts_per_second(bare, n // 2))
            ours.append(sent_per_second(hub, url, ids))
    report.add("19", hub.name, max(ours) / max(theirs), f"{max(ours):.0f} orders/s / {max(theirs):.0f} calls/s")


def posts_per_second(url: str, n: int) -> float:
    """httpx as it comes, one thread, pooled connections, 2 KB of JSON a call."""
    body = {"order": json.dumps({"number": "F0000001", "comment": "х" * 300})}
    with httpx.Client() as client:
        client.post(url, json=body)
        return rate(lambda: client.post(url, json=body), n)


def learn_products(crm: int) -> None:
    keeper = connections.open_connector(db.session.get_one(connections.Connection, crm))
    known = set(db.session.scalars(db.select(ExternalProduct.sku).where(ExternalProduct.connection_id == crm)))
    absent = [p for p in db.session.scalars(db.select(Product)) if p.sku not in known]
    found = _patiently(keeper.ensure_products, [ProductData(p.sku, p.name, p.price, p.weight) for p in absent])
    for sku, external_id in found.items():
        db.session.add(ExternalProduct(connection_id=crm, sku=sku, external_id=external_id))
    db.session.commit()


def limited(hub: Hub, report: Report, take: Callable[[int], list[int]], url: str, n: int) -> None:
    """What the vendor's published limit lets through: ten calls a second of fifty orders of products it knows."""
    allowed = PER_SECOND * BATCH
    time.sleep(2)  # the vendor still counts the calls that were made without a pace
    found = sent_per_second(hub, url, take(n // 2))
    report.say(f"     {hub.name}: {found:.0f} orders/s to a vendor that has to be told of most of their products first")
    with in_hub(hub):  # as in a shop that has sent for some days; those that nobody has bought yet
        (crm,) = ids_of("retailcrm")
        learn_products(crm)
    for number, latency in (("L1", 0), ("L2", 50)):
        vendors.control(url, "latency", ms=latency)
        found = sent_per_second(hub, url, take(n))
        report.add(number, hub.name, found / allowed, f"{found:.0f} / {allowed} orders/s, {n} orders")
    vendors.control(url, "latency", ms=0)


def by_the_minute(hub: Hub, report: Report, take: Callable[[int], list[int]], url: str, n: int) -> None:
    """Under the vendor's limit and pace, as it is: its answer to a batch names no orders, so each takes two calls."""
    settings = {"api_url": f"{url}/keycrm", "api_key": "sandbox-token", "source_id": "7"}
    with in_hub(hub):
        there = connections.create("keycrm", "By the minute", settings).id
        requests.request_send(take(n), there, "Benchmark")
        db.session.commit()
        began = time.perf_counter()
        work.drain(there)
        took = time.perf_counter() - began
        sent = db.session.scalar(
            db.select(func.count()).where(Transfer.connection_id == there, Transfer.state == "done")
        )
        empty_queues()
    if sent != n:
        raise RuntimeError(f"{n} orders sent, {sent} arrived")
    report.add("L5", hub.name, took / (n / BATCH), f"{took:.1f} s, {n} orders, {2 * n // BATCH} calls")


def worker(hub: Hub) -> None:
    """Our worker in a process of its own, until the queues are empty."""
    command = [sys.executable, "-m", "rq.cli", "worker", "--burst", "--quiet", "-P", ".", "-w", "jobs.worker.HubWorker"]
    command += ["-S", "json", "-u", hub.environ["REDIS_URL"], "high", "default"]
    subprocess.run(command, cwd=vendors.ROOT, env={**os.environ, **hub.environ}, check=True, capture_output=True)


def single(hub: Hub, report: Report, take: Callable[[int], list[int]], url: str, n: int) -> None:
    """Goal 18: transfers asked for one by one, as staff do, by one worker; against jobs that do nothing.

    Both from the first start to the last end, without the worker's own start. The pace that the connector keeps stays
    on (the worker is a process of its own): it allows some ten calls a second, of up to fifty orders each.
    """
    with in_hub(hub):
        empty_queues()
        jobs = [wake.queue("default").enqueue("time.time", result_ttl=600) for _ in range(n)]
        worker(hub)
        ends = [rq.job.Job.fetch(job.id, connection=wake.broker(), serializer=JSONSerializer) for job in jobs]
        noops = n / (max(j.ended_at for j in ends) - min(j.started_at for j in ends)).total_seconds()
        (crm,) = ids_of("retailcrm")
        last = db.session.scalar(db.select(func.max(Attempt.id))) or 0
        for order_id in take(n):
            requests.request_send([order_id], crm, "Benchmark", alone=True)
            db.session.commit()
        vendors.control(url, "retailcrm/rate", per_second=None)
        worker(hub)
        vendors.control(url, "retailcrm/rate", per_second=PER_SECOND)
        first = db.session.scalar(db.select(func.min(Attempt.started_at)).where(Attempt.id > last))
        query = db.select(func.max(Transfer.finished_at), func.count()).where(
            Transfer.finished_at > first, Transfer.state == "done"
        )
        end, done = db.session.execute(query).one()
        if done != n:
            raise RuntimeError(f"{n} transfers asked for, {done} done")
        ours = n / max((end - first).total_seconds(), 0.001)
        empty_queues()
    report.add("18", hub.name, ours / noops, f"{ours:.0f} transfers/s / {noops:.0f} jobs/s")


def status_change(hub: Hub, report: Report, n: int) -> None:
    """Goal 20: with timeline, counters and the look at what has to be passed on; against the same rows written raw."""
    with in_hub(hub):
        ids = db.session.scalars(db.select(Order.id).order_by(Order.id.desc()).limit(n)).all()
        pair = [
            db.session.execute(db.select(Status.id).where(Status.key == key)).scalar_one()
            for key in ("confirmed", "new")
        ]
        ours, raw = [], []
        for turn in range(2 * ROUNDS):
            status_id = pair[turn % 2]

            def change(order_id: int, status_id: int = status_id) -> None:
                wanted = statuses.find(status_id)  # as each request does
                assert wanted is not None
                statuses.change([order_id], wanted, ACTOR)
                db.session.commit()

            todo = iter(ids)
            hub.clock.refresh()
            ours.append(rate(lambda: change(next(todo)), n, hub.clock))  # noqa: B023 - used up before the next round
            db.session.rollback()
            raw.append(_raw_changes(hub, list(ids), status_id))
    report.add("20", hub.name, max(ours[1:]) / max(raw[1:]), f"{max(ours[1:]):.0f} / {max(raw[1:]):.0f} a second")


def _raw_changes(hub: Hub, ids: list[int], status_id: int) -> float:
    """Order, timeline entry and the four rows of the counters, by the driver itself, a commit each."""
    connection = db.engine.raw_connection()
    cursor: Any = connection.cursor()
    on_sqlite = db.engine.dialect.name == "sqlite"
    mark = "?" if on_sqlite else "%s"
    now: Any = invented.iso(utcnow()) + ("" if on_sqlite else "+00")
    order = f"UPDATE orders SET status_id = {mark}, updated_at = {mark} WHERE id = {mark}"
    entry = ("INSERT INTO order_events (order_id, at, actor, actor_name, kind, detail) "
             f"VALUES ({mark}, {mark}, 'person', 'Raw', 'created', '{{}}')")  # fmt: skip
    totals = "INSERT INTO order_counts (type_id, status_id, currency, n, total) VALUES (1, 1, 'XTS', 0, 0)"
    days = "INSERT INTO order_days (day, status_id, currency, n, total) VALUES ('2020-01-01', 1, 'XTS', 0, 0)"

    def change(order_id: int) -> None:
        if on_sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(order, (status_id, now, order_id))
        cursor.execute(entry, (order_id, now))
        for query in (totals, totals, days, days):
            cursor.execute(query)
        connection.commit()

    todo = iter(ids)
    try:
        return rate(lambda: change(next(todo)), len(ids), hub.clock)
    finally:
        connection.close()


def imported(hub: Hub, report: Report, url: str, n: int) -> None:
    """Goal 21: kept raw, translated, made into orders with lines, search, timeline, counters and links; against as many
    orders and lines put into the very tables of the hub by the driver, in turns. Those put into tables without any
    index are told, too."""
    vendors.control(url, "prom/orders", count=n, account="sandbox-token")
    with in_hub(hub):
        (prom,) = ids_of("prom")
        source = connections.open_connector(db.session.get_one(connections.Connection, prom))
        pages = [page.orders for page in source.pull({}, utcnow() + timedelta(seconds=5))]
        found, part = sum(len(orders) for orders in pages), -(-len(pages) // ROUNDS)
        ours, raw, bare, made = [], [], [], 0

        def take_in(some: Sequence[Sequence[Raw]]) -> None:
            nonlocal made
            made += sum(intake.take(prom, source, orders)["new"] for orders in some)

        for some in (pages[start : start + part] for start in range(0, len(pages), part)):
            hub.clock.refresh()
            orders, lines = made, _lines()
            took = hub.clock.time(lambda: take_in(some))  # noqa: B023 - used at once
            if orders := made - orders:
                lines = _lines() - lines
                ours.append(orders / took)
                raw.append(raw_load.into_the_hub(hub, orders, lines))
                bare.append(raw_load.without_an_index(hub, orders, lines))
    how = f"{max(ours):.0f} / {max(raw):.0f} orders/s, {made} of {found} new"
    report.add("21", hub.name, max(ours) / max(raw), how)
    report.say(
        f"     {hub.name}: against tables without any index: {max(ours) / max(bare):.3f} ({max(bare):.0f} orders/s)"
    )


def _lines() -> int:
    found = db.session.scalar(db.select(func.count()).select_from(OrderLine))
    db.session.rollback()
    return int(found or 0)
