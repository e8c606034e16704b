"""Tells systems how many there are to sell: the rows of `stock_news`, in batches, until none is due.

What is told is the stock at the moment of the call, so a call may be repeated at any time. What a system was told last
is kept with its offer (`told_stock`), and the same is not told twice; only after an answer that got lost, since nobody
knows which number arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from integrations.base import WritesStock
from integrations.errors import FAULTS, Later, VendorError, failure
from integrations.types import StockData
from models import Connection, Offer, Product, Run, StockNews, db, utcnow
from orders import stock

from . import attempts, connections, retries

#: by whom a run is asked for that tells what is waiting; any other compares all offers first
HUB, SCHEDULE = "hub", "schedule"
#: offers that a run's report names
NAMED = 20


@dataclass(frozen=True)
class News:
    """A row of `stock_news` with what it takes to tell it. `stock` None: it is not counted any more."""

    id: int
    revision: int
    uncertain: bool
    tries: int
    offer_id: int
    external_id: str
    own_id: str
    sku: str
    stock: Decimal | None
    told: Decimal | None

    @property
    def quantity(self) -> Decimal:
        return max(self.stock or Decimal(0), Decimal(0))

    @property
    def needed(self) -> bool:
        return self.stock is not None and (self.uncertain or self.told != self.quantity)


def tell(run_id: int, connection: Connection, keep: Callable[..., None]) -> str:
    """Tell all that is due; returns what the run's report says of those that were refused. Raises VendorError when the
    system takes nothing now: the rest waits for its time."""
    connector = connections.open_connector(connection)
    connection_id, wanted = connection.id, bool((connection.settings or {}).get(stock.TELL))
    if not wanted or not isinstance(connector, WritesStock):
        return ""
    by = db.session.scalar(db.select(Run.requested_by).where(Run.id == run_id))
    if by != HUB:
        compare(connection_id, again=by != SCHEDULE)
    counts, refused = {"seen": 0, "changed": 0, "failed": 0}, []
    while rows := _due(connection_id, connector.stock_batch):
        due = _begin(rows)
        counts["seen"] += len(rows)
        if due:
            said = _tell(connection_id, connector, due)
            refused += [f"{news.sku or news.external_id}: {said[news.id][1]}" for news in due if _over(said[news.id])]
            counts["changed"] += sum(not said[news.id][0] for news in due)
            counts["failed"] += sum(bool(said[news.id][0]) for news in due)
        keep(run_id, **counts)
        db.session.commit()
    more = [f"… {len(refused) - NAMED}"] if len(refused) > NAMED else []
    return "\n".join([*refused[:NAMED], *more])


def compare(connection_id: int, again: bool) -> None:
    """Find all offers that were told something else than what is there; commits. `again`: those that were refused, or
    wait for their time, too."""
    there = db.case((Product.stock < 0, Decimal(0)), else_=Product.stock)
    query = (
        db.select(Offer.id)
        .join(Product, Product.id == Offer.product_id)
        .where(Offer.connection_id == connection_id, Offer.gone_at.is_(None), Product.stock.is_not(None))
        .where(there.is_distinct_from(Offer.told_stock))
        .order_by(Offer.id)
        .limit(stock.CHUNK)
    )
    if not again:
        query = query.where(~db.select(StockNews.id).where(StockNews.offer_id == Offer.id).exists())
    after = 0
    while ids := db.session.scalars(query.where(Offer.id > after)).all():
        after = ids[-1]
        stock.ask(db.session(), [(connection_id, offer_id) for offer_id in ids])
        db.session().info.pop("jobs", None)  # this run tells them
        db.session.commit()


def _due(connection_id: int, size: int) -> list[News]:
    query = (
        db.select(
            StockNews.id,
            StockNews.revision,
            StockNews.uncertain,
            StockNews.tries,
            StockNews.offer_id,
            Offer.external_id,
            Offer.own_id,
            Offer.sku,
            Product.stock,
            Offer.told_stock,
        )
        .join(Offer, Offer.id == StockNews.offer_id)
        .outerjoin(Product, Product.id == Offer.product_id)
        .where(StockNews.connection_id == connection_id, StockNews.state == "waiting")
        .where(StockNews.not_before <= utcnow())
        .order_by(StockNews.not_before, StockNews.id)
        .limit(size)
    )
    return [News(*row) for row in db.session.execute(query)]


def _begin(rows: Sequence[News]) -> list[News]:
    """Drop what needs no telling, and write down that the rest is about to be told; commits."""
    due = [news for news in rows if news.needed]
    _settle([news for news in rows if not news.needed], db.delete(StockNews))
    _settle_all(due, uncertain=True, tries=StockNews.tries + 1)
    db.session.commit()
    return due


def _tell(connection_id: int, connector: Any, due: Sequence[News]) -> Mapping[int, tuple[str, str]]:
    """One call, and what came of it: row -> (fault, the vendor's words). Raises what the whole call failed with."""
    changes = [StockData(news.external_id, news.quantity, news.own_id, news.sku) for news in due]
    try:
        said = connector.write_stock(changes)
    except VendorError as error:
        _write(due, {news.id: (error.fault, error.detail) for news in due}, error)
        attempts.record(connection_id, "stock", connector.http.exchanges(), error)
        raise
    unknown = ("broken", "no answer for this offer")
    found = {news.id: said.get(news.external_id, unknown) for news in due}
    _write(due, found)
    attempts.record(connection_id, "stock", connector.http.exchanges(), _first_of(found))
    connections.note_answer(connection_id, None)
    return found


def _first_of(found: Mapping[int, tuple[str, str]]) -> VendorError | None:
    return next((failure(fault, detail) for fault, detail in found.values() if fault), None)


def _over(said: tuple[str, str]) -> bool:
    return FAULTS.get(said[0]) == "refused"


def _write(due: Sequence[News], said: Mapping[int, tuple[str, str]], whole: VendorError | None = None) -> None:
    """Results, in one transaction. A row that was asked for anew meanwhile stays, with what is known now."""
    now = utcnow()
    for news in due:
        fault, detail = said[news.id]
        if not fault:
            told = {"told_stock": news.quantity, "told_at": now}
            db.session.execute(db.update(Offer).where(Offer.id == news.offer_id).values(told))
            _settle([news], db.delete(StockNews))
            _settle_all([news], uncertain=False)
            continue
        uncertain = news.uncertain or FAULTS[fault] == "unknown"
        _settle_all([news], uncertain=uncertain, fault=fault, detail=detail[:2000])
        if _over((fault, detail)) and whole is None:
            _settle([news], db.update(StockNews).values(state="refused"))
        else:
            _settle([news], db.update(StockNews).values(not_before=_again(now, news, whole)))
    db.session.commit()


def _again(now: datetime, news: News, whole: VendorError | None) -> datetime:
    """When to try again. A refusal of the whole call is no fault of the offer's: each hour, until somebody mends it."""
    if whole is not None and _over((whole.fault, "")):
        return now + timedelta(seconds=retries.LATER[-1])
    wait = whole.retry_after if isinstance(whole, Later) else None
    when = retries.later(now, min(news.tries + 1, retries.LATER_TRIES - 1), wait)
    return when or now


def _settle(rows: Sequence[News], query: Any) -> None:
    """Change or delete rows, but for those that were asked for anew meanwhile."""
    if rows:
        same = db.tuple_(StockNews.id, StockNews.revision).in_([(news.id, news.revision) for news in rows])
        db.session.execute(query.where(same).execution_options(synchronize_session=False))


def _settle_all(rows: Sequence[News], **values: Any) -> None:
    query = db.update(StockNews).where(StockNews.id.in_([news.id for news in rows])).values(**values)
    db.session.execute(query.execution_options(synchronize_session=False))
