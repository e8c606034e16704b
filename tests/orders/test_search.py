"""What a search finds is what its words are contained in, however the databases look for them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Order, OrderSearch, add_rows, db
from orders import digits, finding, listing, lists, search
from orders.filters import OrderFilter
from orders.listing import Cursor

from . import build

KYIV = ZoneInfo("Europe/Kyiv")
SIZE = 4
#: few characters, so that parts are found in many places: noughts in a row, digits beside letters, words of one letter,
#: letters of the scripts that packed digits borrow theirs from, digits of other scripts, wildcards
ALPHABET = '00013aбʼ-_%"\\ ށ٣'
TEXTS = st.lists(st.text(ALPHABET, min_size=1, max_size=24), min_size=1, max_size=12)
QUERIES = st.text(ALPHABET, min_size=1, max_size=8).filter(search.terms)


@given(word=st.text(ALPHABET.replace(" ", ""), min_size=1, max_size=6), text=st.text(ALPHABET, max_size=30))
def test_packed_texts_hold_what_texts_hold(word, text):
    parts = digits.parts(word)
    assert any(part in digits.packed(text) for part in parts) == (word in text)
    assert len(digits.packed(text)) == len(text)
    assert len(word) < digits.LEAST or all(len(part) >= digits.LEAST for part in parts)


@pytest.mark.parametrize("walk", [3, 4000])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS, query=QUERIES)
def test_pages_show_what_plainly_contains_the_words(db_session, monkeypatch, walk, texts, query):
    """Cursors both ways, both orders, the whole list of ids and the total."""
    monkeypatch.setattr(search, "WALK", walk)
    monkeypatch.setattr(finding, "ENOUGH", 1)
    ids = _orders(texts)
    words = search.terms(query)
    expected = [i for i, text in zip(ids, texts, strict=True) if all(w in search.normal(text) for w in words)]
    for sort in ("new", "old"):
        f = OrderFilter(q=query, status=(), sort=sort)
        pages = _walked(f)
        assert [i for page in pages for i in page.ids] == (expected[::-1] if sort == "new" else expected)
    f, statuses = OrderFilter(q=query, status=()), lists.read().statuses
    assert listing.fitting(f, statuses, KYIV, ids) == set(expected)
    assert listing.ids(f, statuses, KYIV) == expected[::-1]
    assert listing.total_found(f, statuses, KYIV) == (len(expected), True)
    assert listing.arrived(f, statuses, KYIV, 0) == len(expected)
    db.session.rollback()


@pytest.mark.parametrize(
    ("query", "found"),
    [("20450012345678", "a"), ("12345678", "ab"), ("345678", "abc"), ("20450012345678 59", ""), ("2045001234567", "a")],
)
def test_long_numbers_that_end_alike_are_told_apart(db_session, query, found):
    """The index is asked for their last digits only."""
    ids = dict(zip("abc", _orders(["20450012345678", "59000012345678", "x345678"]), strict=True))
    f = OrderFilter(q=query, status=())
    assert sorted(listing.ids(f, lists.read().statuses, KYIV)) == [ids[name] for name in found]
    db.session.rollback()


def _orders(texts: list[str]) -> list[int]:
    """Orders that are found by these texts and no others; nothing is committed."""
    db.session.rollback()
    known = db.session.scalars(db.select(Order.id).order_by(Order.id)).all()
    known = known or build.make(*({"number": f"{n}"} for n in range(12)))
    db.session.execute(db.delete(OrderSearch))
    ids = list(known[: len(texts)])
    rows = zip(ids, texts, strict=True)
    add_rows(OrderSearch, [{"order_id": i, "text": digits.packed(search.normal(text))} for i, text in rows])
    return ids


def _walked(f: OrderFilter) -> list[listing.Page]:
    """All pages from the first to the last; on the way back they are the same."""
    statuses = lists.read().statuses
    pages = [listing.page(f, statuses, KYIV, Cursor(), SIZE)]
    while (older := pages[-1].older) is not None:
        pages.append(listing.page(f, statuses, KYIV, Cursor(older), SIZE))
    for earlier, later in zip(pages, pages[1:], strict=False):
        assert later.newer is not None
        assert listing.page(f, statuses, KYIV, Cursor(later.newer, "prev"), SIZE).ids == earlier.ids
    return pages
