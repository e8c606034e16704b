"""A small threaded HTTP/1.1 server for the sandboxes.

Werkzeug's own server closes every connection after one answer, and waits for leftovers before it does. A vendor's
API keeps connections alive, and the benchmarks measure our client against that, so this one does too. Bodies need a
Content-Length; nothing here is meant to face the internet.
"""

import binascii
import io
import socket
import socketserver
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

from werkzeug.wrappers import Request as WerkzeugRequest

MAX_BODY = 64 * 1024 * 1024


class ConnectionDropped(Exception):
    """Raised by the application to close the connection without an answer."""


class _BadRequest(Exception):
    """The request could not be read; carries the status to answer with."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Request(WerkzeugRequest):
    """Werkzeug's request, and `fields`: the posted form, read ten times faster than `form`.

    A batch of 50 orders is some 40,000 percent escapes; urllib's loop over them would be half of the time an upload
    takes. Quoted-printable differs only in its sign, and is decoded in C.
    """

    @cached_property
    def fields(self) -> dict[str, str]:
        """Form fields by name; {} for any other kind of body."""
        if self.mimetype != "application/x-www-form-urlencoded":
            return {}
        pairs = (pair.partition(b"=") for pair in self.get_data(cache=True).split(b"&") if pair)
        return {_unquoted(name): _unquoted(value) for name, _, value in pairs}


def _unquoted(text: bytes) -> str:
    signs = text.replace(b"=", b"%3D").replace(b"+", b" ").replace(b"%", b"=")
    return binascii.a2b_qp(signs).decode("utf-8", "replace")


class WireHandler(socketserver.StreamRequestHandler):
    """Serves requests of one connection until the client leaves or the application drops it."""

    disable_nagle_algorithm = True  # an answer is one small write: waiting for the client's ACK would cost 40 ms
    rbufsize = 256 * 1024
    server: "WireServer"

    def handle(self) -> None:
        try:
            while self._serve_one():
                pass
        except _BadRequest as problem:
            self._write(f"{problem.status.value} {problem.status.phrase}", [("Connection", "close")], b"")
        except (ConnectionDropped, ConnectionError):
            return

    def _serve_one(self) -> bool:
        line = self.rfile.readline(65537)
        if not line:
            return False
        environ = self._environ(line)
        started: list[Any] = []
        chunks: Any = self.server.app(environ, lambda status, headers, _exc=None: started.extend((status, headers)))  # type: ignore[arg-type]  # write() is never used
        body = b"".join(chunks)
        chunks.close()
        keep = environ.get("HTTP_CONNECTION", "").lower() != "close" and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        headers = [] if keep else [("Connection", "close")]
        self._write(started[0], [*started[1], *headers], b"" if environ["REQUEST_METHOD"] == "HEAD" else body)
        return keep

    def _write(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        self.wfile.write(head.encode("latin-1") + body)

    def _environ(self, line: bytes) -> dict[str, Any]:
        try:
            method, target, protocol = line.decode("latin-1").split()
        except ValueError:
            raise _BadRequest(HTTPStatus.BAD_REQUEST) from None
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": self.server.server_address[0],
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": protocol,
            "REMOTE_ADDR": self.client_address[0],
        }
        self._read_headers(environ)
        environ["wsgi.input"] = io.BytesIO(self._read_body(environ))
        return environ

    def _read_headers(self, environ: dict[str, Any]) -> None:
        while (line := self.rfile.readline(65537)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            key = name.strip().upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.strip()

    def _read_body(self, environ: dict[str, Any]) -> bytes:
        if "HTTP_TRANSFER_ENCODING" in environ:
            raise _BadRequest(HTTPStatus.LENGTH_REQUIRED)
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal():
            raise _BadRequest(HTTPStatus.BAD_REQUEST)
        if int(length) > MAX_BODY:
            raise _BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionDropped
        return body


class WireServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread a connection. `stop` also ends the connections that are kept alive."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self.app = app
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((host, port), WireHandler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._changed:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def stop(self) -> None:
        """Take no more connections, end the open ones, wait up to a second for their threads."""
        self.shutdown()
        self.server_close()
        with self._changed:
            for connection in self._open:
                with suppress(OSError):  # its thread may have closed it in the meantime
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, timeout=1)
