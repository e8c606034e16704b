"""The plain data that connectors take and return. No tables, no network: dataclasses only.

Money is Decimal in `currency`; weights are grams, sizes millimetres, times aware UTC, phones E.164 (or as given, where
they can't be read). Codes are the vendor's own, as strings; the jobs turn them into ours by the connection's mappings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Person:
    last_name: str = ""
    first_name: str = ""
    patronymic: str = ""
    phone: str = ""
    email: str = ""

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.last_name, self.first_name, self.patronymic) if part)


@dataclass(frozen=True)
class Address:
    country: str = ""  # ISO 3166-1 alpha-2
    region: str = ""
    city: str = ""
    street: str = ""
    house: str = ""
    flat: str = ""
    postal_code: str = ""
    text: str = ""  # the whole address in one line


@dataclass(frozen=True)
class Delivery:
    """`code`/`name`: the method in the vendor's words (incoming) or ours (outgoing)."""

    code: str = ""
    name: str = ""
    tariff_code: str = ""
    tariff_name: str = ""
    term: str = ""
    pickup_code: str = ""
    pickup_address: str = ""
    cost: Decimal = Decimal(0)
    tracking_number: str = ""
    service_code: str = ""  # outgoing: the method chosen from the quotes of the system that this goes to
    settlement: str = ""  # outgoing: the place in that system's own code
    kind: str = ""  # outgoing: standard | end-to-end | export
    carrier: str = ""  # outgoing: the courier of that method, where the system names one


@dataclass(frozen=True)
class Payment:
    """`kind` is one of ours: cod_cash, cod_card, online_card, transfer, other (outgoing)."""

    code: str = ""
    name: str = ""
    kind: str = "other"
    paid: bool = False
    state: str = ""  # the vendor's word for it
    cod: bool = False
    cod_amount: Decimal = Decimal(0)
    paid_at: datetime | None = None


@dataclass(frozen=True)
class LineData:
    name: str
    sku: str = ""
    external_id: str = ""
    quantity: Decimal = Decimal(1)
    price: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)  # off the whole line
    weight: int = 0

    @property
    def amount(self) -> Decimal:
        return self.price * self.quantity - self.discount


@dataclass(frozen=True)
class OrderData:
    """An order on its way in or out. `key` is our stable name for it: other systems hold it as their external id."""

    key: str = ""
    number: str = ""
    external_id: str = ""  # incoming: the vendor's id
    status: str = ""  # incoming: the vendor's code; outgoing: "" unless mapped
    status_name: str = ""
    placed_at: datetime | None = None
    currency: str = "UAH"
    recipient: Person = field(default_factory=Person)
    buyer: Person | None = None  # only when another person
    address: Address = field(default_factory=Address)
    delivery: Delivery = field(default_factory=Delivery)
    payment: Payment = field(default_factory=Payment)
    lines: Sequence[LineData] = ()
    discount: Decimal = Decimal(0)  # off the whole order
    coupon: str = ""
    total: Decimal = Decimal(0)  # goods - discounts + delivery
    declared_value: Decimal = Decimal(0)
    weight: int = 0
    length: int = 0
    width: int = 0
    height: int = 0
    customer_comment: str = ""
    staff_comment: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)
    do_not_call: bool = False
    fulfilment: bool = False
    commission: Decimal | None = None
    cancel_reason: str = ""
    cancel_text: str = ""


@dataclass(frozen=True)
class Raw:
    """An order exactly as the vendor sent it, to be stored before anything is made of it."""

    external_id: str
    body: Any  # JSON


@dataclass(frozen=True)
class Page:
    """Some raw orders and, with the last page, the cursor that the next pull starts from."""

    orders: Sequence[Raw]
    cursor: Mapping[str, Any] | None = None  # None = more pages follow


@dataclass(frozen=True)
class Copy:
    """What a connected system holds of one of our orders."""

    external_id: str
    number: str = ""
    status: str = ""
    status_name: str = ""
    url: str = ""


@dataclass(frozen=True)
class Sent:
    """The outcome for one order of a batch. fault "" = done, and `copy` is there."""

    key: str
    copy: Copy | None = None
    fault: str = ""  # a class from errors.py, e.g. "validation"
    detail: str = ""  # the vendor's own words
    field: str = ""  # which of our fields the vendor complains about, where it says so


@dataclass(frozen=True)
class StatusChange:
    """A status to write (out), or one that was read (in)."""

    external_id: str
    status: str
    key: str = ""  # our order, where the vendor tells it
    status_name: str = ""
    reason: str = ""
    text: str = ""
    tracking_number: str = ""  # out: to be told in the same call, where the mapping says so
    at: datetime | None = None  # in: since when the copy is as it was read, by their clock, where they tell it


@dataclass(frozen=True)
class MessageSent:
    """A message that the other side has taken. `chat`: where it went; another than asked for when a chat has moved."""

    external_id: str
    chat: str


@dataclass(frozen=True)
class Reference:
    """One entry of a vendor's list. `group` is the vendor's coarser word where there is one."""

    code: str
    name: str
    group: str = ""
    settable: bool = True  # False: it comes from there and can't be written back, e.g. what the vendor sets by itself


@dataclass(frozen=True)
class ProductData:
    """A product on its way out (sku, name, price, weight), or an offer as a catalogue tells it (all that is known)."""

    sku: str
    name: str
    price: Decimal = Decimal(0)
    weight: int = 0
    external_id: str = ""
    own_id: str = ""  # the seller's own id there, when the vendor keeps one beside its own
    barcode: str = ""
    old_price: Decimal | None = None
    currency: str = "UAH"
    quantity: Decimal | None = None  # None = not told
    available: bool = True
    category: str = ""  # the path there, " / " between the names
    brand: str = ""
    description: str = ""
    url: str = ""
    pictures: Sequence[str] = ()
    group: str = ""  # variants of one product share it
    options: Mapping[str, str] = field(default_factory=dict)  # what tells a variant: {"Color": "red"}
    length: int = 0
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class ProductPage:
    """Some offers of a catalogue. `broken`: those that could not be read: (its id or place, why)."""

    products: Sequence[ProductData]
    total: int | None = None  # of the whole catalogue, where the vendor tells
    broken: Sequence[tuple[str, str]] = ()
    mark: Mapping[str, Any] = field(default_factory=dict)  # where one that can be resumed goes on after this page


@dataclass(frozen=True)
class StockData:
    """How many of an offer there are to sell now."""

    external_id: str
    quantity: Decimal
    own_id: str = ""
    sku: str = ""


#: PaymentState.state. waiting: the money is held and not taken yet; paid stays paid while a part is given back
PAYMENT_STATES = ("pending", "waiting", "paid", "cancelled", "failed", "refunded")


@dataclass(frozen=True)
class PaymentAsked:
    """A payment to be started. `reference`: ours, one for each attempt; vendors refuse or repeat one that they know."""

    reference: str
    amount: Decimal
    currency: str
    description: str
    return_url: str  # where the customer's browser comes back to
    callback_url: str  # where the vendor posts its notices
    order: OrderData = field(default_factory=OrderData)
    language: str = "uk"


@dataclass(frozen=True)
class RefundAsked:
    """Money to be given back: `amount` of a payment of `paid`. `external_id` as in PaymentStarted. `key`: the same when
    the same refund is asked for again."""

    external_id: str
    reference: str
    amount: Decimal
    currency: str
    key: str
    paid: Decimal
    order: OrderData = field(default_factory=OrderData)


@dataclass(frozen=True)
class PaymentStarted:
    """`external_id`: the vendor's own, "" where it knows the payment by our reference. `url`: where it is paid."""

    external_id: str
    url: str


@dataclass(frozen=True)
class PaymentState:
    """How a payment stands at the vendor. `raw`: its own word; a word we don't know reads as pending."""

    state: str
    amount: Decimal
    currency: str
    refunded: Decimal = Decimal(0)  # in all
    raw: str = ""
    at: datetime | None = None  # when it was paid, where the vendor tells
    external_id: str = ""
    reference: str = ""
    url: str = ""  # where it can be paid, while it can and where the vendor tells
    detail: str = ""  # why it failed, in the vendor's words


@dataclass(frozen=True)
class Notice:
    """That something happened there. It says what to look at; what happened is read from the vendor itself.
    `event_id`: the same for a repetition."""

    event: str  # what it is about: payment
    event_id: str
    external_id: str = ""
    reference: str = ""
    body: Any = None  # JSON, as it came


@dataclass(frozen=True)
class Reply:
    """What a vendor wants to be answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Parcel:
    """What the price of a delivery depends on, besides the place. Money in `currency`; nothing to collect: cod 0."""

    weight: int = 0
    length: int = 0
    width: int = 0
    height: int = 0
    declared_value: Decimal = Decimal(0)
    cod: Decimal = Decimal(0)
    by_card: bool = False  # what is collected is paid by card
    currency: str = "RUB"


@dataclass(frozen=True)
class Place:
    """A settlement in a delivery service's own code. `code` may be empty where only the country counts (export)."""

    code: str = ""
    name: str = ""
    region: str = ""
    country: str = ""
    kind: str = ""  # "г.", "с.": as the service shortens it


@dataclass(frozen=True)
class Quote:
    """An offer to deliver a parcel. With `why_not` it is none, and says why."""

    code: str  # the method's
    name: str
    category: str  # one of our kinds of delivery: courier | pickup | post
    kind: str  # standard | end-to-end | export
    carrier: str = ""
    cost: Decimal = Decimal(0)
    currency: str = ""
    days: str = ""  # as the service words it, e.g. "2 - 3"
    takes_card: bool = True
    needs_postal_code: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class Point:
    """A pickup point. Coordinates are texts, empty where unknown."""

    code: str
    address: str
    hours: str = ""
    phone: str = ""
    directions: str = ""
    latitude: str = ""
    longitude: str = ""


@dataclass(frozen=True)
class Event:
    """One step in a parcel's history, as the service words it."""

    at: datetime | None
    text: str
    detail: str = ""


@dataclass(frozen=True)
class Paper:
    """A document to be printed, as the service made it."""

    body: bytes
    media: str = "application/pdf"


@dataclass(frozen=True)
class TestResult:
    """What "Test connection" found; `notes` are texts for the user (marked N_), worst first."""

    ok: bool
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, notes: Mapping[str, bool]) -> TestResult:
        """From {note: does it apply}: all is well when none does."""
        return cls(not any(notes.values()), [note for note, applies in notes.items() if applies])
