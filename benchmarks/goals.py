"""The goals as data: what is measured against what, and the two bars. A = must, B = what we are after."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    text: str
    against: str
    a: float
    b: float
    at_least: bool = False
    stated_at: int = 0  # the number of orders the goal was set for; 0 = any
    anywhere: bool = False  # no database has a part in it

    def verdict(self, ratio: float) -> str:
        for name, bar in (("B", self.b), ("A", self.a)):
            if ratio >= bar if self.at_least else ratio <= bar:
                return f"meets {name}"
        return "neither"


MILLION = 1_000_000
GOALS = {
    "1a": Goal("list page with counters", "oscar at 100k", 0.25, 0.15, stated_at=100_000),
    "1b": Goal("list page with counters", "oscar at 1M", 0.2, 0.12, stated_at=MILLION),
    "2": Goal("list page, large hub", "small hub", 1.3, 1.1, stated_at=MILLION),
    "3": Goal("list pages/s by gunicorn", "bare Flask page", 0.3, 0.5, at_least=True),
    "4a": Goal("page 1000", "first page", 1.5, 1.2, stated_at=MILLION),
    "4b": Goal("last page", "first page", 1.5, 1.2, stated_at=MILLION),
    "5a": Goal("counters per status, large hub", "small hub", 1.5, 1.1, stated_at=MILLION),
    "5b": Goal("counters per status", "raw group by", 0.05, 0.01, stated_at=MILLION),
    "6a": Goal("search, rare name", "first page", 1.5, 1.2, stated_at=MILLION),
    "6b": Goal("search, phone tail", "first page", 1.5, 1.2, stated_at=MILLION),
    "6c": Goal("search, number", "first page", 1.5, 1.2, stated_at=MILLION),
    "7a": Goal("search, 8 % of orders match", "first page", 3, 1.5, stated_at=MILLION),
    "7b": Goal("search, 8 % of orders match", "oscar at 1M", 0.05, 0.02, stated_at=MILLION),
    "C6a": Goal("catalogue: search, rare word", "its first page", 1.5, 1.2, stated_at=200_000),
    "C6b": Goal("catalogue: search, SKU", "its first page", 1.5, 1.2, stated_at=200_000),
    "C7": Goal("catalogue: search, 8 % of products match", "its first page", 3, 1.5, stated_at=200_000),
    "8a": Goal("search, rare name", "oscar at 1M", 0.15, 0.08, stated_at=MILLION),
    "8b": Goal("search, rare name", "pretix at 100k", 0.02, 0.01, stated_at=100_000),
    "9": Goal("one order", "oscar at 100k", 0.3, 0.2, stated_at=100_000),
    "10": Goal("CSV of all orders, rows/s", "raw cursor and csv", 0.4, 0.7, at_least=True, stated_at=MILLION),
    "11": Goal("CSV of all orders, rows/s", "oscar at 100k", 15, 30, at_least=True, stated_at=100_000),
    "12a": Goal("CSV of all orders, growth", "1 MiB", 32, 16, stated_at=MILLION),
    "12b": Goal("CSV of all orders, first bytes", "1 s", 0.5, 0.1, stated_at=MILLION),
    "13": Goal("YML write, offers/s", "plain strings", 0.7, 0.9, at_least=True, anywhere=True),
    "14": Goal("YML write from the database, offers/s", "plain strings", 0.3, 0.5, at_least=True, stated_at=MILLION),
    "15a": Goal("YML write and parse, growth, many offers", "a third of them", 1.1, 1.05, anywhere=True),
    "15b": Goal("YML write and parse, peak memory", "1 MiB", 96, 64, anywhere=True),
    "16a": Goal("YML parse to checked offers, offers/s", "lxml iterparse", 0.4, 0.7, at_least=True, anywhere=True),
    "16b": Goal("YML parse to checked offers, offers/s", "defusedxml", 0.7, 1.0, at_least=True, anywhere=True),
    "17": Goal("enqueue one transfer", "rq Queue.enqueue", 0.6, 0.9, at_least=True),
    "18": Goal("transfers/s, asked for one by one", "no-op jobs/s", 0.5, 0.8, at_least=True),
    "19": Goal("orders/s in batches", "httpx pooled, 1 thread", 0.35, 0.6, at_least=True),
    "20": Goal("status change with history, counters", "raw, per commit", 0.1, 0.25, at_least=True),
    "21": Goal("marketplace import, orders/s", "raw executemany/COPY", 0.05, 0.15, at_least=True),
    # of the requirements, not of the table: what the vendor's limit allows
    "Q1": Goal("a quote from what is kept, whole request", "20 ms", 1, 0.5),
    "L1": Goal("2,000 orders under the vendor's limit", "10 calls/s of 50", 0.9, 0.95, at_least=True),
    "L3": Goal("three shops of 400 orders a day, polled every 2 minutes", "one core", 0.05, 0.025),
    "L4": Goal("orders that waited out an outage, orders/s", "pages at the vendor's pace", 0.8, 0.95, at_least=True),
    "L5": Goal("1,000 orders to a vendor that takes 60 calls a minute", "20 batches, one a second", 1.2, 1.0),
    "L2": Goal("the same with 50 ms latency", "10 calls/s of 50", 0.9, 0.95, at_least=True),
}
