"""The hub's programs in processes of their own, forked from one that has imported what they need, as RQ's pool and
gunicorn fork theirs: to import it takes each of them two seconds of a processor, and a test run starts a hundred.
Started from nothing, as people start them, they are in test_processes.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from app import Hub

ROOT = Path(__file__).parent.parent
#: by their names on a command line; "cron" is `python -m jobs.cron`
PROGRAMS = {
    "cron": ("jobs.cron", "main"),
    "flask": ("flask.cli", "main"),
    "gunicorn": ("gunicorn.app.wsgiapp", "run"),
    "rq": ("rq.cli", "main"),
}

_server = get_context("forkserver")
_server.set_forkserver_preload(["tests.imported"])


def start(command: Sequence[str], environ: Mapping[str, str], log: Path) -> ForkServerProcess:
    """The command in a session of its own, with this environment and nothing else; what it says is added to the log."""
    process = _server.Process(target=_run, args=(list(command), dict(environ), log, Hub.jinja_options))
    process.start()
    return process


def _run(command: list[str], environ: dict[str, str], log: Path, templates: dict[str, Any]) -> None:
    Hub.jinja_options = templates
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.argv[:] = command
    module, function = PROGRAMS[command[0]]
    sys.exit(getattr(import_module(module), function)())
