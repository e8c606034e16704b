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
    no_call_field: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any], elsewhere: str = "") -> Self:
        """`elsewhere`: the address that is called instead of the vendor's, such as a sandbox: it has its pages, too."""
        chosen = [str(settings.get(name) or "") for name in ("source_id", "pipeline_id", "number_field")]
        no_call = str(settings.get("no_call_field") or "")
        account = str(settings.get("account_url") or elsewhere).rstrip("/")
        return cls(Style.of(settings), chosen[0], chosen[1], chosen[2], account, no_call)
