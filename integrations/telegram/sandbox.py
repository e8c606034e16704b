"""An imitation of the Telegram Bot API (https://core.telegram.org/bots/api, version 10.1), as far as the hub uses it.

Not published, chosen here: a bot may send 30 messages a second to all chats together; limits of one chat are not
imitated. Chats are kept beside messages; `start` is a person who opens the bot and presses Start.
"""

import html
import re
from collections.abc import Hashable, Iterable
from html.parser import HTMLParser
from typing import Any, ClassVar

from werkzeug.routing import Rule

from integrations.sandbox import Refused, Request, Response, Sandbox, answer
from integrations.sandbox_store import Account, Thing

ERRORS = {
    "unauthorized": (401, "Unauthorized"),
    "expired": (401, "Unauthorized"),
    "denied": (403, "Forbidden: bot was kicked from the group chat"),
    "refuse": (400, "Bad Request: chat not found"),
    "error500": (500, "Internal Server Error"),
    "rate_limited": (429, "Too Many Requests: retry after 1"),
    "not_found": (404, "Not Found"),
    "method": (404, "Not Found"),
}
TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)[a-zA-Z]+;")
LONGEST = 4096
FIRST_CHAT = 700_001


class TelegramSandbox(Sandbox):
    key = "telegram"
    title = "Telegram"
    rate = 30
    counted = ("messages", "chats")
    controls: ClassVar[dict[str, str]] = {"start": "control_start", "chat": "control_chat"}
    rules = (
        Rule("/bot<token>/getMe", endpoint="get_me", methods=["GET", "POST"]),
        Rule("/bot<token>/getUpdates", endpoint="get_updates", methods=["GET", "POST"]),
        Rule("/bot<token>/sendMessage", endpoint="send_message", methods=["POST"]),
    )

    def keys(self, kind: str, thing: Thing) -> Iterable[tuple[str, Hashable]]:
        return ()

    def token(self, request: Request) -> str | None:
        found = re.search(r"/bot([^/]+)/", request.path)
        return found[1] if found else None

    def section(self, path: str) -> str:
        return "messages" if path.endswith("/sendMessage") else ""

    def error(self, kind: str, request: Request, account: Account | None) -> Response:
        more: Thing = {"parameters": {"retry_after": 1}} if kind == "rate_limited" else {}
        return complaint(*ERRORS[kind], **more)

    # What the hub calls

    def get_me(self, request: Request, account: Account, token: str) -> Response:
        name = f"orders_sandbox_{account.number}_bot"
        me = {"id": 6_000_000 + account.number, "is_bot": True, "first_name": "Orders", "username": name}
        return answer({"ok": True, "result": me})

    def get_updates(self, request: Request, account: Account, token: str) -> Response:
        updates = list(account.table("updates").values())
        given = fields(request)
        offset, limit = int(given.get("offset") or 0), int(given.get("limit") or 100)
        shown = updates[offset:] if offset < 0 else [one for one in updates if one["update_id"] >= offset]
        return answer({"ok": True, "result": shown[:limit]})

    def send_message(self, request: Request, account: Account, token: str) -> Response:
        given = fields(request)
        chat = self._chat(account, given.get("chat_id"))
        text = str(given.get("text") or "")
        shown = read(text) if given.get("parse_mode") == "HTML" else text
        if not shown.strip():
            raise refused(400, "Bad Request: message text is empty")
        if len(shown.encode("utf-16-le")) // 2 > LONGEST:
            raise refused(400, "Bad Request: message is too long")
        number = account.next_id("messages")
        message = {"message_id": number, "date": 1_767_225_600, "chat": chat["chat"], "text": shown, "html": text}
        account.put("messages", number, message)
        return answer({"ok": True, "result": {name: message[name] for name in ("message_id", "date", "chat", "text")}})

    def _chat(self, account: Account, chat_id: Any) -> Thing:
        text = str(chat_id or "")
        found = account.table("chats").get(int(text)) if re.fullmatch(r"-?\d+", text) else None
        if found is None:
            raise refused(400, "Bad Request: chat not found")
        if found.get("moved_to"):
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            raise refused(400, words, parameters={"migrate_to_chat_id": found["moved_to"]})
        if found.get("blocked"):
            raise refused(403, "Forbidden: bot was blocked by the user")
        return found

    # What people do, for tests, the demo and the control page

    def start(self, name: str = "Olena", account: str | None = None, group: bool = False, code: str = "orders") -> int:
        """Somebody opens a link with this code and presses Start, or puts the bot into a group; the chat's id."""
        with self.lock:
            bot = self.account(account)
            number = bot.next_id("chats", FIRST_CHAT)
            chat_id = -number if group else number
            chat = {"id": chat_id, "type": "group", "title": name}
            if not group:
                chat = {"id": chat_id, "type": "private", "first_name": name}
            bot.put("chats", chat_id, {"chat": chat})
            update = bot.next_id("updates", 1)
            message = {"message_id": update, "chat": chat, "date": 1_767_225_600, "text": f"/start {code}"}
            bot.put("updates", update, {"update_id": update, "message": message})
            return chat_id

    def change_chat(self, chat_id: int, account: str | None = None, **values: Any) -> None:
        """`blocked`: the person wants no more; `moved_to`: the group is a supergroup of that id now."""
        with self.lock:
            bot = self.account(account)
            bot.put("chats", chat_id, {**bot.table("chats")[chat_id], **values})
            if moved := values.get("moved_to"):
                chat = {"id": moved, "type": "supergroup", "title": bot.table("chats")[chat_id]["chat"].get("title")}
                bot.put("chats", moved, {"chat": chat})

    def control_start(self, posted: Thing) -> Thing:
        name, code = str(posted.get("name") or "Olena"), str(posted.get("code") or "orders")
        account = str(posted["account"]) if posted.get("account") else None
        return {"chat": self.start(name, account, bool(posted.get("group")), code)}

    def control_chat(self, posted: Thing) -> Thing:
        self.change_chat(int(posted["chat"]), blocked=bool(posted.get("blocked")))
        return {"chat": posted["chat"]}

    def messages(self, account: str | None = None) -> list[Thing]:
        """What the bot has sent, oldest first."""
        with self.lock:
            return list(self.account(account).table("messages").values())


def fields(request: Request) -> Thing:
    """Parameters, however they were sent."""
    if request.mimetype == "application/json":
        found = request.get_json(silent=True)
        return found if isinstance(found, dict) else {}
    return {**request.args, **request.fields}


def complaint(status: int, text: str, **more: Any) -> Response:
    return answer({"ok": False, "error_code": status, "description": text, **more}, status)


def refused(status: int, text: str, **more: Any) -> Refused:
    return Refused(complaint(status, text, **more))


class _Reader(HTMLParser):
    """Reads the few tags that messages may hold; anything else is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            raise unparsed(f'unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise unparsed(f'unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.text += data


def unparsed(words: str) -> Refused:
    return refused(400, f"Bad Request: can't parse entities: {words}")


def read(text: str) -> str:
    """The text as people see it. Raises Refused where a tag or entity is none that Telegram knows."""
    if ENTITY.search(text) or re.search(r"<(?![/a-zA-Z])", text):
        raise unparsed("unknown entity or tag")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise unparsed(f'can\'t find end tag corresponding to start tag "{reader.open[-1]}"')
    return html.unescape(reader.text)
