"""Telegram's answers in our words. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Refused
from ..types import Reference

#: what a bot is sent when somebody presses Start
_START = re.compile(r"/start(?:@\w+)? ([\w-]{1,64})", re.ASCII)
#: parts of an update that name a chat
_CARRIERS = ("message", "my_chat_member", "channel_post", "edited_message", "chat_member")


class Moved(Refused):
    """A group has become a supergroup: it has another id now."""

    def __init__(self, detail: str, chat: str) -> None:
        super().__init__("validation", detail, field="chat")
        self.chat = chat


def parameters(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("parameters")
    return found if isinstance(found, Mapping) else {}


def seconds(found: Mapping[str, Any]) -> float | None:
    value = found.get("retry_after")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def says_it_failed(body: Mapping[str, Any]) -> bool:
    """Its own verdict on the call. Not one that a restart cut off: the message may be out."""
    return body.get("ok") is False and "restart" not in str(body.get("description") or "")


def message_id(body: Mapping[str, Any]) -> str:
    result = body.get("result")
    return str(result.get("message_id") or "") if isinstance(result, Mapping) else ""


def start_link(me: Any, code: str) -> str:
    """Where a person presses Start; empty when the answer names no bot."""
    name = str(me.get("username") or "") if isinstance(me, Mapping) else ""
    return f"https://t.me/{name}?start={code}" if name else ""


def started(updates: Any) -> dict[str, Reference]:
    """What a link's code becomes: the person's app sends it as "/start <code>"."""
    found: dict[str, Reference] = {}
    for update in updates if isinstance(updates, list) else ():
        message = _part(update, "message")
        chat, code = _part(message, "chat"), _START.fullmatch(str(message.get("text") or ""))
        if code and chat.get("type") == "private" and chat.get("id"):
            found[code[1]] = Reference(str(chat["id"]), _name(chat) or str(chat["id"]), "private")
    return found


def _part(body: Any, name: str) -> Mapping[str, Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def chats(updates: Any) -> list[Reference]:
    """The chats that updates came from, each once, by its newest name."""
    found: dict[str, Reference] = {}
    for chat in _chats(updates):
        code = str(chat.get("id") or "")
        if code:
            found[code] = Reference(code, _name(chat) or code, str(chat.get("type") or ""))
    return list(found.values())


def _chats(updates: Any) -> Iterator[Mapping[str, Any]]:
    for update in updates if isinstance(updates, list) else ():
        for name in _CARRIERS:
            part = update.get(name) if isinstance(update, Mapping) else None
            if isinstance(part, Mapping) and isinstance(part.get("chat"), Mapping):
                yield part["chat"]


def _name(chat: Mapping[str, Any]) -> str:
    full = " ".join(str(chat[part]) for part in ("first_name", "last_name") if chat.get(part))
    return str(chat.get("title") or full or chat.get("username") or "")
