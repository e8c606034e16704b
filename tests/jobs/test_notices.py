"""Notices to staff: what is told, once, where and when."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask_babel import force_locale

from integrations.sandbox import SandboxServer
from jobs import connections, messages, notice_scan, notice_texts, notices, undelivered, wake
from jobs.notice_texts import Broken, Template
from models import Connection, Message, Notice, NoticeChoice, Order, Outage, User, db, utcnow
from orders import creation
from orders.creation import Draft
from orders.days import ZONE
from orders.timeline import Actor

from ..integrations.sandboxes import wait_until
from ..integrations.suite import canned
from .conftest import queued

PROM = Actor("job", "Prom")


@pytest.fixture
def telegram(sandbox: SandboxServer) -> Any:
    return sandbox.vendor("telegram")


@pytest.fixture
def olena(bot: Connection, telegram: Any) -> NoticeChoice:
    """A person with a tied chat who is told of everything."""
    return person("olena@example.com", bot, telegram.start("Olena"))


def person(address: str, bot: Connection | None, chat: int | str, **values: Any) -> NoticeChoice:
    user = User(email=address, password_hash="-")
    db.session.add(user)
    db.session.flush()
    kinds = dict.fromkeys(notice_texts.KINDS, True)
    told = {"connection_id": bot.id if bot else None, "chat": str(chat), "kinds": kinds, **values}
    row = NoticeChoice(user_id=user.id, **told)
    db.session.add(row)
    db.session.commit()
    return row


def come_in(n: int, actor: Actor = PROM, first: int = 1) -> list[int]:
    drafts = [
        Draft({"number": f"N-{i}", "last_name": "<Тестова> & Ко", "total": 261, "city": "Київ"})
        for i in range(first, first + n)
    ]
    ids = creation.insert_many(drafts, actor)
    db.session.commit()
    return ids


def look(passed: int = 0) -> None:
    """Two looks, as orders are told one look late; `passed`: so many seconds after they were found."""
    notice_scan.tick()
    notice_scan.tick()
    if passed:
        for row in db.session.scalars(db.select(Notice)):
            row.since -= timedelta(seconds=passed)
        db.session.commit()
        notice_scan.tick()
    messages.deliver()


def told(telegram: Any) -> list[str]:
    return [message["text"] for message in telegram.messages()]


def test_forty_orders_within_a_minute_are_one_message(olena: NoticeChoice, telegram: Any) -> None:
    look()
    come_in(30)
    look()
    come_in(10, first=31)
    look()
    assert told(telegram) == []
    look(passed=60)
    look(passed=60)
    (text,) = told(telegram)
    assert text.startswith("40 new orders\nN-1 · 261,00\xa0UAH · <Тестова> & Ко · Київ\nN-2 ·")
    assert text.endswith("N-10 · 261,00\xa0UAH · <Тестова> & Ко · Київ\nand 30 more\n\nhttp://localhost/orders")
    assert db.session.scalar(db.select(Connection.last_ok_at)) is not None  # its health knows that it works


def test_one_order_leads_to_its_page_and_what_staff_make_themselves_is_no_news(
    olena: NoticeChoice, telegram: Any
) -> None:
    look()
    come_in(1, Actor("person", "Olena"))
    come_in(1, first=2)
    look(passed=60)
    assert told(telegram) == ["1 new order\nN-2 · 261,00\xa0UAH · <Тестова> & Ко · Київ\n\nhttp://localhost/orders/N-2"]


def test_what_was_there_before_is_not_told(olena: NoticeChoice, telegram: Any, bot: Connection) -> None:
    come_in(3)
    look(passed=60)
    olena.chat = ""
    db.session.commit()
    notice_scan.tick()
    come_in(3, first=4)
    olena.chat = "700001"
    db.session.commit()
    look(passed=60)
    assert told(telegram) == []


def test_nobody_listens_nothing_is_asked(context: Any) -> None:
    come_in(2)
    notice_scan.tick()
    assert db.session.scalar(db.select(db.func.count()).select_from(Notice)) == 0
    assert "jobs.messages.deliver" not in queued()


def test_orders_that_waited_for_payment_are_told_to_those_who_ask(
    olena: NoticeChoice, telegram: Any, prom: Connection
) -> None:
    assert not notices.wants(None, "payment")
    olena.kinds = {"payment": True}
    look()
    come_in(1)
    for number, outcome, by in (("W-1", "paid", ""), ("W-2", "unpaid", ""), ("W-3", "unpaid", "Olena")):
        values = {"number": number, "first_name": "<Ірина>", "total": 95, "currency": "UAH"}
        event = {"connection": prom.name, "waited": outcome, "by": by}
        creation.insert_many([Draft(values, [], event)], Actor("job", prom.name), "imported")
    db.session.commit()
    look(passed=60)
    look(passed=60)
    (text,) = told(telegram)
    assert text.split("\n")[:3] == [
        "2 orders waited for payment",
        "W-1 · 95,00\xa0UAH · <Ірина> · paid",
        "W-2 · 95,00\xa0UAH · <Ірина> · not paid in time",
    ]


def test_problems_are_told_when_there_are_more(olena: NoticeChoice, telegram: Any) -> None:
    look()
    code = {"table": "delivery_in", "code": "77", "name": "x", "connection_id": 1}
    ids = come_in(3)
    db.session.execute(db.update(Order).where(Order.id.in_(ids)).values(needs_mapping=True, unmapped=[code]))
    olena.kinds = {**olena.kinds, "new_order": False}
    wake.changed()
    db.session.commit()
    look(passed=60)
    look(passed=60)
    assert told(telegram) == ["3 new problems\nOrders that need mapping: 3\n\nhttp://localhost/problems"]


def test_one_of_our_own_that_did_not_arrive_is_no_news(olena: NoticeChoice, telegram: Any) -> None:
    look()
    lost = Message(user_id=olena.user_id, channel="chat", target="1", body="x", state="failed", subject="Olena")
    db.session.add(lost)
    db.session.commit()
    look(passed=60)
    assert told(telegram) == []
    assert [group.n for group in undelivered.find()] == [1]  # but the problems page has it


def test_an_outage_is_told_once_and_so_is_its_end(olena: NoticeChoice, telegram: Any, prom: Connection) -> None:
    look()
    prom.last_error_at, prom.last_error = utcnow(), {"fault": "credentials", "detail": "401"}
    db.session.commit()
    look()
    look()
    connections.note_answer(prom.id, None)
    look()
    look()
    page = "\n\nhttp://localhost/problems"
    assert told(telegram) == [
        f"Connected systems\nProm does not work (its key is not accepted){page}",
        f"Connected systems\nProm works again{page}",
    ]


def test_a_system_that_is_away_is_told_of_after_three_intervals(
    olena: NoticeChoice, telegram: Any, prom: Connection
) -> None:
    prom.last_error_at, prom.last_error = utcnow(), {"fault": "unreachable", "detail": "refused"}
    db.session.commit()
    look()
    assert told(telegram) == []
    db.session.scalars(db.select(Outage)).one().since -= timedelta(minutes=11)
    db.session.commit()
    look()
    assert told(telegram) == [
        "Connected systems\nProm does not work (it can't be reached)\n\nhttp://localhost/problems"
    ]


def test_a_source_that_gives_nothing_is_told_of(olena: NoticeChoice, telegram: Any, prom: Connection) -> None:
    prom.last_pull_at = prom.last_ok_at = utcnow() - timedelta(hours=1)
    db.session.commit()
    look()
    db.session.scalars(db.select(Outage)).one().since -= timedelta(hours=1)
    db.session.commit()
    look()
    assert "Prom does not work (nothing came from it for a long time)" in told(telegram)[0]
    prom.enabled = False
    db.session.commit()
    look()
    assert len(told(telegram)) == 1


def test_a_key_is_told_of_fourteen_seven_and_one_day_before(
    olena: NoticeChoice, telegram: Any, prom: Connection
) -> None:
    today = utcnow().astimezone(ZONE).date()
    for left in (20, 14, 13, 7, 1, 0, -1):
        db.session.get_one(Connection, prom.id)
        prom.settings = {**prom.settings, "valid_until": str(today + timedelta(days=left))}
        _same_key(prom, today + timedelta(days=left))
        db.session.commit()
        look()
    texts = told(telegram)
    assert [text.split("\n")[0] for text in texts] == ["1 key is about to expire"] * 3
    assert texts[0].split("\n")[-1] == f"http://localhost/settings/integrations/{prom.id}"


def _same_key(prom: Connection, day: Any) -> None:
    """The day comes nearer, as seen from today: the key is the same one."""
    from models import Option

    row = db.session.get(Option, notice_scan.OPTION)
    if row is not None and str(prom.id) in row.value.get("keys", {}):
        keys = {**row.value["keys"], str(prom.id): [str(day), row.value["keys"][str(prom.id)][1]]}
        row.value = {**row.value, "keys": keys}


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        ((22 * 60, 8 * 60), 23 * 60, True),
        ((22 * 60, 8 * 60), 7 * 60 + 59, True),
        ((22 * 60, 8 * 60), 8 * 60, False),
        ((13 * 60, 14 * 60), 13 * 60, True),
        ((13 * 60, 14 * 60), 14 * 60, False),
        ((60, 60), 60, False),
        ((None, None), 60, False),
    ],
)
def test_quiet_hours_cross_midnight(hours: Any, minute: int, quiet: bool) -> None:
    choice = NoticeChoice(quiet_from=hours[0], quiet_until=hours[1], zone="Asia/Almaty")
    local = utcnow().astimezone(notices.zone_of("Asia/Almaty")).replace(hour=minute // 60, minute=minute % 60)
    assert notices.is_quiet(choice, local) is quiet
    assert notices.zone_of("no such zone") is ZONE


def test_what_happens_in_quiet_hours_is_one_summary(olena: NoticeChoice, telegram: Any, prom: Connection) -> None:
    look()
    now = utcnow().astimezone(ZONE)
    minute = now.hour * 60 + now.minute
    olena.quiet_from, olena.quiet_until = (minute - 60) % 1440, (minute + 60) % 1440
    db.session.commit()
    come_in(12)
    prom.last_error_at, prom.last_error = utcnow(), {"fault": "credentials", "detail": "401"}
    db.session.commit()
    look(passed=600)
    assert told(telegram) == []
    olena.quiet_from = olena.quiet_until = None
    db.session.commit()
    look()
    look()
    (text,) = told(telegram)
    assert text.startswith("While it was quiet\n\n12 new orders\nN-1 ·")
    assert "and 9 more" in text
    assert "\n\nConnected systems\nProm does not work" in text


def test_a_chat_that_wants_no_more_is_untied(olena: NoticeChoice, telegram: Any) -> None:
    look()
    telegram.change_chat(int(olena.chat), blocked=True)
    come_in(1)
    look(passed=60)
    row = db.session.scalars(db.select(Message)).one()
    assert (row.state, olena.chat, "blocked" in olena.lost) == ("dropped", "", True)
    assert undelivered.find() == []


def test_too_fast_is_obeyed_and_arrives_later(olena: NoticeChoice, telegram: Any) -> None:
    look()
    come_in(1)
    telegram.fault("rate_limited")
    look(passed=60)
    row = db.session.scalars(db.select(Message)).one()
    assert (row.state, row.not_before > utcnow(), told(telegram)) == ("waiting", True, [])
    row.not_before = utcnow()
    db.session.commit()
    look()
    assert len(told(telegram)) == 1


def test_what_a_refused_messenger_would_carry_waits(olena: NoticeChoice, telegram: Any, bot: Connection) -> None:
    look()
    bot.last_error_at, bot.last_error = utcnow(), {"fault": "credentials", "detail": "401"}
    db.session.commit()
    come_in(2)
    look(passed=60)
    assert db.session.scalar(db.select(db.func.count()).select_from(Message)) == 0
    connections.note_answer(bot.id, None)
    look(passed=60)
    assert sorted(text.split("\n")[0] for text in told(telegram)) == ["2 new orders", "Connected systems"]


def test_a_link_ties_one_chat_once(bot: Connection, telegram: Any) -> None:
    choice = person("ivan@example.com", None, "")
    user = db.session.get_one(User, choice.user_id)
    code, link = notices.offer_code(user, bot)
    assert link == f"https://t.me/orders_sandbox_0_bot?start={code}"
    telegram.start("A stranger", code="guessed")
    telegram.start("Warehouse", group=True, code=code)
    notices.look_for_code(user.id)
    assert (choice.chat, notices.is_tying(choice)) == ("", True)
    chat = telegram.start("Ivan", code=code)
    notices.look_for_code(user.id)
    assert (choice.chat, choice.chat_name, notices.is_tying(choice)) == (str(chat), "Ivan", False)
    telegram.start("Somebody else", code=code)
    notices.look_for_code(user.id)
    assert choice.chat == str(chat)
    messages.deliver()
    assert [text.split("\n")[0] for text in told(telegram)] == ["This chat is tied to your account."]
    notices.untie(user)
    assert (choice.chat, choice.connection_id) == ("", None)


def test_a_link_that_is_too_old_ties_nothing_and_trouble_is_told(bot: Connection, telegram: Any) -> None:
    choice = person("ivan@example.com", None, "")
    user = db.session.get_one(User, choice.user_id)
    code, _link = notices.offer_code(user, bot)
    telegram.fault("expired")
    notices.look_for_code(user.id)
    assert choice.trouble == "Unauthorized"
    telegram.start("Ivan", code=code)
    choice.code_until = utcnow() - timedelta(seconds=1)
    db.session.commit()
    notices.look_for_code(user.id)
    assert choice.chat == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_workers_that_see_one_link_write_one_greeting(context: Any, bot: Connection, telegram: Any) -> None:
    user = db.session.get_one(User, person("ivan@example.com", None, "").user_id)
    code, _link = notices.offer_code(user, bot)
    user_id, chat = user.id, telegram.start("Ivan", code=code)
    fault = telegram.fault("late", seconds=2.0)

    def look_too() -> None:
        with context.app_context():
            notices.look_for_code(user_id)

    db.session.rollback()
    other = threading.Thread(target=look_too)
    other.start()
    wait_until(lambda: fault.taken)
    notices.look_for_code(user_id)
    db.session.rollback()
    other.join()
    messages.deliver()
    assert [text.split("\n")[0] for text in told(telegram)] == ["This chat is tied to your account."]
    assert db.session.get_one(NoticeChoice, user_id).chat == str(chat)


def test_a_refusal_of_an_old_chat_leaves_the_new_one_tied(olena: NoticeChoice, telegram: Any) -> None:
    look()
    come_in(1)
    notice_scan.tick()
    notice_scan.tick()
    for row in db.session.scalars(db.select(Notice)):
        row.since -= timedelta(seconds=60)
    db.session.commit()
    notice_scan.tick()
    old, olena.chat = olena.chat, str(telegram.start("Olena's new phone"))
    db.session.commit()
    telegram.change_chat(int(old), blocked=True)
    messages.deliver()
    assert (told(telegram), olena.lost) == ([], "")
    come_in(1, first=2)
    look(passed=60)
    assert [text.split("\n")[0] for text in told(telegram)] == ["1 new order"]


def test_what_happens_while_nobody_wants_to_know_is_not_told_later(
    olena: NoticeChoice, telegram: Any, bot: Connection
) -> None:
    ivan = person("ivan@example.com", bot, telegram.start("Ivan"), kinds={"problem": True})
    look()
    come_in(1)
    look()  # kept for Olena, who gives up her chat before it is told
    chat, olena.chat = olena.chat, ""
    db.session.commit()
    look()
    assert db.session.scalars(db.select(Notice)).all() == []
    come_in(2, first=2)
    look(passed=60)
    olena.chat = chat
    db.session.commit()
    look(passed=60)
    assert told(telegram) == []
    come_in(1, first=9)
    look(passed=60)
    assert [text.split("\n")[0] for text in told(telegram)] == ["1 new order"]
    assert ivan.lost == ""


def test_a_group_that_moved_is_followed(olena: NoticeChoice, telegram: Any, bot: Connection) -> None:
    old = telegram.start("Sales", group=True)
    olena.chat = str(old)
    db.session.commit()
    look()
    telegram.change_chat(old, moved_to=-1_000_700_009)
    come_in(1)
    look(passed=60)
    assert olena.chat == "-1000700009"


def test_an_owners_words_and_what_is_wrong_with_them(olena: NoticeChoice, telegram: Any) -> None:
    with pytest.raises(Broken):
        notice_texts.save("new_order", Template("{headline} {nonsense}", "{number}"))
    for text in ("", "  ", "x" * 801):
        with pytest.raises(Broken):
            notice_texts.save("new_order", Template(text, ""))
    notice_texts.save("new_order", Template("<i>{count}</i>: {list}", "№{number} {phone}"))
    db.session.commit()
    look()
    come_in(2)
    look(passed=60)
    assert told(telegram) == ["<i>2</i>: №N-1\n№N-2"]
    db.session.get_one(notice_texts.Option, notice_texts.OPTION).value = {"new_order": {"text": "{gone}", "line": ""}}
    db.session.commit()
    come_in(1, first=9)
    look(passed=60)
    assert told(telegram)[1].startswith("1 new order\nN-9")  # broken: the hub's own words
    notice_texts.save("new_order", None)
    assert notice_texts.templates() == {}
    notice_texts.save("new_order", Template("{list}\n{headline}\n{list}", " "))  # lines with nothing in them
    db.session.commit()
    come_in(1, first=10)
    look(passed=60)
    assert told(telegram)[2] == "1 new order"


def test_the_longest_values_fit(context: Any) -> None:
    values = dict.fromkeys(notice_texts.KINDS["new_order"].line, "😀&<" * 3000)
    own = Template("{list}\n" * 3 + "x" * 700, "{name} " * 100)
    with force_locale("uk"):
        for template in (own, notice_texts.KINDS["new_order"].own):
            text = notice_texts.filled("new_order", 50, [{"values": values}] * 10, template)
            assert notice_texts.placeholders.units(text.plain) <= 4096
            assert "&lt;" in text.chat_html
        notice_texts.save("problem", Template("y" * 700 + "{list}" * 10, "{what}"))
        rows = [Notice(kind=kind, n=50, items=[*about.sample] * 10) for kind, about in notice_texts.KINDS.items()]
        assert notice_texts.placeholders.units(notice_texts.message(rows, quiet=True).plain) <= 4096


def test_the_language_is_the_readers(olena: NoticeChoice, telegram: Any, prom: Connection) -> None:
    olena.language = "uk"
    prom.settings = {**prom.settings, "valid_until": str(utcnow().astimezone(ZONE).date() + timedelta(days=1))}
    db.session.commit()
    look()
    (text,) = told(telegram)
    assert "\N{NARROW NO-BREAK SPACE}р." in text.split("\n")[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestAnswers:
    @pytest.fixture
    def extra_env(self) -> dict[str, str]:
        return {"ALLOW_PRIVATE_ADDRESSES": "1"}

    def test_a_bot_without_a_name_gives_no_link(self, bot: Connection) -> None:
        choice = person("ivan@example.com", None, "")
        user = db.session.get_one(User, choice.user_id)
        with canned((200, {"ok": True, "result": {"id": 1, "is_bot": True}})) as server:
            bot.settings = {**bot.settings, "api_url": server.url}
            db.session.commit()
            with pytest.raises(notices.NoLink):
                notices.offer_code(user, bot)
        assert (choice.connection_id, notices.is_tying(choice)) == (None, False)
