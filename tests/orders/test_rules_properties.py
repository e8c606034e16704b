"""ORD-5, ORD-6, ORD-11 as properties: totals, declared value, cash on delivery, the choice of an offer and the type of
an order. What is said here holds whatever is typed, in whatever order."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs import delivery
from models import DeliveryMethod, Link, OrderType, db
from orders import choices, editing, reading, totals
from orders.choices import Choice
from orders.timeline import Actor

from .build import connection
from .test_totals import lists, money, orders

OLENA = Actor("person", "Olena")
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)
flags = st.sampled_from(["", "1"])
offers = st.fixed_dictionaries({
    "code": words.filter(bool), "name": words, "category": st.sampled_from(["courier", "pickup", "post"]),
    "kind": st.sampled_from(["standard", "end-to-end", "export"]), "carrier": words, "cost": money.map(str),
    "currency": st.just("RUB"), "days": words, "takes_card": flags, "needs_postal_code": flags,
    "why_not": st.sampled_from(["", "too heavy"]),
})  # fmt: skip
places = st.fixed_dictionaries(dict.fromkeys(choices.PLACE, words))
agreed = st.builds(Choice, st.integers(1, 9), offers, places, words, words)


@given(st.lists(st.tuples(orders(), lists), min_size=1, max_size=5))
def test_however_often_it_is_edited(edits):
    """Each edit starts from what the one before has settled, as editors do."""
    before = None
    for order, lines in edits:
        totals.settle(order, lines, before=before)
        assert order["declared_value"] >= order["cod_amount"]
        assert (order["cod_amount"] == 0) or order["cod"]
        assert not (order["cod"] and order["paid"])
        before = totals.Before(*(order[name] for name in ("goods_total", "total", "declared_value", "cod_amount")))


@given(orders(), lists, money)
def test_delivery_adds_its_cost_and_no_more(order, lines, more):
    dearer = {**order, "delivery_cost": order["delivery_cost"] + more}
    totals.settle(order, lines)
    totals.settle(dearer, lines)
    assert dearer["total"] - order["total"] == more
    assert dearer["goods_total"] == order["goods_total"]
    assert dearer["weight"] == order["weight"]


@given(orders(), lists, st.permutations(range(6)))
def test_the_order_of_the_lines_changes_nothing(order, lines, places):
    mixed, shuffled = dict(order), [lines[n] for n in places if n < len(lines)]
    totals.settle(order, lines)
    totals.settle(mixed, shuffled)
    assert mixed == order


@given(orders(), lists)
def test_what_is_quoted_is_what_is_collected_and_no_less_is_declared(order, lines):
    totals.settle(order, lines)
    assume(not totals.problems(order, True, False, lines))
    asked = delivery.parcel({**order, "length": None, "width": None, "height": None, "currency": "RUB"})
    assert asked.cod == order["cod_amount"]
    assert asked.declared_value >= asked.cod
    assert asked.by_card == (asked.cod > 0 and order["cod_method"] == "card")
    padded = {name: value * Decimal("1.000") if isinstance(value, Decimal) else value for name, value in order.items()}
    same = delivery.parcel({**padded, "length": None, "width": None, "height": None, "currency": "RUB"})
    assert repr(same) == repr(asked)  # 1.50 and 1.5 are one question, and one kept answer


@given(agreed)
def test_a_choice_comes_back_from_the_form_as_it_went(choice):
    assert choices.read(choice.written()) == choice


@given(st.text(max_size=60) | st.builds(Choice, st.integers(1, 9), offers, places).map(lambda c: c.written()[:-2]))
def test_a_form_that_was_tampered_with_proposes_nothing(written):
    assert choices.read(written) is None or isinstance(choices.read(written), Choice)


@given(agreed, offers, words)
def test_a_change_is_asked_about_exactly_once(choice, offer, key):
    now = {**offer, "code": choice.code}
    news = choices.news(choice, {choice.code: now}, key)
    known = key in (choice.basis, choice.declined)
    better = choices.amount(now["cost"]) == choice.cost and now["days"] == choice.offer["days"]
    assert (news is None) == (known or (better and not now["why_not"]))
    accepted = choices.accepted(choice, now, choice.place, key)
    assert choices.news(accepted, {choice.code: now}, key) is None
    assert choices.news(accepted, {}, key) is None  # the same question has the same answer
    if not now["why_not"]:
        assert choices.news(accepted, {choice.code: now}, key + "!") is None


@given(agreed, words)
def test_a_method_that_is_gone_or_impossible_is_never_taken_for_another(choice, key):
    other = {**choice.offer, "code": choice.code + "-"}
    news = choices.news(choice, {other["code"]: other}, key)
    assert news is None or news.now is None
    assert (news is None) == (key in (choice.basis, choice.declined))


@given(agreed, st.booleans(), st.sampled_from(["cash", "card"]), st.sampled_from(["", "394000"]))
def test_what_an_offer_forbids_of_a_new_order(choice, cod, way, postal):
    found = choices.problems(None, None, choice, {"cod": cod, "cod_method": way, "postal_code": postal})
    assert ("cod_method" in found) == (cod and way == "card" and not choice.offer["takes_card"])
    assert ("postal_code" in found) == (not postal and bool(choice.offer["needs_postal_code"]))
    assert choices.problems(None, None, None, {"cod": cod, "cod_method": way, "postal_code": postal}) == {}


LINE = {"name": "Mug", "price": Decimal(900), "quantity": Decimal(1)}


@pytest.mark.parametrize("kind", ["standard", "end-to-end", "export"])
@pytest.mark.parametrize("sent", [False, True])
def test_the_type_follows_the_offer_and_only_a_sent_end_to_end_order_keeps_its_method(app, kind, sent):
    with app.app_context():
        row, blank = connection(), dict.fromkeys(choices.OFFER, "")
        one, other = db.session.scalars(db.select(DeliveryMethod.id).limit(2)).all()
        fields = choices.followed({**blank, "code": "1", "kind": kind})
        order_id = editing.create({"number": "T-1", "delivery_method_id": one, **fields}, [LINE], OLENA)
        order = reading.by_id(order_id)
        assert db.session.get(OrderType, order.type_id).key == kind
        if sent:
            db.session.add(Link(order_id=order_id, connection_id=row.id, role="destination", external_id="7"))
            db.session.flush()
        locked = sent and kind == "end-to-end"
        held = Choice(row.id, {**blank, "code": "1", "kind": kind}, dict.fromkeys(choices.PLACE, ""))
        new = Choice(row.id, {**blank, "code": "2", "kind": "standard", "takes_card": "1"}, held.place)
        assert choices.problems(order, held, held, {}).get("delivery_method_id") is None
        assert ("delivery_method_id" in choices.problems(order, held, new, {})) is locked
        with pytest.raises(editing.Invalid) if locked else nullcontext():
            editing.update(order_id, order.version, {"delivery_method_id": other}, None, OLENA)
