"""django-oscar beside the hub: in a virtual environment of its own, on the same PostgreSQL, with as many orders.

What runs there is in the folder `oscar`; the hub's interpreter never imports it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ops.processes import die_with_parent
from orders import words
from orders.invented import RARE_EVERY
from tests import servers

from . import oscar_fill
from .hub import Hubs, short
from .report import Report
from .timing import Clock

HERE = Path(__file__).parent / "oscar"
VENV = Path(__file__).parent.parent / ".venv-peers"
NAME = "django-oscar 4.2"
GOODS = 200
CSV_ROWS = 100_000
LIST = "/dashboard/orders/"


class Peer:
    """A process that gets its pages, and a clock that counts it and the database's processes."""

    def __init__(self, process: subprocess.Popen[str], clock: Clock, size: int) -> None:
        self.process = process
        self.clock = clock
        self.size = size
        middle = f"F{size // 2:07}"
        self.list = (LIST, f"{LIST}F")
        self.order = (f"{LIST}{middle}/", middle)
        self.common = (f"{LIST}?name={quote(oscar_fill.COMMON)}", f"{LIST}F")
        self.rare = (f"{LIST}?name={quote(words.RARE[1])}", f"{LIST}F" if size >= RARE_EVERY else "<form")
        self.csv = (f"{LIST}?response_format=csv{_newest(size)}", "\nF")

    def get(self, page: tuple[str, str]) -> dict[str, Any]:
        """`bytes`, `found`, `first`, `peak` (serve.py says what they are). Raises unless the page holds its text."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps(page)}\n")
        self.process.stdin.flush()
        answer = self.read()
        if answer.get("error") or not answer["found"]:
            raise RuntimeError(f"{NAME}: {page[0]}: {answer}")
        return answer

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{NAME} ended with exit status {self.process.wait()}; what it said is above")
        return json.loads(line)


def _newest(size: int) -> str:
    """Of more orders than this only so many are asked for, by a date: the whole file is made in memory."""
    if size <= CSV_ROWS:
        return ""
    return f"&date_from={(datetime.now(UTC) - timedelta(days=365) * CSV_ROWS / size).date().isoformat()}"


def install() -> Path:
    """The interpreter of its virtual environment, which is made when it is not there or not of these requirements."""
    requirements, python = HERE / "requirements.txt", VENV / "bin" / "python"
    stamp = VENV / "installed"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        print(f"Installing {NAME} into {VENV.name} (once)…", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        pip = [python, "-m", "pip", "-qq", "--disable-pip-version-check", "install", "-r", requirements]
        subprocess.run(pip, check=True)
        stamp.write_bytes(requirements.read_bytes())
    return python


@contextmanager
def started(hubs: Hubs, size: int, report: Report) -> Iterator[Peer]:
    """Installed, migrated, filled with `size` orders and ready for addresses."""
    python = install()
    began = time.perf_counter()
    name = f"peer_{size}"
    database = servers.create_database(hubs.postgres(), name)
    address = urlsplit(database)
    environ = {
        **os.environ,
        "PEER_HOST": str(address.hostname),
        "PEER_PORT": str(address.port),
        "PEER_DATABASE": name,
        "PEER_STATUSES": ",".join(oscar_fill.statuses()),
        "PYTHONPATH": "",
    }
    subprocess.run([python, "-W", "ignore", HERE / "prepare.py", str(GOODS)], env=environ, check=True)
    oscar_fill.fill(database, size)
    report.say(f"     {NAME}: {short(size)} orders, ready after {time.perf_counter() - began:.0f} s")
    process = subprocess.Popen(
        [python, HERE / "serve.py"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        peer = Peer(process, hubs.clock(process.pid), size)
        peer.read()
        yield peer
    finally:
        process.kill()
        process.wait()
