"""A mail server that answers as told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Talk(socketserver.StreamRequestHandler):
    """One conversation."""

    server: Any

    def handle(self) -> None:
        self.say(b"220 test")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb in (b"EHLO", b"HELO", b"MAIL", b"RSET"):
                self.say(b"250 ok")
            elif verb == b"RCPT":
                self.say(self.server.refusal or b"250 ok")
            elif verb != b"DATA" or not self.take():
                return

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
    with the letter in its hands."""

    allow_reuse_address = daemon_threads = True

    def begin(self) -> dict[str, str]:
        """Forget everything; the environment that leads here."""
        self.letters: list[bytes] = []
        self.refusal, self.leaves = b"", False
        return {"SMTP_URL": f"smtp://127.0.0.1:{self.server_address[1]}", "MAIL_FROM": "Крамниця <shop@example.com>"}


@contextmanager
def running() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
