"""`flask orders`: invented orders, to try the hub, to take pictures of it and to measure it."""

from __future__ import annotations

import sys
import time

import click
from flask.cli import AppGroup

from jobs import connections, wake
from models import db
from orders import fill as filling

command = AppGroup("orders", help="Orders in bulk.")


@command.command("fill")
@click.argument("n", type=click.IntRange(min=1, max=10_000_000))
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same orders.")
def fill(n: int, seed: int) -> None:
    """Add N invented but realistic orders, spread over the last year (or since the newest order).

    Meant for a hub to try, not for one at work: the orders can't be told from real ones but by their numbers (F…).
    """
    origins = [row.id for row in connections.sources()]
    destinations = [row.id for row in connections.destinations()]
    db.session.rollback()
    began = time.monotonic()

    def show(done: int) -> None:
        if sys.stderr.isatty() or done == n:
            rate = done / (time.monotonic() - began)
            click.echo(f"\r{done:,} of {n:,} orders, {rate:,.0f} a second", nl=done == n, err=True)

    filling.fill(n, origins=origins, destinations=destinations, seed=seed, progress=show)
    wake.changed()
    db.session.commit()
    click.echo(f"{n:,} orders in {time.monotonic() - began:,.0f} s")
