"""Letters with links, against a mail server that answers as told."""

from __future__ import annotations

import email
from email.policy import default

import pytest

from jobs import mail, upkeep, wake
from models import OrderMail, db, utcnow
from orders import order_links, statuses
from orders.timeline import Actor
from tests.orders import build

from .smtp import Server

OLENA = Actor("person", "Olena")


@pytest.fixture
def extra_env(smtp: Server) -> dict[str, str]:
    return smtp.begin()


def asked(language: str = "uk") -> OrderMail:
    (order_id,) = build.make({"status_id": build.status("preorder").id})
    link = order_links.issue(order_id, OLENA)
    row = mail.ask(link, "olena@example.com", language, OLENA)
    db.session.commit()
    return row


def again(row: OrderMail) -> None:
    row.not_before = utcnow()
    db.session.commit()


def test_a_letter_carries_the_link_once(db_session, smtp):
    row = asked()
    assert len(wake.queue("default").get_job_ids()) == 1
    mail.deliver(row.id)
    mail.deliver(row.id)
    (raw,) = smtp.letters
    letter = email.message_from_bytes(raw, policy=default)
    assert (letter["To"], letter["From"]) == ("olena@example.com", "Крамниця <shop@example.com>")
    assert f"http://localhost/c/{order_links.current(1).secret['token']}" in letter.get_content()
    db_session.refresh(row)
    assert (row.state, row.tries) == ("sent", 1)
    assert mail.of_link(row.link_id) == [row]


def test_a_busy_server_is_tried_again_by_the_sweeper(db_session, smtp):
    row = asked()
    smtp.refusal = b"451 later"
    mail.deliver(row.id)
    db_session.refresh(row)
    assert row.state == "waiting"
    assert "451 later" in row.error
    assert row.not_before > utcnow()
    wake.queue("default").empty()
    upkeep.tidy()
    assert wake.queue("default").get_job_ids() == []  # its time has not come
    again(row)
    upkeep.tidy()
    assert len(wake.queue("default").get_job_ids()) == 1
    smtp.refusal = b""
    mail.deliver(row.id)
    assert len(smtp.letters) == 1


def test_after_the_last_wait_a_person_has_to_look(db_session, smtp):
    row = asked()
    smtp.refusal = b"451 later"
    for _try in range(len(mail.WAITS) + 1):
        again(row)
        mail.deliver(row.id)
    db_session.refresh(row)
    assert row.state == "failed"


def test_an_address_that_does_not_exist_is_not_tried_again(db_session, smtp):
    row = asked()
    smtp.refusal = b"550 nobody here"
    mail.deliver(row.id)
    db_session.refresh(row)
    assert (row.state, "nobody" in row.error) == ("failed", True)


def test_no_letter_for_a_link_that_stopped_working(db_session, smtp):
    row = asked()
    statuses.change([1], build.status("cancelled"), OLENA)
    db.session.commit()
    mail.deliver(row.id)
    mail.deliver(10**9)
    assert smtp.letters == []
    db_session.refresh(row)
    assert row.state == "failed"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_that_is_away(db_session, app, smtp):
    import dataclasses

    app.config["HUB"] = dataclasses.replace(app.config["HUB"], smtp_url="smtp://127.0.0.1:9")
    row = asked()
    mail.deliver(row.id)
    db_session.refresh(row)
    assert (row.state, bool(row.error)) == ("waiting", True)
