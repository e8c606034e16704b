"""`python app.py`: broker, database, web server, workers and scheduler in one process tree, started and stopped as one.

The tree holds no state of its own: everything that matters is in DATA_DIR (or in the database and the broker that
DATABASE_URL and REDIS_URL name), so a second start finds everything as it was, after a Ctrl-C as after a kill -9.
With those two variables the same processes run apart; see Procfile. `python -m ops.supervisor` is the same without
loading the web application into the parent, some seconds sooner on a slow machine: what `make` uses.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import config

from . import demo, valkey
from .processes import Child, StartError, Tree, free_port, listens, port_is_free

ROOT = Path(__file__).resolve().parent.parent
#: Seconds each group of children gets to stop by itself.
PATIENCE = 10
STOP_ORDER = (("scheduler", "web", "workers"), ("sandbox",), ("broker",))


class Stop(Exception):
    """SIGINT or SIGTERM arrived."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until stopped. `--demo` adds the vendors' sandboxes, connected. Returns the exit status."""
    options = _options(argv)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _request_stop)
    try:
        _run(options.demo)
    except (StartError, config.ConfigError, valkey.BrokerError) as error:
        print(f"perron: {error}", file=sys.stderr)
        return 1
    except Stop:
        return 0
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="perron", description="Run the order hub: web, workers, scheduler, broker.")
    parser.add_argument("--demo", action="store_true", help="with sandbox vendors, connected, and orders flowing")
    return parser.parse_args(argv)


def _request_stop(signum: int, frame: FrameType | None) -> None:
    raise Stop


def _run(with_demo: bool) -> None:
    if with_demo:
        os.environ.setdefault("DATA_DIR", str(Path("data") / "demo"))
    if os.environ.get("PORT") == "0":
        os.environ["PORT"] = str(free_port())
    data_dir = Path(os.environ.get("DATA_DIR") or "data").resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["DATA_DIR"] = str(data_dir)
    os.chdir(ROOT)  # the children import app from here, wherever we were started
    lock = _lock(data_dir)
    settings = config.load()
    _check_port(settings)
    tree = Tree(env=_child_env(settings), say=_say, keep_open=(lock,))
    try:
        _start(tree, settings, with_demo)
        while True:
            time.sleep(0.2)
            tree.tend()
    finally:
        _stop(tree, data_dir)


def _lock(data_dir: Path) -> int:
    """An exclusive lock on DATA_DIR. Children inherit it, so it is free only when the last one of them is gone."""
    lock = os.open(data_dir / "hub.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE  # a killed hub's children need a moment to follow it
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StartError(
                    f"another hub is running on {data_dir}. Stop it first, or set DATA_DIR to another folder."
                ) from None
            time.sleep(0.1)
        else:
            return lock


def _check_port(settings: config.Settings) -> None:
    if not port_is_free(settings.host, settings.port):
        raise StartError(
            f"port {settings.port} on {settings.host} is taken by another program. "
            f"Stop that program, or choose another port: PORT={settings.port + 1} make run"
        )


def _child_env(settings: config.Settings) -> dict[str, str]:
    """The children's environment: ours, with relative paths resolved and unbuffered output."""
    return os.environ | {"DATA_DIR": str(settings.data_dir), "PORT": str(settings.port), "PYTHONUNBUFFERED": "1"}


def _start(tree: Tree, settings: config.Settings, with_demo: bool) -> None:
    _say("starting…")
    if not os.environ.get("REDIS_URL"):
        _start_broker(tree, settings.data_dir)
    credentials = demo.start(tree, settings) if with_demo else None
    setup_link = run_flask(tree.env, "prepare")
    if with_demo:
        _say("connecting the sandbox vendors…")
        run_flask(tree.env, "demo-setup")
    for child in service_children(settings):
        tree.add(child)
    _wait_for_web(tree, settings)
    _say(_banner(settings, setup_link, credentials))


def _start_broker(tree: Tree, data_dir: Path) -> None:
    folder = data_dir / "broker"
    child, url = valkey.prepare(folder)
    tree.env["REDIS_URL"] = url
    tree.add(child)
    valkey.wait_ready(child, url, folder)
    valkey.note_address(data_dir, url)


def service_children(settings: config.Settings) -> list[Child]:
    """The processes of the Procfile, with the counts of the settings."""
    python = sys.executable
    worker_pool = ["rq.cli", "worker-pool", "-q", "-P", str(ROOT), "-w", "jobs.worker.HubWorker", "-S", "json"]
    return [
        Child("web", [python, "-m", "gunicorn", "-c", str(ROOT / "ops" / "gunicorn.conf.py"), "app:create_app()"]),
        Child("workers", [python, "-m", *worker_pool, "-n", str(settings.job_workers), "high", "default", "low"]),
        Child("scheduler", [python, "-m", "jobs.cron"]),
    ]


def run_flask(env: dict[str, str], *arguments: str) -> str:
    """One of our `flask` commands, to its end. Returns its standard output. Raises StartError."""
    command = [sys.executable, "-m", "flask", "--app", "app", *arguments]
    done = subprocess.run(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise StartError(f"`flask --app app {' '.join(arguments)}` failed; what it printed above says why.")
    return done.stdout.strip()


def _wait_for_web(tree: Tree, settings: config.Settings, patience: float = 120) -> None:
    host = _reachable(settings.host)
    deadline = time.monotonic() + patience
    while not listens(host, settings.port):
        if time.monotonic() > deadline:
            raise StartError(f"the web server does not answer on {host}:{settings.port} after {patience:g} s.")
        time.sleep(0.1)
        tree.tend()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _banner(settings: config.Settings, setup_link: str, credentials: demo.Credentials | None) -> str:
    lines = [f"Perron is running at {settings.public_url}"]
    if credentials:
        lines += [f"  sign in as     {credentials.email}", f"  password       {credentials.password}"]
        lines += [f"  break a vendor {credentials.sandbox_url}/"]
    elif setup_link:
        lines += ["  create the owner (this link works once):", f"  {setup_link}"]
    lines += [f"  data           {settings.data_dir}", "  stop           Ctrl-C"]
    return "\n" + "\n".join(lines) + "\n"


def _stop(tree: Tree, data_dir: Path) -> None:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)  # already stopping; SIGKILL remains
    _say("stopping…")
    tree.stop(STOP_ORDER, PATIENCE)
    (data_dir / "broker.url").unlink(missing_ok=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
