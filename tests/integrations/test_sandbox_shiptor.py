"""What the Shiptor sandbox charges: believable prices, so that recalculation can be shown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest

from integrations.sandbox import SandboxServer
from integrations.types import Parcel, Place

from .test_shiptor import VENDOR

VORONEZH, VILLAGE = (Place(code, country="RU") for code in ("36000001000", "36010000012"))


@pytest.fixture
def shiptor() -> Iterator[Any]:
    with SandboxServer(["shiptor"]) as server:
        server.vendor("shiptor").set_rate(None)
        yield VENDOR.connect(f"{server.url}/shiptor")


def test_offers_follow_weight_place_and_what_is_collected(shiptor: Any) -> None:
    light, heavy = ({o.code: o for o in shiptor.quote(Parcel(grams), VORONEZH)} for grams in (500, 16_000))
    assert heavy["1"].cost > light["1"].cost > 0
    assert (light["25"].why_not, heavy["25"].why_not) == ("", "Вес больше 15 кг")
    collected = Parcel(500, declared_value=D(1000), cod=D(1000), by_card=True)
    assert "картой" in {o.code: o for o in shiptor.quote(collected, VORONEZH)}["3"].why_not
    assert {o.carrier for o in shiptor.quote(Parcel(500), VILLAGE) if not o.why_not} == {"russian-post", "cdek"}
    assert {o.kind for o in shiptor.quote(Parcel(500), Place(country="DE"))} == {"export"}
    points = shiptor.points(VORONEZH, "17", Parcel(500))
    assert len(points) > len(shiptor.points(VORONEZH, "17", collected)) > 0
    assert all(point.latitude and point.hours for point in points)
