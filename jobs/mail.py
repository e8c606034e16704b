"""Letters to customers, by the mail server of SMTP_URL. The row is the work: written with what asks for it, sent by a
job, tried again by the sweeper. A letter whose answer was lost may go out twice, which harms nobody."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import structlog
from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from models import OrderLink, OrderMail, db, utcnow
from orders import order_links
from orders.timeline import Actor, note

from . import wake

log = structlog.get_logger()
TIMEOUT = 20
#: waits before the second, third… try; then a person has to look
WAITS = (60, 300, 1800, 7200)
#: a letter that a worker has taken is nobody else's so long
LEASE = timedelta(minutes=5)


class NotSent(Exception):
    """`final`: trying again would not help. The text is the server's, for staff."""

    def __init__(self, text: str, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def is_configured() -> bool:
    return bool(current_app.config["HUB"].smtp_url)


def send(address: str, subject: str, body: str) -> None:
    """One plain letter, now. Raises NotSent."""
    hub = current_app.config["HUB"]
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = hub.mail_from, address, " ".join(subject.split())
    letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=urlsplit(hub.public_url).hostname)
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(body)
    try:
        with _server(hub.smtp_url) as server:
            _introduce(server, hub.smtp_url)
            server.send_message(letter)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise NotSent(_words(code, words), final=code >= 500) from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(_words(error.smtp_code, error.smtp_error), final=error.smtp_code in (550, 553, 554)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(str(error) or type(error).__name__) from None


def _server(url: str) -> smtplib.SMTP:
    """smtp:// speaks TLS where the server offers it, smtps:// from the first byte."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT, context=ssl.create_default_context())
    return smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT)


def _introduce(server: smtplib.SMTP, url: str) -> None:
    """Apart from the connecting: whatever goes wrong here, the connection gets closed."""
    parts = urlsplit(url)
    server.ehlo()
    if parts.scheme != "smtps" and server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))


def _words(code: int, words: bytes | str) -> str:
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"


# ---- letters with a customer's link


def ask(link: OrderLink, address: str, language: str, actor: Actor) -> OrderMail:
    """Ask for the letter in the caller's transaction."""
    row = OrderMail(link_id=link.id, address=address, language=language, requested_by=actor.name[:120])
    db.session.add(row)
    db.session.flush()
    note(link.order_id, actor, "link_mailed", name=address)
    wake.soon("mail", row.id)
    return row


def of_link(link_id: int) -> Sequence[OrderMail]:
    """The latest letters with this link, newest first."""
    query = db.select(OrderMail).where(OrderMail.link_id == link_id).order_by(OrderMail.id.desc())
    return db.session.scalars(query.limit(5)).all()


def deliver(mail_id: int) -> None:
    """Send a letter that waits; called by workers. Does nothing when another has taken it."""
    if not _take(mail_id):
        return
    row = db.session.get_one(OrderMail, mail_id)
    link = db.session.get(OrderLink, row.link_id)
    if link is None or order_links.state(link) != "open":
        row.state, row.error = "failed", "the link does not work any more"
        db.session.commit()
        return
    subject, body = _letter(link, row.language)
    address = row.address
    db.session.commit()  # no transaction is open while the mail server is waited for
    try:
        send(address, subject, body)
    except NotSent as error:
        log.warning("mail_not_sent", mail=mail_id, error=str(error))
        _failed(mail_id, error)
        return
    row = db.session.get_one(OrderMail, mail_id)
    row.state, row.sent_at, row.error = "sent", utcnow(), ""
    wake.changed()
    db.session.commit()


def _take(mail_id: int) -> bool:
    now = utcnow()
    query = (
        db.update(OrderMail)
        .where(OrderMail.id == mail_id, OrderMail.state == "waiting", OrderMail.not_before <= now)
        .values(tries=OrderMail.tries + 1, not_before=now + LEASE)
        .returning(OrderMail.id)
        .execution_options(synchronize_session=False)
    )
    taken = db.session.scalar(query) is not None
    db.session.commit()
    return taken


def _failed(mail_id: int, error: NotSent) -> None:
    row = db.session.get_one(OrderMail, mail_id)
    row.error = str(error)[:300]
    if error.final or row.tries > len(WAITS):
        row.state = "failed"
    else:
        row.not_before = utcnow() + timedelta(seconds=WAITS[row.tries - 1])
    wake.changed()
    db.session.commit()


def wake_due() -> None:
    """For the sweeper: letters whose time has come."""
    due = db.select(OrderMail.id).where(OrderMail.state == "waiting", OrderMail.not_before <= utcnow()).limit(100)
    for mail_id in db.session.scalars(due):
        wake.soon("mail", mail_id)
    db.session.commit()  # what is woken is woken after a commit


def _letter(link: OrderLink, language: str) -> tuple[str, str]:
    """Subject and body in the customer's language."""
    address = f"{current_app.config['HUB'].public_url}/c/{link.secret['token']}"
    shop = link.order.shop.name if link.order.shop else ""
    with force_locale(language):
        subject = _("Your order %(number)s: delivery and payment", number=link.order.number)
        shop = _(shop) if shop else ""
        greeting = _("%(shop)s has put your order together.", shop=shop) if shop else _("Your order is put together.")
        ask_for = _("Say where to deliver it and how you will pay:")
        until = _("The link works until %(day)s.", day=link.expires_at.strftime("%d.%m.%Y"))
    return subject, f"{greeting}\n{ask_for}\n\n{address}\n\n{until}\n"
