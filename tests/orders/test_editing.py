"""Creating and changing one order: rules, what is noted, counters, two editors."""

from __future__ import annotations

from decimal import Decimal

import pytest

from models import Connection, Link, Order, OrderCount, OrderEvent, OrderType, Product, Status, db
from orders import copies, counts, creation, editing, statuses
from orders.timeline import Actor

OLENA = Actor("person", "Olena")


def line(name="Case", price="100", quantity="1", **more):
    return {
        "sku": f"S-{name}",
        "name": name,
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "weight": 50,
        **more,
    }


def make(number="A-1", lines=None, **values):
    order_id = editing.create({"number": number, **values}, lines if lines is not None else [line()], OLENA)
    db.session.commit()
    return db.session.get(Order, order_id)


def change(order, lines=None, version=None, **values):
    return editing.update(order.id, version or order.version, values, lines, OLENA)


def connection(name="CRM", kind="retailcrm"):
    row = Connection(kind=kind, name=name, settings={}, secrets={})
    db.session.add(row)
    db.session.flush()
    return row


def counters_are_right():
    kept = {key: (cell.n, cell.sums) for key, cell in counts.by_status().items()}
    counts.recount()
    return kept == {key: (cell.n, cell.sums) for key, cell in counts.by_status().items()}


def test_a_new_order_is_settled_counted_found_and_noted(db_session):
    order = make(cod=True, delivery_cost=Decimal(20), lines=[line(quantity="2")])
    assert (order.goods_total, order.total, order.cod_amount, order.declared_value) == (200, 220, 220, 220)
    assert (order.weight, order.payment_kind, order.version, order.key) == (100, "cod_cash", 1, "A-1")
    assert db.session.scalar(db.select(OrderEvent.kind).filter_by(order_id=order.id)) == "created"
    assert db.session.scalar(db.select(Product.name).filter_by(sku="S-Case")) == "Case"
    assert counters_are_right()


@pytest.mark.parametrize(
    ("number", "problem"),
    [("A-1", "number_taken"), ("", "required"), ("new", "number_reserved"), ("a//b", "number_unfit")],
)
def test_numbers_that_are_refused(db_session, number, problem):
    make("A-1")
    with pytest.raises(editing.Invalid) as refused:
        editing.create({"number": number}, [], OLENA)
    assert refused.value.errors["number"] == problem


def test_a_number_by_which_other_systems_know_an_order_is_taken_too(db_session):
    order = make("A-1")
    change(order, number="A-2")
    with pytest.raises(editing.Invalid) as refused:
        editing.create({"number": "A-1"}, [], OLENA)
    assert refused.value.errors == {"number": "number_taken"}


def test_numbers_from_outside_get_out_of_the_way(db_session):
    make("A-1")
    drafts = [
        creation.Draft({"number": n, "currency": "UAH", "total": Decimal(0)}) for n in ("A-1", "new", "A-1", "x" * 80)
    ]
    ids = creation.insert_many(drafts, Actor("job", "Shop"))
    found = [db.session.get(Order, i).number for i in ids]
    assert found == ["A-1-2", "new-1", "A-1-3", "x" * 64]


def test_an_edit_notes_before_and_after(db_session):
    order = make(city="Київ")
    kept = order.lines[0].id
    changed = change(order, [{"id": kept, **line("Case", "120")}, line("Cable", "30")], city="Львів", do_not_call=True)
    assert (changed.version, changed.total) == (2, 150)
    assert changed.edited_at is not None
    event = db.session.scalars(db.select(OrderEvent).filter_by(order_id=order.id, kind="edited")).one()
    changes = {name: (before, after) for name, before, after in event.detail["changes"]}
    assert changes["city"] == ("Київ", "Львів")
    assert changes["do_not_call"] == (False, True)
    assert changes["total"] == ("100.00", "150.00")
    assert changes["lines"] == (["Case × 1 · 100.00"], ["Case × 1 · 120", "Cable × 1 · 30"])
    assert counters_are_right()


def test_registry_entries_are_noted_by_name(db_session):
    order = make()
    change(order, delivery_method_id=1)
    event = db.session.scalars(db.select(OrderEvent).filter_by(order_id=order.id, kind="edited")).one()
    assert ["delivery_method_id", None, "Nova Poshta, branch"] in event.detail["changes"]


def test_saving_what_is_there_already_changes_nothing(db_session):
    order = make(city="Київ")
    changed = change(order, [{"id": order.lines[0].id, **line()}], city="Київ")
    assert changed.version == 1
    assert db.session.scalar(db.select(db.func.count()).select_from(OrderEvent).filter_by(kind="edited")) == 0


def test_lines_keep_their_rows_and_what_the_form_does_not_know(db_session):
    order = make(lines=[line("A", external_id="77", status="shipped"), line("B"), line("C")])
    first, second, third = order.lines
    change(order, [{"id": third.id, "name": "C2"}, {"id": first.id, "quantity": Decimal(5)}, line("D")])
    db.session.commit()
    db.session.expire_all()
    rows = [(row.id, row.name, row.quantity, row.external_id, row.status) for row in order.lines]
    assert rows[:2] == [(third.id, "C2", 1, "", ""), (first.id, "A", 5, "77", "shipped")]
    assert rows[2][1] == "D"
    assert [row.position for row in order.lines] == [0, 1, 2]
    assert order.total == 100 + 500 + 100


def test_the_second_editor_is_told(db_session):
    order = make(city="Київ")
    change(order, city="Львів")
    db.session.commit()
    with pytest.raises(editing.Stale) as stale:
        change(order, version=1, city="Одеса")
    assert stale.value.order.city == "Львів"


def test_an_order_that_is_gone(db_session):
    with pytest.raises(LookupError):
        editing.update(12345, 1, {}, None, OLENA)


def test_rules_of_the_delivery_method(db_session):
    order = make()
    with pytest.raises(editing.Invalid) as refused:  # Russian Post: cash only, and a postal code
        change(order, delivery_method_id=7, cod=True, cod_method="card")
    assert refused.value.errors == {"cod_method": "card_impossible", "postal_code": "postal_code_required"}
    assert change(order, delivery_method_id=7, cod=True, cod_method="cash", postal_code="101000").cod_amount == 100


def test_paid_only_without_collection(db_session):
    order = make(paid=True)
    assert order.paid is True
    changed = change(order, cod=True)
    assert (changed.paid, changed.cod_amount) == (False, 100)
    assert change(changed, cod=False, paid=True).paid is True


def test_amounts_follow_what_the_editor_last_saw(db_session):
    order = make(cod=True)
    seen = editing.totals.Before(Decimal(150), Decimal(150), Decimal(150), Decimal(150))
    lines = [{"id": order.lines[0].id, **line(price="200")}]
    values = {"cod_amount": Decimal(150), "declared_value": Decimal(150)}
    changed = editing.update(order.id, 1, values, lines, OLENA, seen)
    assert (changed.total, changed.cod_amount, changed.declared_value) == (200, 200, 200)


def test_an_end_to_end_order_that_was_sent_keeps_its_method(db_session):
    kind = db.session.scalar(db.select(OrderType.id).filter_by(key="end-to-end"))
    order = make(type_id=kind, delivery_method_id=1)
    change(order, delivery_method_id=2)
    db.session.add(Link(order_id=order.id, connection_id=connection().id, state="linked", external_id="9"))
    db.session.flush()
    with pytest.raises(editing.Invalid) as refused:
        change(order, delivery_method_id=1)
    assert refused.value.errors == {"delivery_method_id": "method_locked"}
    assert change(order, city="Львів").city == "Львів"


def test_a_deleted_order_with_copies_is_locked_until_restored_or_unlinked(db_session):
    order = make()
    link = Link(order_id=order.id, connection_id=connection().id, state="linked", external_id="9", external_number="9A")
    db.session.add(link)
    named = {s.key: s for s in db.session.scalars(db.select(Status))}
    statuses.change([order.id], named["deleted"], OLENA)
    with pytest.raises(editing.Invalid) as refused:
        change(order, city="Львів")
    assert refused.value.errors == {"status": "locked"}
    assert copies.unlink(order, link.id, OLENA) == ""
    assert change(order, city="Львів").city == "Львів"
    event = db.session.scalars(db.select(OrderEvent).filter_by(order_id=order.id, kind="unlinked")).one()
    assert event.detail == {"connection": "CRM", "external": "9A", "external_id": "9"}


def test_choosing_in_the_form_answers_what_was_asked(db_session):
    order = make()
    order.needs_mapping = True
    order.unmapped = [{"table": "delivery_in", "code": "5"}, {"table": "status_in", "code": "odd"}]
    changed = change(order, delivery_method_id=1)
    assert changed.unmapped == [{"table": "status_in", "code": "odd"}]
    assert changed.needs_mapping is True
    assert editing.accept_unmapped(changed, "status_in", "odd", OLENA) is True
    assert editing.accept_unmapped(changed, "status_in", "odd", OLENA) is False
    assert changed.needs_mapping is False


def test_a_status_given_by_a_person_answers_the_question_of_status(db_session):
    order = make()
    order.needs_mapping, order.unmapped = True, [{"table": "status_in", "code": "odd"}]
    editing.answer_status(order)
    assert (order.needs_mapping, order.unmapped) == (False, [])


def test_counters_follow_shop_source_type_and_currency(db_session):
    order = make(shop_id=1, source_id=1)
    change(order, shop_id=None, source_id=2, currency="USD", type_id=2)
    db.session.commit()
    assert counters_are_right()
    assert db.session.scalar(db.select(db.func.count()).select_from(OrderCount)) >= 1
