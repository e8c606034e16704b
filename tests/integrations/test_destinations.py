"""What becomes of orders and products that are sent, whoever the vendor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from integrations import types
from integrations.base import Account
from integrations.destinations import RestDestination, ensure_products
from integrations.errors import Refused, VendorError, failure
from integrations.http import HttpClient
from integrations.types import Copy, OrderData, ProductData


class Shelf(RestDestination):
    """Takes what it isn't told to fail on; no network."""

    key = title = api_url = "shelf"
    find_size = 2
    complaint_faults = {"twice": ("duplicate", "")}

    def __init__(self, **faults: str) -> None:
        super().__init__(Account(1, "Shelf", {"external_id_prefix": "hub-"}), HttpClient(secrets=["s3cret"]))
        self.faults, self.asked = faults, list[Any]()

    def create(self, order: OrderData) -> Copy:
        self.asked.append(order.key)
        if fault := self.faults.get(order.key):
            raise failure(fault, "no", "phone" if fault == "validation" else "")
        return Copy(f"id-{order.key}" if order.key != "nameless" else "")

    def edit(self, external_id: str, order: OrderData) -> Copy:
        return Copy(external_id)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Copy]:
        self.asked.append(list(keys))
        return {key: Copy(self.style.name(key)) for key in (*keys, "") if key != "absent"}


def orders(keys: str) -> list[OrderData]:
    return [OrderData(key=key) for key in keys.split()]


def test_one_by_one() -> None:
    sent = Shelf(b="validation", c="timeout").send(orders("a b c d nameless"))
    assert [one.fault for one in sent] == ["", "validation", "timeout", "", "broken"]
    assert (sent[0].copy, sent[1].field, sent[1].detail) == (Copy("id-a"), "phone", "no")
    assert Shelf(a="duplicate").send(orders("a"))[0].fault == "duplicate"
    assert Shelf().update("5", OrderData(key="a")).copy == Copy("5")
    with pytest.raises(VendorError, match="credentials"):
        Shelf(a="credentials").send(orders("a"))
    with pytest.raises(VendorError, match="broken"):
        Shelf().send(orders("nameless"))


def test_only_what_was_asked_for_is_found() -> None:
    shelf = Shelf()
    assert shelf.find(["a", "b", "absent"]) == {"a": Copy("hub-a"), "b": Copy("hub-b")}
    assert shelf.asked == [["a", "b"], ["absent"]]


@pytest.mark.parametrize(
    ("errors", "faults", "asked"),
    [
        (["wrong s3cret"], ["", "broken", "", "validation", "timeout", "", "", "validation"], "c d e f g"),
        (["twice"] * 5, ["", "broken", "", "validation", "timeout", "", "", "validation"], "c d e f g"),
        (["twice"] * 6, ["", "broken", *["duplicate"] * 6], ""),
    ],
)
def test_a_batch(errors: list[str], faults: list[str], asked: str) -> None:
    """Stored, not mentioned, and failed: the first five of these are asked singly unless all are duplicates."""
    shelf, batch = Shelf(d="validation", e="timeout"), orders("a b c d e f g h")
    sent = {one.key: one for one in shelf.batch_outcome(batch, {"a": Copy("1")}, set("acdefgh"), {"errors": errors})}
    assert [sent[order.key].fault for order in batch] == faults
    assert (shelf.asked, sent["a"].copy) == (asked.split(), Copy("1"))
    assert sent["h"].detail == errors[0].replace("s3cret", "[hidden]")  # once, however often it is said


@pytest.mark.parametrize(
    ("made", "fault", "settled"),
    [([50, 51], "validation", {"b": "50", "c": "51"}), ([50], "validation", {}), ([50, 51], "credentials", None)],
)
def test_products_are_looked_up_and_the_absent_added(made: list[int], fault: str, settled: Any) -> None:
    """Two at a time; the second pair is refused. Where fewer were made than asked for, which ones is looked up."""
    added: list[str] = []

    def add(products: Sequence[ProductData]) -> list[int]:
        skus = [product.sku for product in products]
        if "d" in skus:
            raise failure(fault, "no")
        added.extend(skus)
        return made

    wanted, held = [ProductData(sku, sku.upper()) for sku in "abcd"], {"a": "1", "A": "2"}
    if settled is None:
        with pytest.raises(Refused, match=fault):
            ensure_products(wanted, lambda skus: held, add, 2)
    else:
        assert ensure_products(wanted, lambda skus: held, add, 2) == {"a": "1", **settled}
    assert added == ["b", "c"]


def test_a_result_of_notes() -> None:
    assert types.TestResult.of({"a": False, "b": True}) == types.TestResult(False, ["b"])
    assert types.TestResult.of({"a": False}) == types.TestResult(True, [])
