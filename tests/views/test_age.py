"""How long a row's "5 min ago" holds: as long as it is said to, the row is shown without another look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from views import text

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 86400


@given(
    passed=st.floats(0, 3 * DAY) | st.sampled_from([0, 44.5, 45, 89.9, 90, 3569, 3570, 3599, 5399, DAY - 1, DAY]),
    part=st.floats(0, 0.999),
)
def test_an_age_lasts_as_long_as_it_says(passed: float, part: float) -> None:
    then = NOW - timedelta(seconds=passed)
    lasts = text.age_lasts(then, NOW)
    assert lasts > 0
    later = NOW + timedelta(seconds=lasts * part)
    assert text.age(then, later, 2026) == text.age(then, NOW, 2026)


def test_an_order_of_the_future_is_looked_at_every_second() -> None:
    assert text.age_lasts(NOW + timedelta(minutes=5), NOW) == 1
