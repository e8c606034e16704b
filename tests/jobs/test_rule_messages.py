"""Messages that rules write: each once, whatever becomes of its answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.sandbox import SandboxServer
from jobs import automation, messages, wake
from models import Connection, Message, OrderEvent, Rule, db, utcnow

from .conftest import make_orders, queued
from .test_automation import OLENA, rule


def chat_rule(bot: Connection, chat: int, name: str = "Tell") -> Rule:
    text = "Нове {number}: {total}, <{name}>"
    return rule(name, "created", {"kind": "chat", "connection": bot.id, "chat": str(chat), "text": text})


def message() -> Message:
    db.session.expire_all()
    return db.session.scalars(db.select(Message)).one()


def test_a_message_is_sent_once_and_the_timeline_says_so(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    chat_rule(bot, telegram.start())
    order_id = make_orders(1)[0]
    automation.work()
    assert "jobs.messages.deliver" in queued()
    messages.deliver()
    messages.deliver()
    assert [m["text"] for m in telegram.messages()] == ["Нове T-00001: 261,00\xa0UAH, <Тестова Олена>"]
    assert (message().state, message().external_id) == ("sent", "1")
    last = db.session.scalars(db.select(OrderEvent).where(OrderEvent.kind == "message")).one()
    assert (last.order_id, last.actor_name, last.detail["outcome"]) == (order_id, "Tell", "sent")


def test_a_lost_answer_is_not_repeated_but_by_a_person(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    chat_rule(bot, telegram.start())
    make_orders(1)
    automation.work()
    telegram.fault("lost")
    messages.deliver()
    messages.deliver()
    assert (message().state, telegram.count("messages")) == ("unknown", 1)
    assert messages.send_again(message(), OLENA)
    db.session.commit()
    messages.deliver()
    assert (message().state, telegram.count("messages")) == ("sent", 2)
    assert not messages.send_again(message(), OLENA)


def test_a_server_error_is_tried_again_and_arrives_once(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    chat_rule(bot, telegram.start())
    make_orders(1)
    automation.work()
    telegram.fault("error500")
    messages.deliver()
    assert (message().state, message().tries, telegram.count("messages")) == ("waiting", 1, 0)
    assert message().not_before > utcnow()
    wake.queue("default").empty()
    automation.tick()
    assert queued() == []
    message().not_before = utcnow()
    db.session.commit()
    automation.tick()
    assert queued() == ["jobs.messages.deliver"]
    messages.deliver()
    messages.deliver()
    assert (message().state, message().tries, telegram.count("messages")) == ("sent", 2, 1)


def test_a_server_error_that_stays_is_given_up_after_the_last_try(bot: Connection, sandbox: SandboxServer) -> None:
    chat_rule(bot, sandbox.vendor("telegram").start())
    make_orders(1)
    automation.work()
    message().tries = len(messages.WAITS)
    db.session.commit()
    sandbox.vendor("telegram").fault("error500")
    messages.deliver()
    assert (message().state, "Internal Server Error" in message().detail) == ("failed", True)


def test_a_worker_that_dies_in_the_call_leaves_it_to_a_person(bot: Connection, sandbox: SandboxServer) -> None:
    chat_rule(bot, sandbox.vendor("telegram").start())
    make_orders(1)
    automation.work()
    assert messages._take() == message().id
    messages.deliver()
    assert message().state == "working"
    message().not_before = utcnow() - timedelta(seconds=1)
    db.session.commit()
    messages.deliver()
    assert (message().state, sandbox.vendor("telegram").count("messages")) == ("unknown", 0)


def test_too_many_calls_make_the_whole_bot_wait(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    chat_rule(bot, telegram.start())
    make_orders(3)
    automation.work()
    telegram.fault("rate_limited")
    messages.deliver()
    rows = db.session.scalars(db.select(Message)).all()
    assert {(row.state, row.tries) for row in rows} == {("waiting", 0)}
    assert all(row.not_before > utcnow() for row in rows)
    assert telegram.count("messages") == 0
    assert not messages.is_due()
    db.session.execute(db.update(Message).values(not_before=utcnow()))
    db.session.commit()
    messages.deliver()
    assert telegram.count("messages") == 3


def test_a_chat_that_wants_no_more_is_told(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    chat = telegram.start()
    telegram.change_chat(chat, blocked=True)
    chat_rule(bot, chat)
    make_orders(1)
    automation.work()
    messages.deliver()
    assert (message().state, "blocked" in message().detail) == ("failed", True)


def test_a_moved_group_is_remembered(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    old, stays = telegram.start("Склад", group=True), telegram.start("Олена")
    telegram.change_chat(old, moved_to=-1_000_700_009)
    row, other = chat_rule(bot, old), chat_rule(bot, stays, "Tell Olena")
    make_orders(1)
    automation.work()
    messages.deliver()
    db.session.refresh(row)
    db.session.refresh(other)
    assert (row.actions[0]["chat"], other.actions[0]["chat"]) == ("-1000700009", str(stays))


def test_a_bot_that_is_switched_off_sends_nothing_and_the_message_says_so(
    bot: Connection, sandbox: SandboxServer
) -> None:
    chat_rule(bot, sandbox.vendor("telegram").start())
    make_orders(1)
    automation.work()
    bot.enabled = False
    db.session.commit()
    messages.deliver()
    assert (message().state, message().fault, sandbox.vendor("telegram").count("messages")) == ("failed", "off", 0)


def test_a_job_leaves_what_is_too_much_for_it_to_the_next(
    bot: Connection, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "STINT", 2)
    chat_rule(bot, sandbox.vendor("telegram").start())
    make_orders(3)
    automation.work()
    wake.queue("default").empty()
    messages.deliver()
    assert (sandbox.vendor("telegram").count("messages"), queued()) == (2, ["jobs.messages.deliver"])
    messages.deliver()
    assert sandbox.vendor("telegram").count("messages") == 3
    newest = messages.listed(0, 2)
    older = messages.listed(newest[-1][0].id, 2)
    assert [number for _, number in [*newest, *older]] == ["T-00003", "T-00002", "T-00001"]


def test_chats_found_before_stay(bot: Connection, sandbox: SandboxServer) -> None:
    telegram = sandbox.vendor("telegram")
    telegram.start("Олена")
    assert messages.find_chats(bot) == (1, "https://t.me/orders_sandbox_0_bot?start=orders")
    telegram.reset()
    assert messages.find_chats(bot)[0] == 1
    assert [(c.code, c.name) for c in messages.known_chats()] == [("700001", "Олена")]
    assert [row.name for row in messages.bots()] == ["Bot"]


def test_the_token_is_nowhere(bot: Connection, sandbox: SandboxServer, capfd: pytest.CaptureFixture[str]) -> None:
    telegram = sandbox.vendor("telegram")
    chat_rule(bot, telegram.start())
    make_orders(2)
    automation.work()
    telegram.fault("drop")
    telegram.fault("garbage")
    messages.deliver()
    told = [row.detail for row in db.session.scalars(db.select(Message))]
    told += [str(row.detail) for row in db.session.scalars(db.select(OrderEvent))]
    printed = capfd.readouterr()
    assert "sandbox-token" not in " ".join([*told, printed.out, printed.err])
    assert {row.state for row in db.session.scalars(db.select(Message))} == {"unknown"}
