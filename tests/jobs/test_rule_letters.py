"""Letters that rules send, against a mail server that answers as told: each goes out once."""

from __future__ import annotations

import email
from email.policy import default
from typing import Any

import pytest

from jobs import automation, messages
from models import Message, RuleRun, db, utcnow
from orders import rules
from orders.rules import Draft

from .conftest import make_orders
from .smtp import Server


@pytest.fixture
def extra_env(smtp: Server) -> dict[str, str]:
    return smtp.begin()


@pytest.fixture(autouse=True)
def clean_sandbox() -> None:
    """None is needed here."""


def order_comes(to: str = "office@shop.ua", **values: Any) -> None:
    letter = {"kind": "email", "to": to, "subject": "Замовлення {number}", "text": "{name} <{city}>\n{items}"}
    rules.save(None, Draft("Letter", "created", actions=[letter]), "Olena")
    db.session.commit()
    make_orders(1, **values)
    automation.work()
    messages.deliver()


def sent() -> Message:
    db.session.expire_all()
    return db.session.scalars(db.select(Message)).one()


def test_a_letter_is_sent_once(context: Any, smtp: Server) -> None:
    order_comes()
    messages.deliver()
    (raw,) = smtp.letters
    letter: Any = email.message_from_bytes(raw, policy=default)
    assert (letter["To"], letter["Subject"]) == ("office@shop.ua", "Замовлення T-00001")
    assert letter.get_content().splitlines()[:2] == ["Тестова Олена <Київ>", "2 × Чашка 0"]
    assert sent().state == "sent"


def test_the_customers_address_is_taken_from_the_order(context: Any, smtp: Server) -> None:
    order_comes("", email="olena@example.com")
    assert (sent().target, len(smtp.letters)) == ("olena@example.com", 1)


def test_an_order_without_an_address_is_told(context: Any, smtp: Server) -> None:
    order_comes("")
    run = db.session.scalars(db.select(RuleRun)).one()
    assert run.actions[0]["result"] == "no_address"
    assert smtp.letters == []


@pytest.mark.parametrize(("refusal", "state"), [(b"550 no such box", "failed"), (b"451 later", "waiting")])
def test_what_the_server_says_decides(context: Any, smtp: Server, refusal: bytes, state: str) -> None:
    smtp.refusal = refusal
    order_comes()
    assert (sent().state, refusal.decode()[4:] in sent().detail) == (state, True)
    assert state == "failed" or sent().not_before > utcnow()


def test_a_letter_whose_answer_was_lost_is_not_sent_again(context: Any, smtp: Server) -> None:
    smtp.leaves = True
    order_comes()
    messages.deliver()
    assert (sent().state, len(smtp.letters)) == ("unknown", 1)
