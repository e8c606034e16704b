"""`python -m benchmarks`: all benchmarks, a line for each goal. Exit status 1 when a goal has none.

BENCH_SIZE=1000000 (or --size) for the full size; the small hub is a tenth, but for 1M, where it has 10,000 orders.
--peers runs django-oscar beside the hub, in turns, instead of an estimate; --only peers measures nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from . import (
    bench_catalogue,
    bench_export,
    bench_pages,
    bench_peers,
    bench_polling,
    bench_quotes,
    bench_work,
    oscar_peer,
)
from .goals import GOALS
from .hub import Hubs, short
from .report import Report

SMALL = 10_000
LARGE = 100_000
#: enough to see that everything runs
TINY = (300, 1_500)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", type=int, default=int(os.environ.get("BENCH_SIZE") or LARGE), help="orders")
    parser.add_argument("--small", action="store_true", help="tiny hubs: does everything run?")
    parser.add_argument("--only", choices=("pages", "work", "peers"), help="one part of them")
    parser.add_argument("--peers", action="store_true", help="install django-oscar and measure beside it")
    options = parser.parse_args(arguments)
    sizes = TINY if options.small else (min(SMALL, options.size // 10), options.size)
    seconds = 0.3 if options.small else 4.0
    beside = goals_beside(options, max(sizes))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Hubs(Path(folder)) as hubs:
        report.say(f"hubs of {short(sizes[0])} and {short(sizes[1])} orders; ratios inside one run, quickest rounds")
        if beside:
            with oscar_peer.started(hubs, max(sizes), report) as peer:
                bench_peers.measure(hubs, peer, report, seconds)
        if options.only not in ("work", "peers"):
            bench_pages.measure(hubs, sizes, report, seconds, beside)
            bench_export.measure(hubs, sizes, report, seconds, beside)
            bench_quotes.measure(hubs, min(sizes), report, seconds)
            bench_catalogue.measure(hubs, report, 2_000 if options.small else 200_000)
        if options.only not in ("pages", "peers"):
            bench_work.measure(hubs, report, 0.05 if options.small else 1)
            bench_polling.measure(hubs, report, 0.05 if options.small else 1)
    if silent := report.silent(beside if options.only == "peers" else goals_of(options.only)):
        print(f"nothing was said of goals: {', '.join(silent)}", file=sys.stderr)
        return 1
    return 0


def goals_beside(options: argparse.Namespace, size: int) -> set[str]:
    """Those that are measured against a peer that runs here."""
    wanted = options.only == "peers" or options.peers and options.only != "work"
    return bench_peers.goals_at(size) if wanted else set()


def goals_of(half: str | None) -> set[str]:
    """Those that this half of the benchmarks speaks of."""
    of_work = {name for name in GOALS if name[0] == "L" or (name[0].isdigit() and int(name.rstrip("abc")) >= 17)}
    return {"work": of_work, "pages": set(GOALS) - of_work}.get(half or "", set(GOALS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
