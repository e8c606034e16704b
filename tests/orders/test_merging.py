"""Two versions of one order, compared and put together."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from orders import merging, numbers, phones

versions = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["", "1", "2", "3"]))


def test_who_changed_what():
    base = {"city": "Київ", "name": "А", "note": "", "same": "x"}
    theirs = {"city": "Львів", "name": "Б", "note": "", "same": "y"}
    mine = {"city": "Київ", "name": "В", "note": "моє", "same": "y"}
    found = {d.key: (d.pick, d.conflict) for d in merging.compare(base, theirs, mine)}
    assert found == {"city": ("theirs", False), "name": ("mine", True), "note": ("mine", False)}


def test_lines_that_only_one_side_has():
    base = {"line:1": "a", "line:2": "b"}
    theirs = {"line:1": "a", "line:3": "new"}
    mine = {"line:1": "a", "line:2": "b", "line:new-2": "mine"}
    differences = merging.compare(base, theirs, mine)
    assert {d.key: d.pick for d in differences} == {"line:2": "theirs", "line:new-2": "mine", "line:3": "theirs"}
    combined = merging.combine(theirs, mine, {d.key: d.pick for d in differences})
    assert combined == {"line:1": "a", "line:2": "", "line:new-2": "mine", "line:3": "new"}


@given(versions, versions, versions)
def test_the_proposal_keeps_every_change_that_nobody_contests(base, theirs, mine):
    differences = merging.compare(base, theirs, mine)
    result = merging.combine(theirs, mine, {d.key: d.pick for d in differences})
    for key in {*base, *theirs, *mine}:
        b, t, m = (version.get(key, "") for version in (base, theirs, mine))
        got = result.get(key, "")
        assert got == (m if m != b else t)


@given(versions, versions)
def test_each_side_can_be_had_whole(theirs, mine):
    keys = {*theirs, *mine}
    only_theirs = merging.combine(theirs, mine, dict.fromkeys(keys, "theirs"))
    only_mine = merging.combine(theirs, mine, dict.fromkeys(keys, "mine"))
    assert all(only_theirs[key] == theirs.get(key, "") for key in keys)
    assert all(only_mine[key] == mine.get(key, "") for key in keys)


def test_numbers_that_would_have_no_page():
    cases = {
        "": "required", "new": "number_reserved", "Bulk/1": "number_reserved", "a?b": "number_unfit",
        "a//b": "number_unfit", "..": "number_unfit", "a/../b": "number_unfit", "x" * 65: "number_unfit",
        " a": "number_unfit", "а\x00": "number_unfit", "251121-120000": "", "FA/12": "", "№ 5": "", "new-1": "",
    }  # fmt: skip
    assert {number: numbers.problem(number) for number in cases} == cases


@given(st.text(max_size=90))
@example("CARD/0")
@example("new/" + "." * 90)
@example("bulk/" + "x" * 58 + "/ .")
def test_any_number_from_outside_is_made_to_fit(number):
    assert numbers.problem(numbers.fitting(number)) == ""


def test_phones():
    assert phones.to_e164("067 111-22-33", "UA") == "+380671112233"
    assert phones.to_e164("8 (912) 345-67-89", "RU") == "+79123456789"
    assert phones.to_e164("+48 512 345 678", "UA") == "+48512345678"
    assert phones.to_e164(" ", "UA") == ""
    assert phones.to_e164("12", "UA") is None
    assert phones.to_e164("no phone", "") is None
