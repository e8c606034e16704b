"""Notices to staff: who wants to be told what and where, and the messages that tell them.

What happens is gathered in `notices`, one row a person and kind (jobs/notice_scan.py writes them); here rows whose time
has come become messages, in the transaction that deletes them. jobs/messages.py sends those, each once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask_babel import force_locale
from flask_babel import gettext as _

from integrations import connector
from integrations.base import SendsMessages
from integrations.errors import VendorError
from models import Connection, Message, Notice, NoticeChoice, Outage, User, db, utcnow
from orders import events
from orders.days import ZONE

from . import connections, mail, notice_texts, wake
from .notice_texts import KINDS

#: how long a start link works
CODE_LIFE = timedelta(minutes=15)


class NoLink(Exception):
    """The messenger gave no link to start with; the text is its own words."""


@dataclass(frozen=True)
class Reader:
    """A person who can be told: `chat` and `email` are places that work now."""

    choice: NoticeChoice
    user: User
    chat: bool
    email: bool

    def wants(self, kind: str) -> bool:
        return wants(self.choice, kind)


def wants(choice: NoticeChoice | None, kind: str) -> bool:
    return bool((choice.kinds if choice else {}).get(kind, KINDS[kind].default))


def choice_of(user: User) -> NoticeChoice:
    """The person's row; made when there is none yet. The caller commits."""
    row = db.session.get(NoticeChoice, user.id)
    if row is None:
        row = NoticeChoice(user_id=user.id, kinds={})
        db.session.add(row)
    return row


def bots() -> list[Connection]:
    """Connections that a person may tie a chat of."""
    return [r for r in connections.active() if connections.usable(r) and connector(r.kind).can(SendsMessages)]


def readers() -> list[Reader]:
    """Everybody who has a place to be told at."""
    query = db.select(NoticeChoice).join(User).where(User.active, db.or_(NoticeChoice.chat != "", NoticeChoice.email))
    rows = db.session.scalars(query.options(db.contains_eager(NoticeChoice.user)).order_by(NoticeChoice.user_id)).all()
    if not rows:
        return []
    there, out = {row.id for row in bots()}, _silent()
    letters = mail.is_configured()
    found = [
        Reader(row, row.user, bool(row.chat) and row.connection_id in there - out, row.email and letters)
        for row in rows
    ]
    return [reader for reader in found if reader.email or (reader.choice.chat and reader.choice.connection_id in there)]


def _silent() -> set[int]:
    """Messengers that refuse us: what they would carry waits until they are mended."""
    return set(db.session.scalars(db.select(Outage.connection_id).where(Outage.told_at.is_not(None))))


# ---- tying a chat


def offer_code(user: User, bot: Connection) -> tuple[str, str]:
    """A code for one use, and the link that carries it; commits. Raises NoLink."""
    code, bot_id = secrets.token_urlsafe(24), bot.id
    opened: Any = connections.open_connector(bot)
    db.session.commit()
    try:
        link = opened.start_link(code)
    except VendorError as error:
        connections.note_answer(bot_id, error)
        raise NoLink(error.detail or error.fault) from None
    if not link:
        raise NoLink("")
    row = choice_of(user)
    row.connection_id, row.chat, row.chat_name, row.lost, row.trouble = bot_id, "", "", "", ""
    row.code_hash, row.code_until = _digest(code), utcnow() + CODE_LIFE
    db.session.commit()
    return code, link


def is_tying(choice: NoticeChoice | None) -> bool:
    return bool(choice and choice.code_hash and choice.code_until and choice.code_until > utcnow())


def look_for_code(user_id: int) -> None:
    """The job: ask the messenger whether the person has opened their link."""
    row = db.session.get(NoticeChoice, user_id)
    bot = db.session.get(Connection, row.connection_id) if row and row.connection_id else None
    if row is None or bot is None or not is_tying(row) or not connections.usable(bot):
        db.session.rollback()
        return
    opened: Any = connections.open_connector(bot)
    wanted = row.code_hash
    db.session.commit()
    try:
        started = opened.started()
    except VendorError as error:
        _note_trouble(user_id, error)
        return
    chat = next((chat for code, chat in started.items() if secrets.compare_digest(_digest(code), wanted)), None)
    if chat is not None:
        _tie(user_id, wanted, chat.code, chat.name)


def _note_trouble(user_id: int, error: VendorError) -> None:
    row = db.session.get_one(NoticeChoice, user_id)
    row.trouble = (error.detail or error.fault)[:300]
    db.session.commit()


def _tie(user_id: int, wanted: str, chat: str, name: str) -> None:
    """Once: two workers that have seen the same update write one greeting."""
    row = db.session.get(NoticeChoice, user_id, with_for_update=True, populate_existing=True)
    if row is not None and row.code_hash == wanted:
        row.chat, row.chat_name, row.code_hash, row.code_until = chat[:64], name[:200], "", None
        row.lost = row.trouble = ""
        with force_locale(language(row)):
            write(row, _greeting())
    db.session.commit()


def untie(user: User) -> None:
    """The chat is told nothing more; the caller commits."""
    row = choice_of(user)
    row.connection_id, row.chat, row.chat_name, row.lost, row.code_hash, row.trouble = None, "", "", "", "", ""


def lost(user_id: int, chat: str, why: str) -> None:
    """The person wants no more there, or the chat is gone: nothing is sent there until they tie it again."""
    row = db.session.get(NoticeChoice, user_id)
    if row is not None and row.chat == chat:
        row.chat, row.lost = "", why[:300] or "?"


def moved(connection_id: int | None, chat: str, new: str) -> None:
    mine = db.update(NoticeChoice).where(NoticeChoice.connection_id == connection_id, NoticeChoice.chat == chat)
    db.session.execute(mine.values(chat=new).execution_options(synchronize_session=False))


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()


# ---- telling


def add(readers: Sequence[Reader], kind: str, n: int, items: Sequence[Mapping[str, Any]]) -> None:
    """Something has happened: kept for everybody who wants to know. One caller at a time (see notice_scan.tick)."""
    wanted = [reader.user.id for reader in readers if reader.wants(kind)]
    if not wanted or not n:
        return
    query = db.select(Notice).where(Notice.user_id.in_(wanted), Notice.kind == kind)
    there = {row.user_id: row for row in db.session.scalars(query)}
    for user_id in wanted:
        row = there.get(user_id)
        if row is None:
            row = Notice(user_id=user_id, kind=kind, n=0, items=[], since=utcnow())
            db.session.add(row)
        row.n, row.items = row.n + n, _together(kind, row.items, items)


def _together(kind: str, before: Sequence[Mapping[str, Any]], more: Sequence[Mapping[str, Any]]) -> list[Any]:
    if kind != "problem":
        return [*before, *map(dict, more)][:50]
    sums: dict[str, int] = {}
    for item in (*before, *more):
        sums[item["what"]] = sums.get(item["what"], 0) + item["n"]
    return [{"what": what, "n": n} for what, n in sums.items()]


def tell(readers: Sequence[Reader]) -> None:
    """What is due becomes messages, in the caller's transaction."""
    now = utcnow()
    by_user: dict[int, list[Notice]] = {}
    for row in db.session.scalars(db.select(Notice).order_by(Notice.id)):
        by_user.setdefault(row.user_id, []).append(row)
    there = {reader.user.id: reader for reader in readers}
    for user_id, rows in by_user.items():
        if user_id in there:
            _tell_one(there[user_id], rows, now)
        else:  # nobody listens any more
            for row in rows:
                db.session.delete(row)


def _tell_one(reader: Reader, rows: Sequence[Notice], now: datetime) -> None:
    if is_quiet(reader.choice, now):
        for row in rows:
            row.held = True
        return
    if not reader.chat and not reader.email:
        return  # the messenger refuses us; what happens meanwhile is kept
    if any(row.held for row in rows):
        due = [rows]
    else:
        due = [[row] for row in rows if row.since + timedelta(seconds=KINDS[row.kind].gather) <= now]
    for together in due:
        with force_locale(language(reader.choice)):
            text = notice_texts.message(together, quiet=together is rows)
        write(reader.choice, text, reader.chat, reader.email)
        for row in together:
            db.session.delete(row)


def write(choice: NoticeChoice, text: notice_texts.Text, chat: bool = True, email: bool = False) -> None:
    """The messages of one text; the caller commits."""
    common = {"user_id": choice.user_id, "created_at": utcnow(), "not_before": utcnow()}
    if chat and choice.chat:
        name = choice.chat_name or choice.chat
        target = {"channel": "chat", "connection_id": choice.connection_id, "target": choice.chat, "subject": name}
        db.session.add(Message(**common, **target, body=text.chat_html))
    if email:
        user = db.session.get_one(User, choice.user_id)
        letter = {"channel": "email", "target": user.email, "subject": text.subject[:200]}
        db.session.add(Message(**common, **letter, body=text.plain))
    events.wake_messages()


def test_message(reader: Reader) -> None:
    """To wherever this person is told, whatever the hour; the caller commits."""
    with force_locale(language(reader.choice)):
        heading = _("This is a test.")
        text = notice_texts.Text(
            heading, [(heading, True), ("\n" + _("Notices from the order hub arrive here."), False)]
        )
    write(reader.choice, text, reader.chat, reader.email)


def _greeting() -> notice_texts.Text:
    heading = _("This chat is tied to your account.")
    what = _("What you are told here is chosen on the page of your profile.")
    return notice_texts.Text(heading, [(heading, True), ("\n" + what, False)])


def language(choice: NoticeChoice) -> str:
    user = db.session.get(User, choice.user_id)
    return (user.language if user else "") or choice.language or "en"


def is_quiet(choice: NoticeChoice, now: datetime) -> bool:
    start, end = choice.quiet_from, choice.quiet_until
    if start is None or end is None or start == end:
        return False
    local = now.astimezone(zone_of(choice.zone))
    minute = local.hour * 60 + local.minute
    return start <= minute < end if start < end else minute >= start or minute < end


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name) if name else ZONE
    except (ZoneInfoNotFoundError, ValueError):
        return ZONE


def ask_soon(user_id: int) -> None:
    """A page waits for the person to press Start."""
    wake.now("tie", user_id, once_in=2)
