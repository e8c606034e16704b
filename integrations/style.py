"""How a connection wants the orders that it is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from .types import OrderData


@dataclass(frozen=True)
class Style:
    """The settings of these names, as far as a destination's form has them."""

    external_id_prefix: str = ""  # before our key: keeps orders of several shops apart
    delivery_code: str = ""  # their delivery method where ours is mapped to none
    duplicate_delivery: bool = False  # tell delivery in the staff's comment too
    copy_number: bool = False  # give our number instead of letting the vendor number it

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**{f.name: settings[f.name] for f in fields(cls) if settings.get(f.name)})

    def name(self, key: str) -> str:
        """What the vendor holds as its external id of our order `key`."""
        return self.external_id_prefix + key

    def key(self, name: str) -> str:
        """The order that the vendor holds under this external id; "" when it isn't one of ours."""
        return name.removeprefix(self.external_id_prefix) if name.startswith(self.external_id_prefix) else ""

    def number(self, order: OrderData) -> str:
        return order.number if self.copy_number else ""

    def delivery(self, order: OrderData) -> str:
        return order.delivery.code or self.delivery_code

    def staff_comment(self, order: OrderData) -> str:
        """Our comment, a buyer who isn't the recipient, and the delivery as staff there will read it: values only,
        since nobody here knows the language they read."""
        buyer, chosen = order.buyer, order.delivery
        cost = f"{chosen.cost:f} {order.currency}" if chosen.cost else ""
        delivery = (chosen.name, chosen.tariff_name, chosen.term, cost, chosen.pickup_code, chosen.pickup_address)
        lines = [
            order.staff_comment,
            ", ".join(filter(None, (buyer.full_name, buyer.phone, buyer.email))) if buyer else "",
            "; ".join(filter(None, delivery)) if self.duplicate_delivery else "",
        ]
        return "\n".join(filter(None, lines))
