"""What the imitations of delivery services have alike: parcels that go on by themselves, a page for each, answers that
are lost where that does harm."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from integrations.sandbox import Fault, Request, Sandbox
from integrations.sandbox_store import Account, Thing

SLOWLY = 10  # times: parcels take a step more seldom than shops get orders


def asked(request: Request) -> Thing:
    """The JSON object that was posted; {} for anything else."""
    try:
        found = json.loads(request.get_data(as_text=True) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def pdf(words: str) -> bytes:
    """A page with one line, as small as the format allows."""
    text = f"BT /F 18 Tf 20 120 Td ({words}) Tj ET"
    parts = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 240]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(text)}>>stream\n{text}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = "%PDF-1.4\n" + "".join(f"{n} 0 obj{part}endobj\n" for n, part in enumerate(parts, 1))
    return f"{body}trailer<</Root 1 0 R>>\n%%EOF".encode("latin-1")


class ParcelSandbox(Sandbox):
    """Base of a delivery service's imitation. Parcels are its "orders", with the index "number"; the page of one is
    the folder's sandbox_parcel.html."""

    states: ClassVar[Mapping[str, str]]  #: code -> name
    writes: ClassVar[tuple[str, ...]] = ("",)  #: ends of the paths that make, change or delete a parcel
    controls: ClassVar[dict[str, str]] = {"status": "control_status", "advance": "control_advance"}

    def __init__(self) -> None:
        self._every: float | None = None
        self._next = 0.0
        super().__init__()

    @abstractmethod
    def following(self, parcel: Thing) -> str:
        """The state that comes next on its way; "" at the end, or when it is on none."""

    @abstractmethod
    def move(self, account: Account, identity: int, parcel: Thing, code: str) -> Thing:
        """Keeps and returns the parcel in its new state."""

    @abstractmethod
    def control_status(self, posted: Thing) -> Thing:
        """Gives one parcel a state."""

    def control_advance(self, posted: Thing) -> Thing:
        return {"advanced": self.advance()}

    def numbered(self, number: str) -> tuple[Account, int, Thing] | None:
        """The parcel with this number, whoever sent it."""
        for account in self.accounts.values():
            if identity := account.find("number", number):
                return account, identity, account.table("orders")[identity]
        return None

    def advance(self) -> int:
        """Every parcel on its way goes a step further; how many did."""
        with self.lock:
            all_of = [(a, *row) for a in self.accounts.values() for row in a.table("orders").items()]
            live = [(*one, code) for one in all_of if (code := self.following(one[2]))]
            for account, identity, parcel, code in live:
                self.move(account, identity, parcel, code)
            return len(live)

    def emit(self, every: float | None, account: str | None = None) -> None:
        """Here nothing begins: parcels go a step further."""
        self._every = every * SLOWLY if every else None

    def tick(self, now: float) -> None:
        if self._every and now >= self._next:
            if self._next:
                self.advance()
            self._next = now + self._every

    def page(self, path: str) -> tuple[str, Thing] | None:
        if not path.startswith("/tracking/"):
            return None
        number = path.removeprefix("/tracking/").rstrip("/")
        with self.lock:
            found = self.numbered(number)
        values = {"package": found[2], "statuses": self.states} if found else {"missing": number}
        return f"{self.key}/sandbox_parcel.html", values

    def _take_fault(self, path: str) -> Fault | None:
        """Lost answers are those about parcels: the others are asked again without harm. A fault that names a path is
        taken there."""
        harmless = not path.endswith(self.writes)
        waiting = [f for f in self.faults if f.kind == "lost" and not f.path and harmless]
        self.faults = [f for f in self.faults if f not in waiting]
        found = super()._take_fault(path)
        self.faults += waiting
        return found
