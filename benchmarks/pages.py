"""Pages as a signed-in person gets them: in-process, and from the production server over HTTP."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.processes import free_port, listens
from tests.views.helpers import login

from .hub import Hub

ROOT = Path(__file__).parent.parent


def reader(hub: Hub) -> Callable[[str], int]:
    """A function that gets an address and returns the size of the page. Raises for anything but 200."""
    client = hub.app.test_client()
    login(client)

    def get(url: str) -> int:
        answer = client.get(url)
        if answer.status_code != 200:
            raise RuntimeError(f"{url}: HTTP {answer.status_code}")
        return len(answer.data)

    return get


def cookie(hub: Hub) -> str:
    client = hub.app.test_client()
    login(client)
    found = client.get_cookie("session")
    assert found is not None
    return f"session={found.value}"


@contextmanager
def gunicorn(app: str, environ: dict[str, str], arguments: tuple[str, ...]) -> Iterator[int]:
    """A server on a free port until the block is left. Two processes of four threads, as in production."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", *arguments, app]
    env = {**os.environ, **environ, "PORT": str(port), "WEB_WORKERS": "2", "WEB_THREADS": "4"}
    command = [part.replace("PORT", str(port)) for part in command]
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 90
        while not listens("127.0.0.1", port):
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise RuntimeError(f"{app} did not start: {server.stderr.read().decode()[-2000:]}")
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def hub_server(hub: Hub):
    return gunicorn("app:create_app()", hub.environ, ("-c", "ops/gunicorn.conf.py"))


def bare_server():
    same = ("--worker-class", "gthread", "--workers", "2", "--threads", "4", "--preload", "--keep-alive", "15")
    return gunicorn("benchmarks.peers:create_app()", {}, ("--bind", "127.0.0.1:PORT", *same, "--log-level", "warning"))


def pages_a_second(port: int, path: str, headers: dict[str, str], seconds: float, connections: int = 4) -> float:
    """Over so many connections that are kept open."""
    done = [0] * connections
    failed: list[str] = []
    began = time.perf_counter()

    def ask(i: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < began + seconds:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(f"{path}: HTTP {answer.status}")
                return
            done[i] += 1

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(failed[0])
    return sum(done) / (time.perf_counter() - began)
