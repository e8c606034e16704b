"""Statuses that a system posts, 50 a second for half a minute, to one web process: how long the system waits for its
answer, and how long until the order has changed. Then a few as a person makes them.

`python -m benchmarks.bench_webhooks [--seconds 30] [--rate 50] [--database SQLite]`. The bars: p99 of the answers under
200 ms, a changed row in an open page within 2 s, of which the page's own turn takes up to 1.5 s. Times are counted from
the moment that a notice was due, so a receiver that falls behind can't hide it; the first three seconds don't count, in
which threads and connections are made. Those of the person end when the change is committed, those of the many with
their transaction's last word.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier, local

from jobs import connections, hooks
from models import Incoming, Link, Mapping, Prepared, Status, db, only_reading, utcnow
from ops.processes import free_port
from orders import creation
from orders.timeline import Actor
from tests import servers

from .hub import DATABASES, Hub, Hubs, in_hub
from .timing import children
from .vendors import ROOT

SOURCE = 7
STATUS = 2
PATIENCE = 120
#: seconds that aren't counted, and connections that post
WARM, THREADS = 3, 40
#: notices that come as a person changes orders
PERSON = 60
WEB = ["gunicorn", "-c", "ops/gunicorn.conf.py", "app:create_app()"]
WORKER = ["rq.cli", "worker", "--quiet", "-P", ".", "-w", "jobs.worker.HubWorker", "-S", "json"]


def measure(hubs: Hubs, database: str, rate: int, seconds: int) -> None:
    hub, warm, n = hubs.hub(database, 0), rate * WARM, rate * (seconds + WARM)
    path = _prepare(hub, n + PERSON)
    port = free_port()
    environ = {**os.environ, **hub.environ, "PORT": str(port), "WEB_WORKERS": "1", "WEB_THREADS": "8"}
    with ExitStack() as stack:
        web = stack.enter_context(_process(WEB, environ))
        worker = stack.enter_context(_process([*WORKER, "-u", hub.environ["REDIS_URL"], "high", "default"], environ))
        servers.wait_until(lambda: servers.listens("127.0.0.1", port), 60, "the hub listens")
        _answers(port)
        before = _busy(web), _busy(worker)
        answers = sorted(_post(port, path, range(n), rate)[warm:])
        print(f"{database:10} {rate}/s for {seconds} s: {_said(answers, 0.2)} until it is answered", flush=True)
        with in_hub(hub):
            servers.wait_until(lambda: not _waiting(), PATIENCE, "all of them are settled")
            with only_reading():
                changes = sorted(_changes(warm))
            print(f"{database:10} {len(changes)} orders changed: {_said(changes, 0.5)} after that", flush=True)
            of_web, of_worker = (_busy(pid) - began for pid, began in zip((web, worker), before, strict=True))
            said = f"web {of_web / n * 1000:.1f} ms, worker {of_worker / n * 1000:.1f} ms"
            print(f"{database:10} CPU of each: {said}", flush=True)
            one_by_one = sorted(_until_changed(port, path, number) for number in range(n, n + PERSON))
    print(f"{database:10} {PERSON}, two a second: {_said(one_by_one, 0.5)} from the post to the change", flush=True)


def _prepare(hub: Hub, n: int) -> str:
    """Orders with copies, a mapping; the path that is posted to."""
    with in_hub(hub):
        given = {"api_url": "http://127.0.0.1:9", "api_key": "x", "mode": "orders", "source_id": str(SOURCE)}
        key = connections.create("keycrm", "Key", given)
        ids = creation.insert_many([creation.Draft({"number": f"W-{i}"}) for i in range(n)], Actor("job", "bench"))
        status = db.session.scalar(db.select(Status.id).filter_by(key="confirmed"))
        mapped = {"lookup": str(STATUS), "ours": status, "theirs": str(STATUS), "extra": {}}
        db.session.add(Mapping(connection_id=key.id, table="status_in", **mapped))
        db.session.execute(
            db.insert(Link),
            [
                {"order_id": order_id, "connection_id": key.id, "state": "linked", "role": "destination",
                 "external_id": str(i), "external_status": "1"}
                for i, order_id in enumerate(ids)
            ],
        )  # fmt: skip
        path = hooks.address(key.id).removeprefix("http://localhost")
        db.session.commit()
    return path


@contextmanager
def _process(arguments: Sequence[str], environ: dict[str, str]) -> Iterator[int]:
    child = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, env=environ)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def _busy(pid: int) -> float:
    """CPU seconds of a process and its children so far, all their threads."""
    stats = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in (pid, *children(pid))]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def _post(port: int, path: str, numbers: Sequence[int], rate: int) -> list[float]:
    """Seconds until each was answered."""
    kept, all_there = local(), Barrier(THREADS)

    def connect(_place: int) -> None:
        kept.client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        kept.client.connect()
        all_there.wait()

    def one(place: int) -> float:
        body, due = _body(numbers[place]), began + place / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        _posted(kept.client, path, body)
        return time.perf_counter() - due

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(connect, range(THREADS)))
        began = time.perf_counter() + 0.1
        return list(pool.map(one, range(len(numbers))))


def _answers(port: int) -> None:
    """The hub listens before it is ready."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/healthz")
    client.getresponse().read()
    client.close()


def _posted(client: http.client.HTTPConnection, path: str, body: bytes) -> None:
    client.request("POST", path, body, {"Content-Type": "application/json"})
    answer = client.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"HTTP {answer.status}")


_STATE = Prepared(
    db.select(Incoming.state).where(Incoming.external_id == db.bindparam("number"), Incoming.channel == "webhook")
)


def _until_changed(port: int, path: str, number: int) -> float:
    """Seconds from posting to a change that is committed."""
    time.sleep(0.4)
    client, body = http.client.HTTPConnection("127.0.0.1", port, timeout=30), _body(number)
    began = time.perf_counter()
    _posted(client, path, body)
    while time.perf_counter() - began < PATIENCE:
        with only_reading():
            if [row.state for row in _STATE.rows(number=str(number))] == ["applied"]:
                return time.perf_counter() - began
        time.sleep(0.01)
    raise TimeoutError(f"{number} is not settled")


def _body(number: int) -> bytes:
    """As long as KeyCRM's are."""
    changed = (utcnow() + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    context = {
        "id": number,
        "source_id": SOURCE,
        "status_id": STATUS,
        "updated_at": changed,
        "manager_comment": "x" * 900,
    }
    return json.dumps({"event": "order.change_order_status", "context": context}).encode()


def _waiting() -> int:
    with only_reading():
        query = db.select(db.func.count()).select_from(Incoming).where(Incoming.state == "new")
        return db.session.scalar(query) or 0


def _changes(warm: int) -> list[float]:
    """Seconds from each notice to the change of its order, but for the first ones."""
    query = db.select(Incoming.received_at, Link.synced_at).join(
        Link, (Link.connection_id == Incoming.connection_id) & (Link.external_id == Incoming.external_id)
    )
    rows = db.session.execute(query.where(Incoming.state == "applied").order_by(Incoming.id).offset(warm)).all()
    return [(row.synced_at - row.received_at).total_seconds() for row in rows]


def _said(times: Sequence[float], bar: float) -> str:
    marks = ", ".join(f"p{p} {times[min(len(times) - 1, len(times) * p // 100)] * 1000:.0f}" for p in (50, 95, 99))
    verdict = "meets" if times[min(len(times) - 1, len(times) * 99 // 100)] < bar else "MISSES"
    return f"{marks}, at most {times[-1] * 1000:.0f} ms ({verdict} p99 < {bar * 1000:.0f} ms)"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_webhooks", description=__doc__)
    parser.add_argument("--rate", type=int, default=50, help="notices a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--database", choices=DATABASES, nargs="*", default=DATABASES)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Hubs(Path(folder)) as hubs:
        for database in options.database:
            measure(hubs, database, options.rate, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
