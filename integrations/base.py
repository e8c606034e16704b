"""What a connector is: facts as class attributes, a settings form, mapping tables, and small capabilities.

A connector is made for one connection, used by one job (possibly from a few threads at once), and thrown
away: it keeps no state between calls but what it is given. It does its I/O only through `self.http`, raises only
integrations.errors, and never retries by itself: the jobs decide that. Translation to and from the vendor's shapes
lives in translate.py as pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from .forms import MASK as MASK
from .forms import SecretField as SecretField
from .forms import SettingsForm as SettingsForm
from .forms import an_address as an_address
from .forms import required as required
from .http import HttpClient
from .text import N_
from .types import (
    Copy,
    Event,
    MessageSent,
    Notice,
    OrderData,
    Page,
    Paper,
    Parcel,
    PaymentAsked,
    PaymentStarted,
    PaymentState,
    Place,
    Point,
    ProductData,
    ProductPage,
    Quote,
    Raw,
    Reference,
    RefundAsked,
    Reply,
    Sent,
    StatusChange,
    StockData,
    TestResult,
)


@dataclass(frozen=True)
class Extra:
    """One more column of a mapping table, e.g. the reason that a cancelled status needs."""

    key: str
    title: str
    choices: Sequence[tuple[str, str]] = ()  # (code, title); empty = free text or a tick
    kind: str = "select"  # select | text | tick | number (a whole one from 1 to `most`)
    #: their code -> what is suggested here with it
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: of a tick: their codes that can't do without it; it is set with them
    needed: frozenset[str] = frozenset()
    most: int = 0


@dataclass(frozen=True)
class MappingTable:
    """Which of our lists meets which of theirs. "in": their code leads to one of ours; "out": ours to theirs."""

    key: str  # e.g. "status_out"
    title: str
    direction: str  # in | out
    ours: str  # key of a registry: statuses, delivery, payment…
    theirs: str  # key of a reference list of the connector
    help: str = ""
    extras: Sequence[Extra] = ()
    #: their code or group -> our group, kind or key: for suggestions that names alone can't give
    hints: Mapping[str, str] = field(default_factory=dict)
    #: the same by their name, in lower case and without hyphens: for what users call things at this vendor
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Periodic work: orders (pull), statuses (read back), references (lists for mapping editors), catalogue, prices."""

    key: str
    title: str
    every: int  # seconds
    at_hour: int | None = None  # of the day in the hub's zone, for what runs once a day
    asked: bool = False  # rests until staff switch it on


@dataclass(frozen=True)
class HookLink:
    """One address that people enter over there by hand. `event` is its last part, "" for the connection's only one;
    `steps`: how to enter it, in our own words (marked N_)."""

    event: str = ""
    title: str = ""
    steps: Sequence[str] = ()


REFRESH_LISTS = Task("references", N_("Refresh lists"), 86_400)


@dataclass(frozen=True)
class Account:
    """What a connector gets of its connection."""

    id: int
    name: str
    settings: Mapping[str, Any] = field(repr=False)  # all fields of the Settings form, secrets too


class Connector:
    """Base of all connectors."""

    key: ClassVar[str]  #: stable, lower case; the folder's name
    title: ClassVar[str]
    color: ClassVar[str] = "blue"  #: of the initials tile
    summary: ClassVar[str] = ""  #: one sentence for the catalogue of integrations
    countries: ClassVar[tuple[str, ...]] = ()
    currencies: ClassVar[tuple[str, ...]] = ()  #: of payments; () = any
    paid_by: ClassVar[str] = ""  #: the ways to pay through it, for customers
    api_url: ClassVar[str]  #: default address; "" when the settings must give it
    docs_url: ClassVar[str] = ""
    rate: ClassVar[float | None] = None  #: requests a second; None = unpublished, obey 429
    rate_window: ClassVar[float] = 1.0  #: seconds over which the vendor counts them: what it lets come in a burst
    batch_size: ClassVar[int] = 1  #: orders in one `send`
    #: seconds until what was written is surely found there: nothing uncertain is looked up, and so sent again, before
    shows_late: ClassVar[float] = 0.0
    stock_batch: ClassVar[int] = 100  #: offers in one `write_stock`
    Settings: ClassVar[type[SettingsForm]] = SettingsForm
    mappings: ClassVar[Sequence[MappingTable]] = ()
    tasks: ClassVar[Sequence[Task]] = ()
    #: it carries parcels: the number it gives a copy is the order's tracking number, its status the parcel's
    delivers: ClassVar[bool] = False
    currency: ClassVar[str] = ""  #: the only one that it counts in
    #: of what `Tracks`: a whole number of its parcels, as a pattern; its name among the keys of delivery methods
    number_pattern: ClassVar[str] = ""
    carrier: ClassVar[str] = ""
    papers: ClassVar[Mapping[str, str]] = {}  #: of what `PrintsPapers`: code -> title (marked N_)
    #: keeps no journal of changes: `statuses` is given a cursor {"ids": external ids of live copies} instead. Copies
    #: in one of `final_statuses` aren't asked about any more
    asked_by_id: ClassVar[bool] = False
    final_statuses: ClassVar[frozenset[str]] = frozenset()
    #: settings fields that say where a shop link is; used by pages only
    help_steps: ClassVar[Sequence[str]] = ()  #: how to get the credentials, step by step, in our own words

    def __init__(self, account: Account, http: HttpClient) -> None:
        self.account = account
        self.settings = account.settings
        self.http = http

    @property
    def base_url(self) -> str:
        return str(self.settings.get("api_url") or self.api_url).rstrip("/")

    def hook_links(self) -> Sequence[HookLink]:
        """Of what `ReceivesWebhooks`: its addresses, as the settings have it; none while they leave nothing to tell."""
        return (HookLink(),)

    @classmethod
    def secret_names(cls) -> set[str]:
        return {f.name for f in cls.Settings() if isinstance(f, SecretField)}

    @classmethod
    def takes_orders(cls, settings: Mapping[str, Any]) -> bool:
        """Of what `ReceivesOrders`: do the settings let orders be sent at all?"""
        return True

    @classmethod
    def can(cls, capability: type) -> bool:
        """Does this connector offer the capability (one of the protocols below)?"""
        wanted = [name for name in vars(capability) if not name.startswith("_")]
        return all(callable(getattr(cls, name, None)) for name in wanted)

    def test(self) -> TestResult:
        """Try the credentials with a harmless read. Raises VendorError, or tells what else is wrong."""
        raise NotImplementedError  # every connector has it; the registry refuses one without


@runtime_checkable
class PullsOrders(Protocol):
    """A source. `pull` yields pages, oldest knowledge last, until a page with a cursor ends it. Safe to repeat:
    it may give an order again (overlap is wanted), it may not skip one, nor one that we have changed there since: that
    is how the two sides come to agree on its status. The first pull has an empty cursor."""

    def pull(self, cursor: Mapping[str, Any], now: datetime) -> Iterator[Page]: ...

    def read(self, raw: Raw) -> OrderData: ...  # pure translation; never raises for an unknown code


@runtime_checkable
class ReadsOrders(Protocol):
    """A source that can be asked for given orders again, up to 100 at a time. One that is gone is left out."""

    def orders_of(self, external_ids: Sequence[str]) -> Sequence[Raw]: ...


@runtime_checkable
class PullsProducts(Protocol):
    """A catalogue. Yields all of it, page by page; with `prices_only` whatever is quickest that still tells price and
    stock (where the vendor has nothing quicker, the same). It never holds the whole in memory. Raises VendorError;
    an offer that can't be read is told in the page's `broken` and stops nothing."""

    def products(self, prices_only: bool = False) -> Iterator[ProductPage]: ...


@runtime_checkable
class ResumesProducts(Protocol):
    """A catalogue that can be read on from where a reading stood: `mark` is that of the last page that was taken, {}
    for the beginning. Pages tell their marks. Nothing that was there all the time may be skipped, whatever else came
    or went."""

    def products_from(self, mark: Mapping[str, Any], prices_only: bool = False) -> Iterator[ProductPage]: ...


@runtime_checkable
class TellsCategories(Protocol):
    """A catalogue that tells its categories by themselves, as the paths that its offers have. Raises VendorError."""

    def categories(self) -> Sequence[str]: ...


@runtime_checkable
class WritesStock(Protocol):
    """Tells the system how many there are, up to `stock_batch` (a class attribute, 100 unless set) at a time; answers
    for every external id with (fault, detail) as in Sent: fault "" = taken. Safe to repeat."""

    def write_stock(self, changes: Sequence[StockData]) -> Mapping[str, tuple[str, str]]: ...


@runtime_checkable
class ReceivesOrders(Protocol):
    """A destination. `send` creates up to batch_size orders and answers for each; `update` changes a copy;
    `find` looks orders up by our key: it is asked before anything uncertain is sent again, so it must be exact."""

    def send(self, orders: Sequence[OrderData]) -> Sequence[Sent]: ...

    def update(self, external_id: str, order: OrderData) -> Sent: ...

    def find(self, keys: Sequence[str]) -> Mapping[str, Copy]: ...


@runtime_checkable
class KeepsProducts(Protocol):
    """A destination whose orders name products that must exist. Called before `send` for SKUs not yet known;
    creates what is absent. Returns the external id of each SKU it could settle."""

    def ensure_products(self, products: Sequence[ProductData]) -> Mapping[str, str]: ...


@runtime_checkable
class DeletesOrders(Protocol):
    """A destination that deletes a copy when its order is deleted here. Asked again after a lost answer: one that is
    gone already is Refused("not_found"), which counts as done."""

    def delete(self, external_id: str) -> None: ...


@runtime_checkable
class ReadsStatuses(Protocol):
    """`statuses` reads what changed since the cursor: returns changes (our own left out where the vendor marks
    them) and the next cursor. `statuses_of` reads given orders on demand, up to 100 at a time."""

    def statuses(
        self, cursor: Mapping[str, Any], now: datetime
    ) -> tuple[Sequence[StatusChange], Mapping[str, Any]]: ...

    def statuses_of(self, external_ids: Sequence[str]) -> Sequence[StatusChange]: ...


@runtime_checkable
class WritesStatuses(Protocol):
    """Writes several changes; answers for every external id with (fault, detail) as in Sent: fault "" = changed.
    Raises VendorError when nothing was written and the reason lies with the call, not with one order."""

    def write_statuses(self, changes: Sequence[StatusChange]) -> Mapping[str, tuple[str, str]]: ...


@runtime_checkable
class GreetsOrders(Protocol):
    """A source that wants an answer when an order is taken in: the status to write back, or None. Pure."""

    def on_arrival(self, order: OrderData) -> StatusChange | None: ...


@runtime_checkable
class WritesTracking(Protocol):
    """`carrier`: its code or its name, in any of the languages staff use."""

    def write_tracking(self, external_id: str, number: str, carrier: str) -> None: ...


@runtime_checkable
class OffersLists(Protocol):
    """Reference lists for the mapping editors and settings: list key -> entries."""

    def references(self) -> Mapping[str, Sequence[Reference]]: ...


@runtime_checkable
class TakesPayments(Protocol):
    """A payment service. A payment is named by the vendor's id where it has one, and by our reference.

    `start_payment` is called once for a reference; when its answer is lost, `read_payment` is asked by the reference
    alone before anything else: it raises Refused("not_found") when the vendor knows none, and must be exact.
    `read_payment` may be called at any time and is the only thing the hub believes. `cancel_payment` calls off one that
    isn't paid. `refund_payment` gives a part or all back; it is sent a second time only by a person who has seen that
    the first did nothing."""

    def start_payment(self, asked: PaymentAsked) -> PaymentStarted: ...

    def read_payment(self, external_id: str, reference: str) -> PaymentState: ...

    def cancel_payment(self, external_id: str, reference: str) -> None: ...

    def refund_payment(self, asked: RefundAsked) -> None: ...


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """A vendor that posts notices. `notices` makes no calls: it checks the signature, where there is one, in constant
    time (else the secret in the address is all that vouches for them), and raises Refused: "credentials" for a wrong
    one, "validation" for what can't be read. Of a copy's status it gives StatusNotices (integrations/notices.py), and
    `ignored` says of what is not for us why. `answer` says what the vendor wants to hear once they are stored.
    `headers`: names in lower case."""

    def notices(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]: ...

    def answer(self, notices: Sequence[Notice]) -> Reply: ...


@runtime_checkable
class SendsMessages(Protocol):
    """A messenger. `send_message` takes HTML of its own few tags, every value in it escaped; it is called once a
    message and never again after a lost answer. `chats`: who has written to us lately; `start_link`: where a person
    opens a chat with us, so that `chats` finds it, and `started`, with the code that the link was made with (at most 64
    letters, digits, hyphens and underscores)."""

    def send_message(self, chat: str, text: str) -> MessageSent: ...

    def chats(self) -> Sequence[Reference]: ...

    def start_link(self, code: str = "orders") -> str: ...

    def started(self) -> Mapping[str, Reference]: ...  # code -> the private chat of whoever opened the link


@runtime_checkable
class QuotesDelivery(Protocol):
    """Offers for a parcel, the impossible ones with the reason where the service tells it. Harmless."""

    def quote(self, parcel: Parcel, place: Place) -> Sequence[Quote]: ...


@runtime_checkable
class FindsPlaces(Protocol):
    """`settlements`: what a typed text may mean, best first. `points`: where `method` hands parcels over there."""

    def settlements(self, text: str, country: str) -> Sequence[Place]: ...

    def points(self, place: Place, method: str, parcel: Parcel) -> Sequence[Point]: ...


@runtime_checkable
class TellsHistory(Protocol):
    """Everything that happened to a copy, oldest first."""

    def history(self, external_id: str) -> Sequence[Event]: ...


@runtime_checkable
class Tracks(Protocol):
    """A delivery service that tells the state of any of its parcels, whoever made them. `track` takes numbers that
    `number_pattern` fits and answers by number (as `external_id`); one that it doesn't know may be left out."""

    def track(self, numbers: Sequence[str]) -> Sequence[StatusChange]: ...


@runtime_checkable
class PrintsPapers(Protocol):
    """What can be printed of a copy is in the connector's `papers`; `paper` fetches one. Harmless."""

    def paper(self, external_id: str, kind: str) -> Paper: ...
