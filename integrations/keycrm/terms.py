"""What a connection's settings say about the orders it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..style import Style


@dataclass(frozen=True)
class Terms:
    """Ids are texts, "" where nothing is chosen. `account`: where staff open KeyCRM, "" when it isn't known."""

    style: Style
    source: str
    pipeline: str = ""
    number_field: str = ""
    account: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        names = ("source_id", "pipeline_id", "number_field", "account_url")
        values = [str(settings.get(name) or "").rstrip("/") for name in names]
        return cls(Style.of(settings), *values)
