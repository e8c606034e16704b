"""What the imitations of shops have alike: orders begin in them, one by one, by thousands, or every so many seconds."""

from abc import abstractmethod
from random import Random
from typing import Any, ClassVar

from integrations.sandbox import Sandbox
from integrations.sandbox_store import Thing

MOST = 5000  # orders that one control makes


class ShopSandbox(Sandbox):
    """Base of a shop's imitation: gives `new_order`, and `lives_on` where buyers do more than to order. The same `seed`
    invents the same."""

    number_field: ClassVar[str] = "id"  #: of an order, that holds its number
    controls: ClassVar[dict[str, str]] = {"orders": "control_orders", "emit": "control_emit"}

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._every: float | None = None
        self._emitting: str | None = None
        self._next_order = 0.0
        super().__init__()

    @abstractmethod
    def new_order(self, account: str | None = None, **overrides: Any) -> Thing:
        """Invent an order in the shop of token `account`; `overrides` replace fields by name. Returns it as the API
        would show it."""

    def lives_on(self, orders: dict[int, Thing], number: int, chance: Random) -> None:
        """What else happens when `emit` has made an order: `orders` of its shop, its `number`."""
        return

    def emit(self, every: float | None, account: str | None = None) -> None:
        with self.lock:
            self._every, self._emitting, self._next_order = every, account, 0.0

    def tick(self, now: float) -> None:
        with self.lock:
            if not self._every or now < self._next_order:
                return
            self._next_order = now + self._every
            number = self.new_order(self._emitting)[self.number_field]
            orders = self.account(self._emitting).table("orders")
            self.lives_on(orders, number, Random(f"emit/{self._seed}/{number}"))

    def control_orders(self, posted: Thing) -> Thing:
        count = max(1, min(int(posted.get("count") or 1), MOST))
        return {"ids": [self.new_order(posted.get("account") or None)[self.number_field] for _ in range(count)]}

    def control_emit(self, posted: Thing) -> Thing:
        every = posted.get("every")
        self.emit(float(every) if every else None, posted.get("account") or None)
        return {"every": every}
