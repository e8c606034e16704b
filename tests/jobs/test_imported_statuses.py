"""Files of statuses and tracking numbers."""

from __future__ import annotations

from models import db
from orders import statuses, timeline
from tests.orders import build

from .test_imports import checked, fates, imported, orders


def test_statuses_and_tracking_numbers(user) -> None:
    ids = build.make({"number": "1"}, {"number": "2", "ttn": "T2"}, {"number": "3"}, {"number": "4"}, {"number": "5"})
    statuses.change([ids[4]], build.status("deleted"), build.OLENA)
    db.session.commit()
    content = "Номер,Статус,ТТН\n1,Підтверджений,T1\n2,,T2\n3,Переданий,\n4,,\n5,,T5\n6,Новий,\n2,Новий,\n7,Ніякий,\n"
    row = checked(user, content, "statuses")
    assert [(number, fate, codes) for _, number, fate, codes in fates(row)] == [
        ("1", "update", []),
        ("2", "unchanged", []),
        ("3", "refused", ["by_hand"]),
        ("4", "refused", ["nothing_asked"]),
        ("5", "refused", ["order_deleted"]),
        ("6", "refused", ["no_such_order"]),
        ("2", "refused", ["repeated"]),
        ("7", "refused", ["unknown_entry"]),
    ]
    assert imported(row).fates == {"update": 1, "unchanged": 1, "refused": 6, "done": 1}
    order = orders()[0]
    assert (order.status.key, order.ttn, order.version) == ("confirmed", "T1", 2)
    events = [(e.kind, e.actor_name, e.detail.get("changes")) for e in timeline.of_order(order.id)]
    assert events[:2] == [
        ("status", "Olena · orders.csv", [["status", "New", "Confirmed"]]),
        ("edited", "Olena · orders.csv", [["ttn", "", "T1"]]),
    ]
    assert imported(row).fates["done"] == 1
    assert fates(checked(user, content, "statuses"))[0][2] == "unchanged"


def test_a_status_that_was_switched_off(user) -> None:
    build.make({"number": "1"})
    status = build.status("confirmed")
    status.active = False
    db.session.commit()
    assert fates(checked(user, "Number,Status\n1,confirmed\n", "statuses"))[0][3] == ["entry_inactive"]


def test_a_number_of_several_shops_needs_the_shop(user) -> None:
    one, two = build.shop("One"), build.shop("Two")
    build.make(
        {"number": "a", "external_number": "1", "shop_id": one}, {"number": "b", "external_number": "1", "shop_id": two}
    )
    ((_, _, fate, codes),) = fates(checked(user, "Number,TTN\n1,T\n", "statuses"))
    assert (fate, codes) == ("refused", ["ambiguous"])
    imported(checked(user, "Number,TTN,Shop\n1,T,Two\n", "statuses"))
    imported(checked(user, "Number at the source,TTN\n1,U\n", "statuses", shop=one))
    assert [order.ttn for order in orders()] == ["U", "T"]


def test_orders_are_found_by_their_tracking_number(user) -> None:
    build.make({"number": "1", "ttn": "20450000000001"}, {"number": "2", "ttn": "204500000000012"})
    row = checked(user, "ТТН,Статус,Причина відміни\n20450000000001,Скасований,late\nX1,Новий,\n,Новий,\n", "statuses")
    assert [(fate, codes) for _, _, fate, codes in fates(row)] == [
        ("update", []), ("refused", ["no_such_order"]), ("refused", ["no_number"])
    ]  # fmt: skip
    imported(row)
    assert [order.status.key for order in orders()] == ["cancelled", "new"]
