"""The vendors' sandboxes and a bare stand-in, each in a process of its own: what they cost is not our server's time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ops.processes import free_port
from tests import servers

ROOT = Path(__file__).parent.parent
#: answers every request with a few bytes, over connections that stay open
_STAND_IN = """
import sys
from integrations.sandbox_http import WireServer
def app(environ, start):
    environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return Answer([b"{}"])
class Answer(list):
    def close(self): pass
WireServer("127.0.0.1", int(sys.argv[1]), app).serve_forever()
"""
_SANDBOXES = "import sys; from integrations.sandbox import run; run(port=int(sys.argv[1]))"


@contextmanager
def _process(code: str) -> Iterator[str]:
    port = free_port()
    child = subprocess.Popen([sys.executable, "-c", code, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        servers.wait_until(lambda: servers.listens("127.0.0.1", port), 60, "a vendor listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill()
        child.wait()


def sandboxes():
    """Yields their address."""
    return _process(_SANDBOXES)


def stand_in():
    """Yields its address."""
    return _process(_STAND_IN)


def control(url: str, path: str, **body: object) -> dict:
    """Tell a sandbox how to behave; see integrations/sandbox.py."""
    answer = httpx.post(f"{url}/_control/{path}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()
