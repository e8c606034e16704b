"""What `make demo` adds to the tree: the vendors' sandboxes and an owner whose password is kept beside the data."""

from __future__ import annotations

import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import config

from .processes import Child, StartError, Tree, free_port, listens, port_is_free

EMAIL = "demo@example.com"


@dataclass(frozen=True)
class Credentials:
    """What the banner shows; `sandbox_url` is the page where the vendors can be broken."""

    email: str
    password: str
    sandbox_url: str


def start(tree: Tree, settings: config.Settings, patience: float = 60) -> Credentials:
    """Start the sandbox server and tell every later child where it is and who the owner will be."""
    port = _port(settings.data_dir / "sandbox.port")
    url = f"http://127.0.0.1:{port}"
    password = config.kept_secret(settings.data_dir / "demo.password", lambda: secrets.token_urlsafe(9))
    tree.env |= {"SANDBOX_URL": url, "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": password}
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    folder = str(settings.data_dir / "sandbox")
    child = tree.add(Child("sandbox", [*flask, "sandbox", "--port", str(port), "--data", folder]))
    deadline = time.monotonic() + patience
    while not listens("127.0.0.1", port):
        if not child.alive or time.monotonic() > deadline:
            raise StartError("the sandbox vendors did not start; what they printed above says why.")
        time.sleep(0.1)
    return Credentials(EMAIL, password, url)


def _port(kept: Path) -> int:
    """The same port at every start, because connections and bookmarks point at it; another one if it is taken."""
    if kept.exists() and port_is_free("127.0.0.1", int(kept.read_text())):
        return int(kept.read_text())
    port = free_port()
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(str(port))
    draft.replace(kept)
    return port
