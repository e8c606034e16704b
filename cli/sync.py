"""`flask sync CONNECTION orders|statuses|references|catalogue|prices`: one run, now, and how it ended."""

from __future__ import annotations

import time

import click
from flask.cli import with_appcontext

from jobs import connections, overview, runs
from models import Run, db

from .named import connection_named

#: tasks about what is kept here of a catalogue
ANYBODY = ("match", "rehearse")


@click.command("sync")
@click.argument("connection")
@click.argument("task", type=click.Choice(tuple(runs.TASKS)))
@click.option("--timeout", default=600, show_default=True, help="Seconds to wait for a run that a worker has taken.")
@with_appcontext
def command(connection: str, task: str, timeout: int) -> None:
    """Run a task of a connection here, or wait for the run that is under way. Exit status 1 when it fails."""
    row = connection_named(connection)
    if task not in ANYBODY and not connections.has_task(row, task):
        raise click.ClickException(f"{row.name} has no task {task}")
    run = runs.request(row.id, task, "flask sync") or overview.open_run(row.id, task)
    if run is None:
        raise click.ClickException("the run that was under way has just ended: ask again")
    run_id = run.id
    db.session.commit()
    runs.carry_out(run_id)
    ended = _ended(run_id, timeout)
    click.echo(" ".join(f"{key}={n}" for key, n in (ended.counts or {}).items()))
    if ended.state != "done":
        raise click.ClickException(f"{ended.state}: {ended.fault} {ended.detail}".strip())


def _ended(run_id: int, timeout: int) -> Run:
    deadline = time.monotonic() + timeout
    while True:
        db.session.rollback()
        row = db.session.get_one(Run, run_id, populate_existing=True)
        if row.state in ("done", "failed") or time.monotonic() > deadline:
            return row
        time.sleep(0.3)
