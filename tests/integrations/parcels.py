"""An order as the tests of Ukraine's delivery services send it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from integrations.types import Address, Delivery, LineData, OrderData, Person


def order(key: str, there: Delivery, **more: Any) -> OrderData:
    """Two cups to Lviv, 600 g; `more` replaces fields."""
    given = {"number": key, "recipient": Person("Шевченко", "Тарас", "Григорович", "+380671112233"), "weight": 600,
             "address": Address("UA", "", "Львів", "Садова", "7", postal_code="79001"), "delivery": there,
             "declared_value": D(701),
             "lines": [LineData("Чашка", "SKU-1", quantity=D(2), price=D("350.50"))]}  # fmt: skip
    return OrderData(key, **{**given, **more})
