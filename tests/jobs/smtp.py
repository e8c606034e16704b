"""A mail server that answers as told."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ANSWERS = {b"HELO": b"250 ok", b"MAIL": b"250 ok", b"RSET": b"250 ok", b"STAR": b"220 go on"}


class Talk(socketserver.StreamRequestHandler):
    """One conversation."""

    server: Any

    def handle(self) -> None:
        if self.server.tls == "at once":
            self.encrypt()
        self.say(b"220 test")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            said = self.reply(verb, line)
            if not said and (verb != b"DATA" or not self.take()):
                return
            if said:
                self.say(said)
            if verb == b"STAR":
                self.encrypt()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def reply(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"EHLO":
            return self.offer()
        if verb == b"RCPT":
            return self.server.refusal or b"250 ok"
        if verb == b"AUTH":
            return b"235 ok" if self.knows(line.split()[-1]) else b"535 wrong name or password"
        return ANSWERS.get(verb, b"")

    def encrypt(self) -> None:
        try:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        except OSError:  # the client doesn't trust us
            return
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)

    def offer(self) -> bytes:
        encrypted = isinstance(self.request, ssl.SSLSocket)
        more = b"250-STARTTLS\r\n" if self.server.tls == "asked" and not encrypted else b""
        return b"250-test\r\n" + more + (b"250 AUTH PLAIN" if encrypted else b"250 8BITMIME")

    def knows(self, told: bytes) -> bool:
        return base64.b64decode(told).split(b"\0")[1:] == [b"shop@example.com", b"s/cret"]

    def take(self) -> bool:
        self.say(b"354 go on")
        self.server.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        if not self.server.leaves:
            self.say(b"250 taken")
        return not self.server.leaves

    def say(self, words: bytes) -> None:
        self.wfile.write(words + b"\r\n")


class Server(socketserver.ThreadingTCPServer):
    """`letters`: what it took; `refusal`: what it says to the recipient, b"" = takes the letter; `leaves`: it hangs up
    with the letter in its hands; `tls`: "asked" = after STARTTLS, "at once" = from the first byte, with `context`."""

    allow_reuse_address = daemon_threads = True
    context: ssl.SSLContext

    def begin(self) -> dict[str, str]:
        """Forget everything; the environment that leads here."""
        self.letters: list[bytes] = []
        self.refusal, self.leaves, self.tls = b"", False, ""
        return {"SMTP_URL": f"smtp://127.0.0.1:{self.server_address[1]}", "MAIL_FROM": "Крамниця <shop@example.com>"}


@contextmanager
def running() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
