"""The imitation of Telegram against a client that others wrote, and against what is published of the Bot API."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from integrations.sandbox import SandboxServer


def ask(server: SandboxServer, what: Callable[[Bot], Awaitable[Any]], token: str = "sandbox-token") -> Any:
    async def run() -> Any:
        async with Bot(token, base_url=f"{server.url}/telegram/bot") as bot:
            return await what(bot)

    with ThreadPoolExecutor(1) as pool:  # the browser's tests leave a loop running in the main thread
        return pool.submit(asyncio.run, run()).result()


def test_a_client_of_others_reads_and_writes(server: SandboxServer, telegram: Any) -> None:
    chat = telegram.start("Олена", code="once")
    (update,) = ask(server, lambda bot: bot.get_updates(offset=-100, timeout=0))
    assert (update.message.text, update.message.chat.id, update.message.chat.type) == ("/start once", chat, "private")
    button = InlineKeyboardMarkup([[InlineKeyboardButton("Open", url="https://hub.example/orders/15")]])
    sent = ask(
        server,
        lambda bot: bot.send_message(chat, "<b>15</b> &lt;", parse_mode=ParseMode.HTML, reply_markup=button),
    )
    assert (sent.message_id, sent.chat.id, sent.text) == (1, chat, "15 <")
    assert ask(server, lambda bot: bot.get_me()).username == "orders_sandbox_0_bot"


@pytest.mark.parametrize(
    ("change", "text", "error"),
    [
        ({"blocked": True}, "x", Forbidden),
        ({"moved_to": -1_000_700_009}, "x", ChatMigrated),
        ({}, "<p>x</p>", BadRequest),
        ({}, "x" * 4097, BadRequest),
        ({}, " ", BadRequest),
    ],
)
def test_it_understands_our_refusals(
    server: SandboxServer, telegram: Any, change: dict[str, Any], text: str, error: type[TelegramError]
) -> None:
    chat = telegram.start()
    telegram.change_chat(chat, **change)
    with pytest.raises(error):
        ask(server, lambda bot: bot.send_message(chat, text, parse_mode=ParseMode.HTML))


@pytest.mark.parametrize(
    ("fault", "error"), [("expired", InvalidToken), ("rate_limited", RetryAfter), ("error500", NetworkError)]
)
def test_it_understands_our_faults(
    server: SandboxServer, telegram: Any, fault: str, error: type[TelegramError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # its warning about the older way of telling seconds is an error here
    chat = telegram.start()
    telegram.fault(fault, path="sendMessage")
    with pytest.raises(error):
        ask(server, lambda bot: bot.send_message(chat, "x"))


def published() -> dict[str, Any]:
    """The Bot API as a description that machines read, where a folder of such is at hand; else the few parts of it
    that are used here (version 10.1)."""
    folder = os.environ.get("CONTRACTS")
    path = Path(folder or "", "telegram", "bot_api_10.1.min.json")
    if folder and path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return {
        "methods": {
            "getMe": {},
            "getUpdates": {"fields": [{"name": name, "required": False} for name in ("offset", "timeout")]},
            "sendMessage": {
                "fields": [
                    {"name": "chat_id", "required": True},
                    {"name": "text", "required": True},
                    {"name": "parse_mode", "required": False},
                    {"name": "link_preview_options", "required": False},
                ]
            },
        },
        "types": {
            "Message": {"fields": [{"name": name, "required": True} for name in ("message_id", "date", "chat")]},
            "Chat": {"fields": [{"name": name, "required": True} for name in ("id", "type")]},
            "Update": {"fields": [{"name": "update_id", "required": True}]},
            "User": {"fields": [{"name": name, "required": True} for name in ("id", "is_bot", "first_name")]},
        },
    }


def test_bodies_are_as_published(server: SandboxServer, telegram: Any) -> None:
    from .test_telegram import VENDOR

    contract = published()
    asked: list[tuple[str, dict[str, Any]]] = []
    told: list[tuple[str, Any]] = []

    chat = str(telegram.start())
    client = VENDOR.connect(f"{server.url}/telegram")
    client._call = _heard(client._call, asked, told)
    client.test()
    client.started()
    client.start_link("code")
    client.send_message(chat, "<b>Hello</b>")
    for method, body in asked:
        fields = {field["name"]: field for field in contract["methods"][method].get("fields", [])}
        assert set(body) <= set(fields)
        assert {name for name, field in fields.items() if field["required"]} <= set(body)
    for kind, thing in told:
        needed = {field["name"] for field in contract["types"][kind]["fields"] if field["required"]}
        assert needed <= set(thing), kind
    assert {kind for kind, _thing in told} == {"User", "Update", "Message", "Chat"}


def _heard(call: Any, asked: list[Any], told: list[Any]) -> Any:
    """The client's calls, noted on their way."""

    def through(method: str, safe: bool = False, **kwargs: Any) -> Any:
        asked.append((method, kwargs.get("json", {})))
        answer = call(method, safe, **kwargs)
        result = answer["result"]
        if method == "getMe":
            told.append(("User", result))
        elif method == "getUpdates":
            told.extend(part for update in result for part in _parts(update, update["message"]))
        else:
            told.extend([("Message", result), ("Chat", result["chat"])])
        return answer

    return through


def _parts(update: Any, message: Any) -> list[tuple[str, Any]]:
    return [("Update", update), ("Message", message), ("Chat", message["chat"])]
