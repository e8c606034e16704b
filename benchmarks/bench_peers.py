"""Goals 1, 7b, 8a, 9 and 11 against django-oscar, run beside the hubs: the same run, the same server, in turns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from orders.invented import RARE_EVERY

from . import bench_export, bench_pages, pages
from .goals import MILLION
from .hub import DATABASES, Hub, Hubs, in_hub, short
from .oscar_peer import NAME, Peer
from .report import Report
from .timing import best, ms


def goals_at(size: int) -> set[str]:
    """Those that are measured with so many orders."""
    return {"1b" if size >= MILLION else "1a", "7b", "8a", "9", "11"}


def measure(hubs: Hubs, peer: Peer, report: Report, seconds: float) -> None:
    large = [hubs.hub(database, peer.size) for database in DATABASES]
    beside(large, peer, report, seconds)
    files_beside(large, peer, report)


def beside(hubs: Sequence[Hub], peer: Peer, report: Report, seconds: float) -> None:
    """A page of each hub in turns with the peer's page of the same purpose."""
    readers = [(pages.reader(hub), bench_pages.addresses(hub)) for hub in hubs]
    for number, name, page in (
        ("1b" if peer.size >= MILLION else "1a", "first", peer.list),
        ("7b", "common", peer.common),
        ("8a", "rare", peer.rare),
        ("9", "order", peer.order),
    ):
        actions = [partial(get, getattr(of, name)) for get, of in readers]
        *ours, theirs = best(peer.clock, *actions, partial(peer.get, page), rounds=40, seconds=seconds)
        note = " (nothing to find in so few)" if name == "rare" and peer.size < RARE_EVERY else ""
        for hub, mine in zip(hubs, ours, strict=True):
            how = f"{ms(mine)} / {ms(theirs)} of {NAME} in turns{note}"
            report.add(number, hub.name, mine / theirs, how, peer.size)


def files_beside(hubs: Sequence[Hub], peer: Peer, report: Report) -> None:
    """Rows a second of a CSV file of all orders; the quicker of two, since 100,000 take the peer a minute."""
    answers: list[dict[str, Any]] = []
    actions = [partial(_export, hub) for hub in hubs]
    rows_of_ours = [action() for action in actions]
    *ours, theirs = best(peer.clock, *actions, lambda: answers.append(peer.get(peer.csv)), rounds=2, warm=0)
    rows = answers[-1]["found"]
    of = "" if rows == peer.size else f", its newest {short(rows)}"
    for hub, mine, n in zip(hubs, ours, rows_of_ours, strict=True):
        how = f"{n / mine:,.0f} / {rows / theirs:,.0f} rows/s of {NAME} in turns{of}"
        report.add("11", hub.name, n / mine / (rows / theirs), how, peer.size)
    first, peak = min(answer["first"] for answer in answers), answers[-1]["peak"] / 1024
    took = f"first byte after {first:.1f} s on the clock, {peak:.0f} MiB at most"
    report.say(f"     {NAME}, CSV of {short(rows)} orders: {took}")


def _export(hub: Hub) -> int:
    with in_hub(hub), open(os.devnull, "wb") as to:
        return bench_export.ours(to)
