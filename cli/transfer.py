"""`flask transfer NUMBER… --to CONNECTION [--reason TEXT] [--wait]`: send orders from a script."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from jobs import connections, work
from models import OPEN_STATES, Connection, Order, Transfer, db
from orders import routes
from orders import work as requests
from orders.timeline import Actor

from .named import connection_named

BY = "flask transfer"


@click.command("transfer")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--to", "target", required=True, help="Name or id of the connection.")
@click.option("--reason", default="", help="Why orders go there although their delivery service has them already.")
@click.option("--wait", is_flag=True, help="Send here and now, and say how each ended.")
@click.option("--timeout", default=300, show_default=True, help="Seconds that --wait takes at most.")
@with_appcontext
def command(numbers: tuple[str, ...], target: str, reason: str, wait: bool, timeout: int) -> None:
    """Ask for transfers. Exit status 1 when an order is unknown, blocked or, with --wait, not sent."""
    row = connection_named(target)
    if row.id not in {d.id for d in connections.destinations()}:
        raise click.ClickException(f"{row.name} takes no orders, or is off")
    ids = _ids(numbers)
    preview = _preview(list(ids.values()), row.id, reason)
    names = {order_id: number for number, order_id in ids.items()}
    for why, blocked in preview.blocked.items():
        for order_id in blocked:
            click.echo(f"{names[order_id]}: blocked: {why}{_cure(why)}", err=True)
    requests.request_send(preview.sendable, row.id, BY)
    db.session.commit()
    sent = {*preview.sendable, *preview.working}
    failed = _wait(row, {i: name for i, name in names.items() if i in sent}, timeout) if wait else 0
    click.echo(
        f"asked: {len(preview.sendable)}, under way: {len(preview.working)}, unchanged: {len(preview.unchanged)}"
    )
    if failed or preview.blocked:
        raise SystemExit(1)


def _preview(ids: Sequence[int], connection_id: int, reason: str) -> requests.Preview:
    """What may be sent; the reason, kept with each order that needs one, lets those through that go a second way."""
    found = requests.preview(ids, connection_id)
    second = found.blocked.get("second_route", [])
    if not second or not reason:
        return found
    try:
        routes.allow(second, connection_id, reason, Actor("person", BY))
    except routes.NoReason:
        raise click.ClickException("--reason needs at least three letters") from None
    return requests.preview(ids, connection_id)


def _cure(why: str) -> str:
    return (
        " (its delivery service has it already; --reason says why it goes there too)" if why == "second_route" else ""
    )


def _ids(numbers: Sequence[str]) -> dict[str, int]:
    query = db.select(Order.number, Order.id).where(Order.number.in_(numbers))
    found = {number: order_id for number, order_id in db.session.execute(query)}
    if unknown := [number for number in numbers if number not in found]:
        raise click.ClickException(f"no such order: {', '.join(unknown)}")
    return {number: found[number] for number in dict.fromkeys(numbers)}


def _wait(row: Connection, names: dict[int, str], timeout: int) -> int:
    """Do the work here, beside the workers, until none is open. Tells how each ended, returns how many failed."""
    connection_id = row.id
    deadline = time.monotonic() + timeout
    while True:
        work.drain(connection_id)
        states = _states(connection_id, names)
        still_open = any(state in OPEN_STATES for state in states.values())
        if not still_open or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    for order_id, number in names.items():
        state = states.get(order_id, "unknown")
        click.echo(f"{number}: {state}", err=state != "done")
    return sum(states.get(order_id) != "done" for order_id in names)


def _states(connection_id: int, names: dict[int, str]) -> dict[int, str]:
    """The state of the newest transfer of each order."""
    db.session.rollback()
    query = (
        db.select(Transfer.order_id, Transfer.state)
        .where(Transfer.connection_id == connection_id, Transfer.operation == "send", Transfer.order_id.in_(names))
        .order_by(Transfer.id)
    )
    states = {order_id: state for order_id, state in db.session.execute(query)}
    db.session.rollback()
    return states
