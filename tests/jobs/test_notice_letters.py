"""Notices to staff by e-mail, against a mail server that answers as told."""

from __future__ import annotations

from typing import Any

from .test_notices import come_in, look, person
from .test_rule_letters import extra_env, smtp  # noqa: F401 - fixtures


def test_letters_tell_who_has_no_chat(context: Any, smtp: Any) -> None:  # noqa: F811 - a fixture is taken by its name
    person("olena@example.com", None, "", email=True)
    look()
    come_in(1)
    look(passed=60)
    look(passed=60)
    (letter,) = smtp.letters
    assert b"Subject: 1 new order" in letter
    assert b"To: olena@example.com" in letter
