"""Letters that rules send, against a mail server that answers as told: each goes out once."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from email.policy import default
from typing import Any

import pytest

from jobs import automation, messages
from models import Message, RuleRun, db, utcnow
from orders import rules
from orders.rules import Draft

from .conftest import make_orders


class Talk(socketserver.StreamRequestHandler):
    """One conversation. `server.refusal`: what it says to the recipient; `server.leaves`: it hangs up with the letter
    in its hands."""

    server: Any

    def handle(self) -> None:
        self.say(b"220 test")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb in (b"EHLO", b"MAIL", b"RSET"):
                self.say(b"250 ok")
            elif verb == b"RCPT":
                self.say(self.server.refusal or b"250 ok")
            elif verb != b"DATA" or not self.take():
                return

    def take(self) -> bool:
        self.say(b"354 go on")
        self.server.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        if not self.server.leaves:
            self.say(b"250 taken")
        return not self.server.leaves

    def say(self, words: bytes) -> None:
        self.wfile.write(words + b"\r\n")


@pytest.fixture(scope="module")
def smtp() -> Iterator[Any]:
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def extra_env(smtp: Any) -> dict[str, str]:
    smtp.letters, smtp.refusal, smtp.leaves = [], b"", False
    return {"SMTP_URL": f"smtp://127.0.0.1:{smtp.server_address[1]}", "MAIL_FROM": "Крамниця <shop@example.com>"}


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


def test_a_letter_is_sent_once(context: Any, smtp: Any) -> None:
    order_comes()
    messages.deliver()
    (raw,) = smtp.letters
    letter: Any = email.message_from_bytes(raw, policy=default)
    assert (letter["To"], letter["Subject"]) == ("office@shop.ua", "Замовлення T-00001")
    assert letter.get_content().splitlines()[:2] == ["Тестова Олена <Київ>", "2 × Чашка 0"]
    assert sent().state == "sent"


def test_the_customers_address_is_taken_from_the_order(context: Any, smtp: Any) -> None:
    order_comes("", email="olena@example.com")
    assert (sent().target, len(smtp.letters)) == ("olena@example.com", 1)


def test_an_order_without_an_address_is_told(context: Any, smtp: Any) -> None:
    order_comes("")
    run = db.session.scalars(db.select(RuleRun)).one()
    assert run.actions[0]["result"] == "no_address"
    assert smtp.letters == []


@pytest.mark.parametrize(("refusal", "state"), [(b"550 no such box", "failed"), (b"451 later", "waiting")])
def test_what_the_server_says_decides(context: Any, smtp: Any, refusal: bytes, state: str) -> None:
    smtp.refusal = refusal
    order_comes()
    assert (sent().state, refusal.decode()[4:] in sent().detail) == (state, True)
    assert state == "failed" or sent().not_before > utcnow()


def test_a_letter_whose_answer_was_lost_is_not_sent_again(context: Any, smtp: Any) -> None:
    smtp.leaves = True
    order_comes()
    messages.deliver()
    assert (sent().state, len(smtp.letters)) == ("unknown", 1)
