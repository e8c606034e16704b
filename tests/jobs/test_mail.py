"""Letters with links, against a mail server that answers as told."""

from __future__ import annotations

import dataclasses
import email
import ssl
from datetime import timedelta
from email.policy import default
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from jobs import mail, upkeep, wake
from models import OrderMail, db, utcnow
from orders import order_links, statuses
from orders.timeline import Actor
from tests.orders import build

from .smtp import Server

OLENA = Actor("person", "Olena")
DAY = timedelta(days=1)


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


@pytest.fixture
def trusted(smtp: Server, tmp_path: Path) -> Path:
    """A certificate of our own for the mail server, as a file of authorities that holds nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = utcnow()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "mail.pem"
    certificate = made.public_bytes(Encoding.PEM)
    path.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    smtp.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    smtp.context.load_cert_chain(path)
    return path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("scheme", "tls", "password", "trusts", "state", "error"),
    [
        ("smtps", "at once", "s%2Fcret", True, "sent", ""),
        ("smtp", "asked", "s%2Fcret", True, "sent", ""),
        ("smtp", "asked", "wrong", True, "waiting", "535 wrong name or password"),
        ("smtps", "at once", "s%2Fcret", False, "waiting", "CERTIFICATE_VERIFY_FAILED"),
        ("smtp", "asked", "s%2Fcret", False, "waiting", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_the_name_and_password_go_to_a_server_that_proves_who_it_is(
    db_session, app, smtp, trusted, monkeypatch, scheme, tls, password, trusts, state, error
):
    smtp.tls = tls
    address = f"{scheme}://shop%40example.com:{password}@localhost:{smtp.server_address[1]}"
    app.config["HUB"] = dataclasses.replace(app.config["HUB"], smtp_url=address)
    if trusts:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    row = asked()
    mail.deliver(row.id)
    db_session.refresh(row)
    assert (row.state, error in row.error, len(smtp.letters)) == (state, True, int(state == "sent"))
    assert "cret" not in row.error


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_that_is_away(db_session, app, smtp):
    app.config["HUB"] = dataclasses.replace(app.config["HUB"], smtp_url="smtp://127.0.0.1:9")
    row = asked()
    mail.deliver(row.id)
    db_session.refresh(row)
    assert (row.state, bool(row.error)) == ("waiting", True)
