"""Notices to staff by e-mail, against a mail server that answers as told."""

from __future__ import annotations

from typing import Any

import pytest

from .smtp import Server
from .test_notices import come_in, look, person


@pytest.fixture
def extra_env(smtp: Server) -> dict[str, str]:
    return smtp.begin()


def test_letters_tell_who_has_no_chat(context: Any, smtp: Server) -> None:
    person("olena@example.com", None, "", email=True)
    look()
    come_in(1)
    look(passed=60)
    look(passed=60)
    (letter,) = smtp.letters
    assert b"Subject: 1 new order" in letter
    assert b"To: olena@example.com" in letter
