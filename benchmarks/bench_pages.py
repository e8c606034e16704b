"""Goals 1 to 9: list, deep pages, counters, search, one order; on both databases, in a small and a large hub."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from models import Order, Status, committed_at_once, db, reading
from orders import counts, words
from orders.invented import RARE_EVERY

from . import pages, peers
from .hub import DATABASES, Hub, Hubs, in_hub
from .report import Report
from .timing import best, ms

#: three letters that end every twelfth surname
COMMON = "енк"
PER_PAGE = 50
#: orders whose numbers are looked for; what one of them takes hangs on which digits it has
NUMBERS = 5
ALL = "/orders?status=all"


@dataclass
class Addresses:
    """What is asked of one hub."""

    deep: str
    tail: str
    #: of orders here and there
    numbers: tuple[str, ...]
    #: in the middle, with noughts at the end, as half of all texts have them
    round_number: str
    order: str
    rare: str = f"/orders?q={words.RARE[1]}"
    common: str = f"/orders?q={COMMON}"
    first: str = ALL
    last: str = f"{ALL}&cursor=last"


def addresses(hub: Hub) -> Addresses:
    """Page 1000 (or as deep as a tenth of the orders goes), and orders to look for: one in the middle, and some."""
    with in_hub(hub):
        deleted = db.session.scalar(db.select(Status.id).where(Status.key == "deleted"))
        skip = min(999 * PER_PAGE, hub.size // 10) - 1
        listed = db.select(Order.id).where(Order.status_id != deleted).order_by(Order.id.desc())
        edge = db.session.scalar(listed.offset(skip).limit(1))
        middle = db.session.execute(
            db.select(Order.number, Order.phone).where(Order.id >= hub.size // 2).order_by(Order.id).limit(1)
        ).one()
        some = db.select(Order.number).where(Order.id.in_(random.Random(6).sample(range(1, hub.size + 1), NUMBERS)))
        numbers = db.session.scalars(some).all()
    return Addresses(
        deep=f"{ALL}&cursor={edge}",
        tail=f"/orders?q={middle.phone[-6:]}",
        numbers=tuple(f"/orders?q={number}" for number in numbers),
        round_number=f"/orders?q={middle.number}",
        order=f"/orders/{middle.number}",
    )


def measure(hubs: Hubs, sizes: Sequence[int], report: Report, seconds: float, measured: Set[str] = frozenset()) -> None:
    """`measured`: goals that are measured against the peer itself and need no estimate."""
    for database in DATABASES:
        small, large = (hubs.hub(database, size) for size in (min(sizes), max(sizes)))
        in_process(small, large, report, seconds, measured)
        counters(small, large, report, seconds)
        served(large, report, seconds)


def in_process(small: Hub, large: Hub, report: Report, seconds: float, measured: Set[str]) -> None:
    """All the pages of the large hub in turns with the small one's list and the template of the calibration."""
    get, get_small = pages.reader(large), pages.reader(small)
    of = addresses(large)
    names = ("deep", "last", "rare", "tail", "round_number", "common", "order")
    asked: list[Callable[[], Any]] = [peers.jinja_page(), lambda: get_small(ALL), lambda: get(ALL)]
    asked += [partial(get, getattr(of, name)) for name in names]
    asked += [partial(get, number) for number in of.numbers]
    jinja, small_list, first, *rest = best(large.clock, *asked, rounds=40, seconds=seconds)
    time = dict(zip(names, rest[: len(names)], strict=True))
    time["number"] = statistics.median(rest[len(names) :])
    report.say(
        f"     {large.name}: first page {ms(first)}, {small.name}: {ms(small_list)}; machine against the peers' "
        f"{jinja / peers.JINJA_THEN:.2f}"
    )
    against_peers(large, report, jinja / peers.JINJA_THEN, {**time, "first": first}, measured)
    report.add("2", large.name, first / small_list, f"{ms(first)} / {ms(small_list)} at {small.name}", large.size)
    for number, name in (("4a", "deep"), ("4b", "last"), ("6a", "rare"), ("6b", "tail"), ("6c", "number"),
                         ("7a", "common")):  # fmt: skip
        note = "" if name != "rare" or large.size >= RARE_EVERY else " (nothing to find in so few)"
        report.add(number, large.name, time[name] / first, f"{ms(time[name])} / {ms(first)}{note}", large.size)
    worst = time["round_number"]
    report.say(f"     {large.name}: search of a round number {ms(worst)}, {worst / first:.2f} of the first page")


def against_peers(hub: Hub, report: Report, factor: float, time: dict[str, float], measured: Set[str]) -> None:
    """Other products' times of then, scaled to this machine now; of goals that are not measured beside them."""
    for number, name, then in (
        ("1a", "first", peers.OSCAR_LIST[100_000]),
        ("1b", "first", peers.OSCAR_LIST[1_000_000]),
        ("7b", "common", peers.OSCAR_COMMON),
        ("8a", "rare", peers.OSCAR_RARE),
        ("8b", "rare", peers.PRETIX_RARE),
        ("9", "order", peers.OSCAR_ORDER),
    ):
        if number in measured:
            continue
        how = f"{ms(time[name])} / {then:.0f} ms then x {factor:.2f}, an estimate"
        report.add(number, hub.name, time[name] * 1000 / (then * factor), how, hub.size)


def counters(small: Hub, large: Hub, report: Report, seconds: float) -> None:
    kept = {hub: _in_context(hub, counts.by_status) for hub in (small, large)}
    grouped = _in_context(large, _group_by)
    if large.name.startswith("PostgreSQL"):  # processes that come and go would work for it, and not be counted
        with in_hub(large), committed_at_once():
            db.session.connection().exec_driver_sql("SET max_parallel_workers_per_gather = 0")
            db.session.commit()
    few, many, raw = best(large.clock, kept[small], kept[large], grouped, rounds=40, seconds=seconds)
    report.add("5a", large.name, many / few, f"{ms(many)} / {ms(few)} at {small.name}", large.size)
    report.add("5b", large.name, many / raw, f"{ms(many)} / {ms(raw)}", large.size)


def _in_context(hub: Hub, action: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with in_hub(hub):
            token = reading.set(True)
            try:
                return action()
            finally:
                db.session.rollback()
                reading.reset(token)

    return run


def _group_by() -> Any:
    query = "SELECT status_id, count(*) FROM orders GROUP BY status_id"
    return db.session.connection().exec_driver_sql(query).all()


def served(hub: Hub, report: Report, seconds: float) -> None:
    """The same server with the same workers for both, in turns; the best of six: which process takes how many of the
    four connections is a matter of luck each time."""
    headers = {"Cookie": pages.cookie(hub), "Accept-Language": "en"}
    with pages.hub_server(hub) as ours, pages.bare_server() as bare:
        found: dict[str, list[float]] = {"ours": [], "bare": []}
        for length in [seconds / 4] * 7:  # the first to warm up
            found["ours"].append(pages.pages_a_second(ours, ALL, headers, length))
            found["bare"].append(pages.pages_a_second(bare, "/", {}, length))
    mine, least = (max(values[1:]) for values in (found["ours"], found["bare"]))
    report.add("3", hub.name, mine / least, f"{mine:.0f} / {least:.0f} pages/s", hub.size)
