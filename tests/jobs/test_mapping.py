"""Mappings: suggestions, coverage, saving, and what a remembered code does to the orders that waited for it."""

from __future__ import annotations

import pytest
from flask import Flask

from jobs import connections, mapping, suggestions
from jobs.suggestions import Ours, Theirs
from models import (
    Connection,
    DeliveryMethod,
    Mapping,
    Order,
    OrderEvent,
    PaymentMethod,
    Status,
    Transfer,
    db,
)
from orders.timeline import Actor

from .conftest import make_orders

pytestmark = pytest.mark.usefixtures("unlimited")

TESTER = Actor("person", "Tester")

DELIVERY = [
    Ours(n, key, name, kind)
    for n, (key, name, kind) in enumerate(
        (
            ("np-branch", "Nova Poshta, branch", "pickup"),
            ("np-courier", "Nova Poshta, courier", "courier"),
            ("ukrposhta", "Ukrposhta", "post"),
            ("meest", "Meest", "pickup"),
            ("courier", "Кур'єр", "courier"),
            ("pickup", "Pickup point", "pickup"),
            ("russian-post", "Почта России", "post"),
            ("self", "Самовивіз", "self"),
            ("", "Дрон «Пташка»", "courier"),
        )
    )
]
PAYMENT = [
    Ours(0, "cod", "Cash on delivery", "cod_cash"),
    Ours(1, "cod-card", "Card on delivery", "cod_card"),
    Ours(2, "card-online", "Card online", "online_card"),
    Ours(3, "transfer", "Рахунок ФОП", "transfer"),
    Ours(4, "", "Сертифікат", "other"),
]
GROUPS = ("new", "confirmed", "transferred", "problem", "preorder", "cancelled", "deleted")
STATUSES = [Ours(n, group, f"Свій {n}", group) for n, group in enumerate(GROUPS)]


@pytest.mark.parametrize(
    ("registry", "ours", "name", "wanted"),
    [
        ("delivery", DELIVERY, "Нова Пошта", "np-branch"),
        ("delivery", DELIVERY, "Новая почта (курьер)", "np-courier"),
        ("delivery", DELIVERY, "НП адресна доставка", "np-courier"),
        ("delivery", DELIVERY, "Поштомат Нова Пошта", "np-branch"),
        ("delivery", DELIVERY, "NOVA POSHTA warehouse", "np-branch"),
        ("delivery", DELIVERY, "Укрпочта", "ukrposhta"),
        ("delivery", DELIVERY, "Meest ПОШТА", "meest"),
        ("delivery", DELIVERY, "Доставка курьером", "courier"),
        ("delivery", DELIVERY, "Пункт выдачи", "pickup"),
        ("delivery", DELIVERY, "Russian Post", "russian-post"),
        ("delivery", DELIVERY, "Самовывоз из магазина", "self"),
        ("delivery", DELIVERY, "Магазини Rozetka", None),
        ("delivery", DELIVERY, "СДЭК до пункта выдачи", None),
        ("delivery", DELIVERY, "Дрон Пташка", ""),
        ("payment", PAYMENT, "Накладений платіж", "cod"),
        ("payment", PAYMENT, "Наложенный платёж", "cod"),
        ("payment", PAYMENT, "COD", "cod"),
        ("payment", PAYMENT, "Готівкою", "cod"),
        ("payment", PAYMENT, "Картка при отриманні", "cod-card"),
        ("payment", PAYMENT, "Visa/MasterCard", "card-online"),
        ("payment", PAYMENT, "Оплата на счёт", "transfer"),
        ("payment", PAYMENT, "Безготівковий розрахунок", "transfer"),
        ("payment", PAYMENT, "Оплата частинами", None),
        ("payment", PAYMENT, "Електронні гроші", None),
        ("statuses", STATUSES, "Нове", "new"),
        ("statuses", STATUSES, "Принят", "confirmed"),
        ("statuses", STATUSES, "Оплачено", "confirmed"),
        ("statuses", STATUSES, "Виконано", "transferred"),
        ("statuses", STATUSES, "Передан в доставку", "transferred"),
        ("statuses", STATUSES, "Скасовано", "cancelled"),
        ("statuses", STATUSES, "Чернетка", None),
    ],
)
def test_names_are_understood_in_three_languages(registry, ours, name, wanted):
    found = suggestions.suggest_in(registry, ours, [Theirs("7", name)], {})
    assert (ours[found["7"]].key if found else None) == wanted


def test_hints_come_before_words_and_equal_names_before_all():
    theirs = [Theirs("a", "Скасовано", "done"), Theirs("b", "Свій 3"), Theirs("c", "Нове", "")]
    found = suggestions.suggest_in("statuses", STATUSES, theirs, {"done": "transferred", "b": "new", "c": "problem"})
    assert {code: STATUSES[i].key for code, i in found.items()} == {"a": "transferred", "b": "problem", "c": "problem"}


def test_nothing_is_told_to_others_on_a_guess_that_we_do_not_know():
    theirs = [Theirs("p", "Нове"), Theirs("r", "Прийнято"), Theirs("d", "Виконано"), Theirs("x", "Скасовано")]
    found = suggestions.suggest_out("statuses", STATUSES, theirs, {})
    assert {STATUSES[i].key: code for i, code in found.items()} == {"new": "p", "confirmed": "r", "cancelled": "x"}


def test_other_registries_go_by_likeness_alone():
    ours = [Ours(1, "", "Світанок Київ"), Ours(2, "", "Захід")]
    assert suggestions.suggest_in("shops", ours, [Theirs("s", "Світанок, Київ")], {}) == {"s": 1}
    assert suggestions.suggest_in("shops", ours, [Theirs("s", "Південь")], {}) == {}


def test_suggestions_fill_a_new_connection(context: Flask, prom: Connection, crm: Connection):
    for row in (prom, crm):
        connections.refresh_references(row)
        assert mapping.suggest_all(row) > 5
        db.session.commit()
        for editor in mapping.editors(row):
            assert editor.suggestions == 0
            assert 0 < editor.covered <= editor.total
        assert mapping.suggest_all(row) == 0
    held = {(m.table, m.lookup): m for m in db.session.scalars(db.select(Mapping).filter_by(connection_id=prom.id))}
    assert held["delivery_in", "8001"].ours == keyed(DeliveryMethod, "np-branch")
    assert held["payment_in", "7002"].ours == keyed(PaymentMethod, "card-online")
    assert held["status_out", str(keyed(Status, "confirmed"))].theirs == "received"
    assert ("status_out", str(keyed(Status, "transferred"))) not in held
    assert ("delivery_in", "8005") not in held


def keyed(model, key):
    return db.session.scalar(db.select(model.id).where(model.key == key))


def gap(connection, table, code, name=""):
    return {"table": table, "code": code, "name": name or code, "connection_id": connection.id}


def waiting(connection, n, *entries, **values):
    return make_orders(n, needs_mapping=True, unmapped=[gap(connection, *entry) for entry in entries], **values)


def test_coverage_and_what_fell_through(context: Flask, prom: Connection):
    connections.refresh_references(prom)
    waiting(prom, 3, ("delivery_in", "8005", "Магазини Rozetka"), ("payment_in", "7001", "Накладений платіж"))
    make_orders(1, number="other", needs_mapping=True, unmapped=[gap(prom, "delivery_in", "9999", "Голуб")])
    editor = mapping.editor(prom, "delivery_in")
    rows = {row.lookup: row for row in editor.rows}
    assert (rows["8005"].missed, rows["9999"].missed, rows["8001"].missed) == (3, 1, 0)
    assert rows["9999"].label == "Голуб"
    assert (editor.covered, editor.total, editor.missed) == (0, 6, 4)
    fell = mapping.fell_through(prom.id)
    assert [(m.table, m.code, m.orders) for m in fell if m.table == "delivery_in"] == [
        ("delivery_in", "8005", 3),
        ("delivery_in", "9999", 1),
    ]
    assert mapping.fell_through(prom.id + 1) == []


def test_a_remembered_method_completes_all_that_wait_for_it(context: Flask, prom: Connection, crm: Connection):
    both = waiting(prom, 2, ("delivery_in", "5", "Голуб"), ("payment_in", "6", "Бартер"))
    one = waiting(prom, 600, ("delivery_in", "5", "Голуб"))
    stranger = waiting(crm, 1, ("delivery_in", "5", "Голуб"), number="stranger")
    method = keyed(DeliveryMethod, "courier")
    assert mapping.remember(prom.id, "delivery_in", "5", method, TESTER) == 602
    db.session.commit()
    rows = {o.id: o for o in db.session.scalars(db.select(Order))}
    assert all(rows[i].delivery_method_id == method and not rows[i].needs_mapping and not rows[i].unmapped for i in one)
    assert all(rows[i].needs_mapping and [e["table"] for e in rows[i].unmapped] == ["payment_in"] for i in both)
    assert rows[stranger[0]].delivery_method_id is None
    assert rows[one[0]].version == 2
    event = db.session.scalar(db.select(OrderEvent).filter_by(order_id=one[0], kind="mapped"))
    assert (event.detail, event.actor_name) == ({"table": "delivery_in", "name": "Голуб"}, "Tester")
    assert mapping.remember(prom.id, "delivery_in", "5", method, TESTER) == 0
    assert db.session.scalar(db.select(Mapping.ours).filter_by(connection_id=prom.id, lookup="5")) == method


def test_a_remembered_payment_decides_about_cash_on_delivery(context: Flask, prom: Connection):
    unpaid = waiting(prom, 1, ("payment_in", "6"), declared_value=100)[0]
    paid = waiting(prom, 1, ("payment_in", "6"), paid=True, payment_kind="online_card")[0]
    cash, card = keyed(PaymentMethod, "cod"), keyed(PaymentMethod, "card-online")
    mapping.remember(prom.id, "payment_in", "6", cash, TESTER)
    first, second = db.session.get(Order, unpaid), db.session.get(Order, paid)
    assert (first.cod, first.cod_amount, first.payment_kind, first.declared_value) == (True, 261, "cod_cash", 261)
    assert (second.payment_method_id, second.cod, second.paid) == (cash, False, True)
    online = waiting(prom, 1, ("payment_in", "8"))[0]
    mapping.remember(prom.id, "payment_in", "8", card, TESTER)
    third = db.session.get(Order, online)
    assert (third.cod, third.payment_kind, third.payment_method_id) == (False, "online_card", card)


def test_a_remembered_status_leaves_alone_what_staff_moved_on(context: Flask, prom: Connection):
    fresh = waiting(prom, 1, ("status_in", "odd"))[0]
    cancelled = keyed(Status, "cancelled")
    moved = waiting(prom, 1, ("status_in", "odd"), number="moved", status_id=cancelled)[0]
    confirmed = keyed(Status, "confirmed")
    assert mapping.remember(prom.id, "status_in", "odd", confirmed, TESTER) == 2
    assert db.session.get(Order, fresh).status_id == confirmed
    assert db.session.get(Order, moved).status_id == cancelled
    assert not db.session.get(Order, moved).needs_mapping
    assert db.session.scalar(db.select(Transfer.id)) is None  # no news for the system it came from


def test_a_remembered_status_of_a_destination_counts_as_it_is_read(context: Flask, crm: Connection):
    confirmed, cancelled = keyed(Status, "confirmed"), keyed(Status, "cancelled")
    (order_id,) = waiting(crm, 1, ("status_in", "odd"), status_id=confirmed)
    assert mapping.remember(crm.id, "status_in", "odd", cancelled, TESTER) == 1
    assert db.session.get(Order, order_id).status_id == cancelled


def test_nothing_on_purpose_is_remembered_too(context: Flask, prom: Connection):
    order_id = waiting(prom, 1, ("delivery_in", "5"))[0]
    assert mapping.remember(prom.id, "delivery_in", "5", None, TESTER) == 1
    assert db.session.get(Order, order_id).delivery_method_id is None
    row = {r.lookup: r for r in mapping.editor(prom, "delivery_in").rows}["5"]
    assert (row.chosen, row.gone) == (mapping.NOTHING, True)


def test_saving_in_the_editor_completes_orders_as_well(context: Flask, prom: Connection):
    connections.refresh_references(prom)
    order_id = waiting(prom, 1, ("delivery_in", "8005", "Rozetka"))[0]
    method = keyed(DeliveryMethod, "pickup")
    saved = mapping.save(prom, "delivery_in", {"8005": str(method), "8001": "999"}, {}, TESTER)
    assert (saved.changed, saved.applied) == (1, 1)
    assert db.session.get(Order, order_id).delivery_method_id == method
    assert mapping.save(prom, "delivery_in", {"8005": ""}, {}, TESTER).changed == 1
    assert db.session.scalar(db.select(Mapping.id)) is None


def test_what_can_not_be_remembered(context: Flask, prom: Connection):
    with pytest.raises(KeyError):
        mapping.remember(prom.id, "nonsense", "5", 1, TESTER)
    with pytest.raises(KeyError):
        mapping.remember(prom.id, "status_out", "5", 1, TESTER)
    with pytest.raises(LookupError):
        mapping.remember(prom.id, "delivery_in", "5", 999, TESTER)
    with pytest.raises(LookupError):
        mapping.remember(999, "delivery_in", "5", 1, TESTER)


def test_a_row_that_is_switched_off_stays_where_it_is_mapped(context: Flask, crm: Connection):
    connections.refresh_references(crm)
    method = db.session.get(DeliveryMethod, keyed(DeliveryMethod, "meest"))
    mapping.save(crm, "delivery_out", {str(method.id): "nova-poshta"}, {}, TESTER)
    method.active = False
    db.session.flush()
    row = {r.lookup: r for r in mapping.editor(crm, "delivery_out").rows}[str(method.id)]
    assert (row.chosen, row.gone) == ("nova-poshta", True)
    other = keyed(DeliveryMethod, "ukrposhta")
    db.session.get(DeliveryMethod, other).active = False
    db.session.flush()
    assert str(other) not in {r.lookup for r in mapping.editor(crm, "delivery_out").rows}
    confirmed, problem = keyed(Status, "confirmed"), keyed(Status, "problem")
    current = mapping.editor(crm, "status_in")
    mapping.save(crm, "status_in", {current.rows[0].lookup: str(confirmed)}, {}, TESTER)
    db.session.execute(db.update(Status).where(Status.id.in_([confirmed, problem])).values(active=False))
    offered = {choice.value for choice in mapping.editor(crm, "status_in").choices}
    assert (str(confirmed) in offered, str(problem) in offered) == (True, False)


def test_a_name_that_only_the_connector_knows_is_hinted_by_it():
    ours = [Ours(1, "cod", "Cash on delivery", "cod_cash"), Ours(2, "card-online", "Card online", "online_card")]
    theirs = [Theirs("9", "Пром-оплата", "")]
    assert suggestions.suggest_in("payment", ours, theirs, {"пром оплата": "online_card"}) == {"9": 2}
    assert suggestions.suggest_in("payment", ours, theirs, {}) == {}
