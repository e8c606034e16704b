"""Telegram: messages to chats through a bot.

API reference: https://core.telegram.org/bots/api. There is no key that makes a repeated message one: a lost answer is
told as such. The token stands in the address of every call; the HTTP client hides it wherever it is written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..base import SecretField, SettingsForm, required
from ..errors import Later, Refused, Unknown
from ..http import Answer
from ..rest import RestConnector
from ..text import N_
from ..types import MessageSent, Reference, TestResult
from . import translate


class TelegramSettings(SettingsForm):
    token = SecretField(N_("Bot token"), [required()], description=N_("Two parts with a colon between them."))


class Telegram(RestConnector):
    key = "telegram"
    title = "Telegram"
    color = "azure"
    summary = N_(
        "Tells you of orders in a chat, as your automation rules say, and each member of staff of what they choose."
    )
    api_url = "https://api.telegram.org"
    docs_url = "https://core.telegram.org/bots/api"
    rate = 25.0  # about 30 messages a second are let through
    Settings = TelegramSettings
    success = "ok"
    message = "description"
    status_faults: ClassVar[Mapping[int, str]] = {409: "misconfigured"}  # another program reads this bot's news
    complaint_faults: ClassVar[Mapping[str, tuple[str, str]]] = {
        r"chat not found|blocked by the user|bot was kicked|user is deactivated|not enough rights|have no rights": (
            "validation",
            "chat",
        ),
    }
    help_steps = (
        N_("In Telegram open @BotFather, send it /newbot and follow its two questions."),
        N_("Copy the token from its answer into the field here, save, and press “Test connection”."),
        N_("To be told in a group, add the bot to it; for messages to yourself, open the bot and press Start."),
        N_("Then make a rule under Automation and choose the chat there."),
        N_("Each member of staff ties a chat of their own on the page of their profile."),
    )

    def test(self) -> TestResult:
        self._call("getMe", safe=True)
        return TestResult(ok=True)

    def send_message(self, chat: str, text: str) -> MessageSent:
        """To a chat's id (groups: below zero) or @channel. A group that has become a supergroup is followed, once."""
        body = {"chat_id": chat, "text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
        try:
            return self._sent(chat, self._call("sendMessage", json=body))
        except translate.Moved as moved:
            return self._sent(moved.chat, self._call("sendMessage", json={**body, "chat_id": moved.chat}))

    def chats(self) -> Sequence[Reference]:
        """Of the last hundred pieces of news: Telegram keeps them for a day."""
        return translate.chats(self._updates())

    def start_link(self, code: str = "orders") -> str:
        result: Any = self._call("getMe", safe=True).get("result")
        return translate.start_link(result, code)

    def started(self) -> Mapping[str, Reference]:
        return translate.started(self._updates())

    def _updates(self) -> Any:
        return self._call("getUpdates", safe=True, json={"offset": -100, "timeout": 0}).get("result")

    def _call(self, method: str, safe: bool = False, **kwargs: Any) -> Mapping[str, Any]:
        return self.call("POST", f"/bot{self.settings['token']}/{method}", safe=safe, **kwargs)

    def _sent(self, chat: str, body: Mapping[str, Any]) -> MessageSent:
        number = translate.message_id(body)
        if not number:
            raise Unknown("broken", "the answer names no message")
        return MessageSent(number, chat)

    def _judge(self, answer: Answer, body: Mapping[str, Any], *, write: bool) -> None:
        """What Telegram says in `parameters`; a 404, which is its word for a token of no bot; and a 500 in its own
        words, which tells that nothing was sent. Any other 5xx (a gateway that lost the answer) stays open."""
        words = answer.redact(self.complaint(body))
        parameters = translate.parameters(body)
        if answer.status == 429:
            raise Later("rate_limited", words, translate.seconds(parameters) or answer.retry_after)
        if moved := parameters.get("migrate_to_chat_id"):
            raise translate.Moved(words, str(moved))
        if answer.status == 404 and words:
            raise Refused("credentials", words, field="token")
        if answer.status == 500 and translate.says_it_failed(body):
            raise Later("unavailable", words, answer.retry_after)
        super()._judge(answer, body, write=write)
