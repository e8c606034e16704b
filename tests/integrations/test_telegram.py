"""Telegram: what the shared suite needs to know of it, and what only a messenger has."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import Later, Refused, Unknown
from integrations.sandbox import SandboxServer
from orders import placeholders

from .suite import Vendor, canned, fault_of

SENT = {"ok": True, "result": {"message_id": 7}}
NO_ORDERS = "A messenger: no orders come from Telegram or are made there."

VENDOR = Vendor(
    key="telegram",
    settings={"token": "sandbox-token"},
    changed={"token": "a-newer-token"},
    read=lambda c: c.chats(),
    write=lambda c: c.send_message("700001", "Hello"),
    error=lambda words: {"ok": False, "error_code": 400, "description": words},
    page=lambda c, s: (set(), set()),
    unknown_status=lambda c: "",
    faults={404: "credentials", 409: "misconfigured", 500: "unavailable"},
    skips=dict.fromkeys(
        (
            *("created_once", "lost_answer_found", "order_written", "orders_read", "status_unknown"),
            "products_made_once",
            *("read_to_the_end", "lists_offered"),
        ),
        NO_ORDERS,
    ),
)


@pytest.fixture
def bot(server: SandboxServer, telegram: Any) -> Any:
    return VENDOR.connect(f"{server.url}/telegram")


def test_who_pressed_start_is_found_and_written_to(bot: Any, telegram: Any) -> None:
    olena, group = telegram.start("Олена"), telegram.start("Склад", group=True)
    assert [(c.code, c.name, c.group) for c in bot.chats()] == [
        (str(olena), "Олена", "private"),
        (str(group), "Склад", "group"),
    ]
    assert bot.start_link() == "https://t.me/orders_sandbox_0_bot?start=orders"
    assert bot.start_link("one-time_code") == "https://t.me/orders_sandbox_0_bot?start=one-time_code"
    assert {code: chat.code for code, chat in bot.started().items()} == {"orders": str(olena)}  # of people, not groups
    sent = bot.send_message(str(group), "<b>1</b> &lt;script&gt;")
    assert (sent.external_id, sent.chat) == ("1", str(group))
    assert telegram.messages()[0]["text"] == "1 <script>"


def test_a_group_that_moved_is_followed(bot: Any, telegram: Any) -> None:
    old = telegram.start("Склад", group=True)
    telegram.change_chat(old, moved_to=-1_000_700_009)
    assert bot.send_message(str(old), "Hello").chat == "-1000700009"
    assert telegram.count("messages") == 1


def test_who_wants_no_more_is_told_as_the_chats_fault(bot: Any, telegram: Any) -> None:
    olena = telegram.start()
    telegram.change_chat(olena, blocked=True)
    for chat in (str(olena), "1", "@nobody"):
        with pytest.raises(Refused, match="validation") as caught:
            bot.send_message(chat, "Hello")
        assert caught.value.field == "chat"


def test_the_wait_that_it_asks_for_is_told() -> None:
    body = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 9}}
    with canned((429, body)) as server, pytest.raises(Later) as caught:
        VENDOR.write(VENDOR.connect(server.url))
    assert caught.value.retry_after == 9


def test_a_lost_answer_is_told_as_such(bot: Any, telegram: Any) -> None:
    chat = str(telegram.start())
    telegram.fault("lost")
    with pytest.raises(Unknown):
        bot.send_message(chat, "Hello")
    assert telegram.count("messages") == 1


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (500, {"ok": False, "error_code": 500, "description": "Internal Server Error"}, "unavailable"),
        (500, {"ok": False, "error_code": 500, "description": "Internal Server Error: restart"}, "broken"),
        (500, "<html>500</html>", "broken"),
        (502, {"ok": False, "error_code": 502, "description": "Bad Gateway"}, "timeout"),
        (503, "<html>503</html>", "unavailable"),
        (504, "<html>504</html>", "timeout"),
    ],
)
def test_a_server_error_is_repeated_only_where_telegram_says_that_it_failed(status: int, body: Any, fault: str) -> None:
    with canned((status, body)) as server:
        assert fault_of(VENDOR.write, VENDOR.connect(server.url)) == fault


def test_an_answer_without_a_message_is_no_proof() -> None:
    with canned((200, {"ok": True, "result": {}})) as server:
        assert fault_of(VENDOR.write, VENDOR.connect(server.url)) == "broken"


def test_news_of_any_shape_is_read() -> None:
    updates: list[Any] = [5, {"message": 1}, {"my_chat_member": {"chat": {"id": -3, "title": "T"}}}, {"poll": {}}]
    updates += [{"message": {"chat": {}}}, {"message": {"chat": {"id": 4, "username": "olena"}}}]
    with canned((200, {"ok": True, "result": updates})) as server:
        connection = VENDOR.connect(server.url)
        assert [(c.code, c.name) for c in connection.chats()] == [("-3", "T"), ("4", "olena")]
        assert connection.started() == {}
    with canned((200, {"ok": True, "result": "odd"})) as server:
        connection = VENDOR.connect(server.url)
        assert (connection.chats(), connection.started(), connection.start_link()) == ([], {}, "")


@pytest.mark.parametrize("bad", ["<b>1", "1</b>", "<p>1</p>", "&nbsp;", "a < b", "   ", "x" * 4097])
def test_the_sandbox_refuses_what_telegram_refuses(bot: Any, telegram: Any, bad: str) -> None:
    with pytest.raises(Refused, match="Bad Request"):
        bot.send_message(str(telegram.start()), bad)


def test_long_values_are_cut_and_hostile_ones_escaped(bot: Any, telegram: Any) -> None:
    known = {"number": "7<&", "comment": "<b>😀&" * 2000, "items": "Чашка & блюдце\n" * 400, "city": ""}
    html = placeholders.chat_html("№ {number} <новий>\n{items}\n{comment}\n{comment}{city}{nonsense}", known)
    bot.send_message(str(telegram.start()), html)
    shown = telegram.messages()[0]["text"]
    assert placeholders.units(shown) <= placeholders.CHAT_LIMIT
    assert shown.startswith("№ 7<& <новий>\nЧашка & блюдце")
    assert shown.endswith("…{nonsense}")
    assert "<b>7&lt;&amp;</b>" in html
