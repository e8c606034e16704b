"""The hub as people run it: one tree from `python app.py`, or the processes of the Procfile on PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis
from rq import worker_registration

from . import servers

ROOT = Path(__file__).parent.parent
CLEAN = {
    key: value
    for key, value in os.environ.items()
    if key in {"PATH", "HOME", "LANG", "TZ", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
}
PATIENCE = 120
TLS = ssl.create_default_context()  # each call would spend 40 ms on its own, and speaks plain HTTP here


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{CLEAN.get('PATH', '')}"
    return CLEAN | {"PATH": path, "WEB_WORKERS": "1", "JOB_WORKERS": "1", "PYTHONUNBUFFERED": "1"} | more


def ready(url: str) -> dict | None:
    try:
        answer = httpx.get(f"{url}/readyz", timeout=5, verify=TLS)
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == 200 else None


def descendants(pid: int) -> set[int]:
    """Process ids of the whole tree below `pid`."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie waits for its parent and runs no more."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            running.add(pid)
    return running


class Hub:
    """`python app.py` in a folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.port = data_dir, servers.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = data_dir.parent / "output"

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=environment(DATA_DIR=str(self.data_dir), PORT=str(self.port)),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        servers.wait_until(self.is_ready, PATIENCE, "the hub is ready")
        self.tree = descendants(self.process.pid)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return "Perron is running" in self.output.read_text() and ready(self.url) is not None

    def children(self) -> set[int]:
        return {pid for pid in descendants(self.process.pid) if parent(pid) == self.process.pid}

    def end(self, sig: int) -> int:
        self.process.send_signal(sig)
        return self.process.wait(PATIENCE)


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path / "data")
    yield hub
    for pid in descendants(hub.process.pid):
        os.kill(pid, signal.SIGKILL)
    hub.process.kill()
    hub.process.wait()


def test_one_command_heals_dies_starts_again_and_stops(hub):
    """One story, because each start costs seconds. What a kill -9 leaves is harder to start from than a Ctrl-C."""
    hub.start()
    assert re.search(rf"{hub.url}/\S+", hub.output.read_text()), "the one-time owner link"
    kept = {name: (hub.data_dir / name).read_bytes() for name in ("secret.key", "encryption.key")}
    children = hub.children()
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    servers.wait_until(lambda: not alive(children), 15, "the children are gone")
    servers.wait_until(lambda: len(hub.children()) == len(children), PATIENCE, "all children are back")
    servers.wait_until(lambda: ready(hub.url), PATIENCE, "the hub is ready again")
    assert hub.output.read_text().count("signal SIGKILL") >= len(children)

    hub.tree = descendants(hub.process.pid)
    hub.end(signal.SIGKILL)
    servers.wait_until(lambda: not alive(hub.tree), 15, "every child follows its supervisor")

    hub.start()
    assert {name: (hub.data_dir / name).read_bytes() for name in kept} == kept
    assert hub.end(signal.SIGINT) == 0
    assert alive(hub.tree) == set()
    assert not (hub.data_dir / "broker.url").exists()


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def run_supervisor(**more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "ops.supervisor"],
        cwd=ROOT,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_taken_port_is_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_supervisor(DATA_DIR=str(tmp_path), PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_a_sentence(tmp_path):
    done = run_supervisor(DATA_DIR=str(tmp_path), PORT="front door")
    assert (done.returncode, done.stderr) == (
        1,
        "perron: PORT must be a whole number from 0 to 65535, not 'front door'\n",
    )


class Procfile:
    """The processes of the Procfile, each started as a platform would: `sh -c` of its line."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        lines = (ROOT / "Procfile").read_text().splitlines()
        self.commands = dict(line.split(": ", 1) for line in lines)
        self.env, self.log, self.running = env, log, {}

    def start(self, name: str) -> subprocess.Popen:
        with self.log.open("ab") as log:
            self.running[name] = subprocess.Popen(
                ["sh", "-c", f"exec {self.commands[name]}"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.running[name]

    def stop(self) -> dict[str, int]:
        for process in self.running.values():
            process.terminate()
        return {name: process.wait(PATIENCE) for name, process in self.running.items()}

    def kill(self) -> None:
        for process in self.running.values():
            for pid in {process.pid, *descendants(process.pid)} & alive({process.pid, *descendants(process.pid)}):
                os.kill(pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def procfile(tmp_path, postgres_server, valkey, valkey_url):
    port = servers.free_port()
    env = environment(
        DATABASE_URL=servers.create_database(postgres_server, "hub_processes"),
        REDIS_URL=valkey_url,
        DATA_DIR=str(tmp_path / "data"),
        PORT=str(port),
        WEB_WORKERS="2",
        JOB_WORKERS="2",
    )
    procfile = Procfile(env, tmp_path / "log")
    procfile.url = f"http://127.0.0.1:{port}"
    yield procfile
    procfile.kill()
    servers.drop_database(postgres_server, "hub_processes")


def worker_pids(connection: redis.Redis) -> set[int]:
    keys = worker_registration.get_keys(connection=connection)
    return alive({int(pid) for key in keys if (pid := connection.hget(key, "pid"))})


def cores(procfile) -> dict[int, set[int]]:
    """Of each process of the web server, those that it keeps to."""
    return {pid: os.sched_getaffinity(pid) for pid in alive(descendants(procfile.running["web"].pid))}


def each_has_its_own(procfile) -> dict[int, set[int]] | bool:
    found = cores(procfile)
    distinct = {core for one in found.values() for core in one}
    enough = min(2, len(os.sched_getaffinity(0)))
    return len(found) == 2 and all(len(one) == 1 for one in found.values()) and len(distinct) == enough and found


def test_the_procfile_on_postgresql(procfile, valkey):
    assert procfile.start("release").wait(PATIENCE) == 0, procfile.log.read_text()
    del procfile.running["release"]
    for name in ("web", "worker", "cron"):
        procfile.start(name)
    servers.wait_until(lambda: ready(procfile.url), PATIENCE, "the hub is ready")

    victims = servers.wait_until(lambda: len(pids := worker_pids(valkey)) == 2 and pids, PATIENCE, "two workers")
    os.kill(min(victims), signal.SIGKILL)
    servers.wait_until(
        lambda: len(worker_pids(valkey) | victims) == 3 and len(worker_pids(valkey)) == 2, 30, "a new worker"
    )
    assert ready(procfile.url)

    web = servers.wait_until(lambda: each_has_its_own(procfile), PATIENCE, "a core for each process of the web server")
    os.kill(min(web), signal.SIGKILL)
    servers.wait_until(
        lambda: min(web) not in cores(procfile) and each_has_its_own(procfile), PATIENCE, "its core goes to the next"
    )

    procfile.running["cron"].kill()
    procfile.running["cron"].wait()
    procfile.start("cron")
    servers.wait_until(lambda: ready(procfile.url), PATIENCE, "ready with a new scheduler")

    trees = {pid for process in procfile.running.values() for pid in descendants(process.pid)}
    procfile.stop()
    assert alive(trees) == set()
    assert "Traceback" not in procfile.log.read_text()
