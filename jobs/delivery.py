"""Asking delivery services from a page: prices, settlements, pickup points, histories.

A person waits for the answer, so a call is neither a run nor a transfer. It is made in one of a few threads without a
database session; the page waits at most `WAIT` seconds for it and otherwise says that it is still being asked. The
thread goes on, and the page's next question finds its answer. Answers are kept in `quotes` (orders/quotes.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from integrations import connectors
from integrations.base import FindsPlaces, PrintsPapers, QuotesDelivery, TellsHistory
from integrations.errors import VendorError
from integrations.types import Parcel, Place
from models import Connection, Link, TrackedParcel, db, reading
from orders import lists, quotes

from . import attempts, connections

WAIT = 2.5
PRINTED_IN = 15.0  # seconds that a person waits for a label to be printed
THREADS = 6
OFFERS_LAST, PLACES_LAST, POINTS_LAST = timedelta(hours=6), timedelta(days=7), timedelta(days=1)
HISTORY_LASTS = timedelta(seconds=60)


@dataclass(frozen=True)
class Answer:
    """What a service said. state: ready | waiting (ask again in a moment) | failed (with `fault` and `detail`)."""

    state: str = "ready"
    value: Any = ()
    key: str = ""
    fault: str = ""
    detail: str = ""


@dataclass
class Patience:
    """The seconds one page has for all its questions together."""

    seconds: float = field(default_factory=lambda: WAIT)
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        return max(self.until - time.monotonic(), 0.0)


Caller = Callable[[Any], Any]
Teller = Link | TrackedParcel
#: what is being asked, and since when
_under_way: dict[tuple[int, str], tuple[Future[tuple[Any, Any]], float]] = {}
_FRESH = 60.0  # seconds that an answer waits for its page; later ones ask anew
_MOST = 200  # questions under way, before answers that no page came back for are forgotten
_lock = threading.Lock()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "delivery")  # made at the first question: a forked server has its own


def services(found: Sequence[lists.Connected], currency: str = "") -> list[lists.Connected]:
    """Those of the connections that quote prices; first those that count in this currency."""
    known = connectors()
    quoting = [c for c in found if c.enabled and c.kind in known and known[c.kind].can(QuotesDelivery)]
    return sorted(quoting, key=lambda c: known[c.kind].currency not in ("", currency))


def parcel(values: Mapping[str, Any]) -> Parcel:
    """What is quoted of an order with these (settled) values."""
    cod = values["cod_amount"] if values.get("cod") else Decimal(0)
    sizes = {name: int(values[name] or 0) for name in ("weight", "length", "width", "height")}
    by_card = bool(cod) and values.get("cod_method") == "card"
    declared = max(values.get("declared_value") or Decimal(0), cod or Decimal(0))
    return Parcel(
        **sizes, declared_value=_exact(declared), cod=_exact(cod), by_card=by_card, currency=values["currency"]
    )


def _exact(amount: Decimal | None) -> Decimal:
    return Decimal(f"{(amount or Decimal(0)).normalize():f}")  # 1.50 and 1.5 are one question


def offers(row: Connection, shop_id: int | None, parcel: Parcel, place: Place, patience: Patience | None) -> Answer:
    """Quotes as lists of plain values; without the methods that the shop has switched off. Here and below: without
    patience only what is kept counts, and nobody is asked."""
    found = _ask(row, shop_id, offers_key(row, shop_id, parcel, place), OFFERS_LAST, patience,
                 lambda c: [asdict(offer) for offer in c.quote(parcel, place)])  # fmt: skip
    return _switched(found, shop_id, row.id)


def offers_key(row: Connection, shop_id: int | None, parcel: Parcel, place: Place) -> str:
    there = place.code or place.country
    return quotes.key("offers", shop_id, row.settings, asdict(parcel), there)


def _switched(answer: Answer, shop_id: int | None, connection_id: int) -> Answer:
    off = quotes.switched_off(shop_id, connection_id)
    return Answer(answer.state, [o for o in answer.value if o["code"] not in off], *_rest(answer)) if off else answer


def _rest(answer: Answer) -> tuple[str, str, str]:
    return answer.key, answer.fault, answer.detail


def settlements(row: Connection, shop_id: int | None, text: str, country: str, patience: Patience | None) -> Answer:
    text = " ".join(text.split()).casefold()[:80]
    if len(text) < 2 or not _can(row, FindsPlaces):
        return Answer()
    return _ask(row, shop_id, quotes.key("places", shop_id, text, country), PLACES_LAST, patience,
                lambda c: [asdict(place) for place in c.settlements(text, country)])  # fmt: skip


def points(
    row: Connection, shop_id: int | None, place: Place, method: str, parcel: Parcel, patience: Patience | None
) -> Answer:
    if not place.code or not _can(row, FindsPlaces):
        return Answer()
    key = quotes.key("points", shop_id, row.settings, place.code, method, asdict(parcel))
    return _ask(row, shop_id, key, POINTS_LAST, patience,
                lambda c: [asdict(point) for point in c.points(place, method, parcel)])  # fmt: skip


def history(link: Teller, patience: Patience) -> Answer:
    """A copy's history; a state that is news makes it be asked anew."""
    key = quotes.key("history", link.external_id, link.external_status, str(link.synced_at))
    external_id = str(link.external_id)
    return _ask(link.connection, None, key, HISTORY_LASTS, patience,
                lambda c: [_event(event) for event in c.history(external_id)])  # fmt: skip


def tellers(links: Sequence[Teller]) -> list[Teller]:
    """Those of an order's links whose system tells a history."""
    return [
        link for link in links if link.external_id and link.state != "pending" and _can(link.connection, TellsHistory)
    ]


def paper(link: Link, kind: str) -> Answer:
    """A document about a copy, as the service prints it; it is fetched here, since its address holds the key. Ends the
    caller's transaction."""
    if not _can(link.connection, PrintsPapers) or kind not in connectors()[link.connection.kind].papers:
        return Answer("failed", fault="not_found")
    row_id, external_id, opened = link.connection_id, str(link.external_id), connections.open_connector(link.connection)
    db.session.commit()
    asked = _threads().submit(_fetch, opened, lambda c: c.paper(external_id, kind))
    try:
        value, exchanges = asked.result(timeout=PRINTED_IN)
    except TimeoutError:
        return Answer("failed", fault="timeout")
    if not isinstance(value, VendorError):
        return Answer(value=value)
    reading.set(False)  # from here on it is written
    attempts.record(row_id, "print", exchanges, value)
    return Answer("failed", fault=value.fault, detail=value.detail)


def _fetch(opened: Any, call: Caller) -> tuple[Any, Any]:
    """In a thread: (what came or the error, exchanges)."""
    try:
        return call(opened), opened.http.exchanges()
    except VendorError as error:
        return error, opened.http.exchanges()


def _event(event: Any) -> dict[str, str]:
    return {"at": event.at.isoformat() if event.at else "", "text": event.text, "detail": event.detail}


def _can(row: Connection, capability: type) -> bool:
    return connections.usable(row) and connectors()[row.kind].can(capability)


def _ask(
    row: Connection, shop_id: int | None, key: str, lasts: timedelta, patience: Patience | None, call: Caller
) -> Answer:
    """From what is kept, else from the service. Ends the caller's transaction when it has to ask."""
    if (kept := quotes.find(row.id, key)) is not None:
        return Answer(value=kept, key=key)
    if patience is None:
        return Answer("waiting", key=key)
    row_id, opened = row.id, connections.open_connector(row)
    db.session.commit()  # nobody waits for a service with a transaction open
    with _lock:
        asked, since = _under_way.get((row_id, key)) or (None, 0.0)
        if asked is None or (asked.done() and time.monotonic() - since > _FRESH):
            asked = _threads().submit(_call, opened, call)
            _under_way[row_id, key] = asked, time.monotonic()
        _forget_old()
    try:
        value, exchanges = asked.result(timeout=patience.left)
    except TimeoutError:
        return Answer("waiting", key=key)
    finally:
        mine = asked.done() and _settled(row_id, key, asked)
    reading.set(False)  # from here on it is written, whatever kind of request this is
    if isinstance(value, VendorError):
        if mine:
            attempts.record(row_id, "quote", exchanges, value)
        return Answer("failed", key=key, fault=value.fault, detail=value.detail)
    quotes.keep(row_id, shop_id, key, value, lasts)
    db.session.commit()
    return Answer(value=value, key=key)


def _settled(row_id: int, key: str, asked: Future[tuple[Any, Any]]) -> bool:
    """Whether this page is the one that takes the answer in."""
    with _lock:
        return _under_way.pop((row_id, key), (None, 0.0))[0] is asked


def _call(opened: Any, call: Caller) -> tuple[Any, Any]:
    """In a thread: (plain values or the error, exchanges)."""
    value, exchanges = _fetch(opened, call)
    return value if isinstance(value, VendorError) else _plain(value), exchanges


def _plain(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As JSON keeps them: amounts as texts."""
    return [
        {k: str(v) if not isinstance(v, str | int | bool | list | tuple | None) else v for k, v in one.items()}
        for one in values
    ]


def _forget_old() -> None:
    """Half of the answers that no page came back for, once there are too many."""
    if len(_under_way) > _MOST:
        for key in [key for key, (asked, _since) in _under_way.items() if asked.done()][: _MOST // 2]:
            del _under_way[key]
