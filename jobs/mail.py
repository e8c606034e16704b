"""Letters, by the mail server of SMTP_URL."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from flask import current_app

TIMEOUT = 20


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
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server


def _words(code: int, words: bytes | str) -> str:
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"
