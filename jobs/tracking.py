"""Parcels at delivery services: the number and the state of a copy are the order's tracking number and its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations import connectors
from models import Connection, Link, Order, db
from orders import search, work

LONGEST = 120


def delivers(connection: Connection) -> bool:
    cls = connectors().get(connection.kind)
    return cls is not None and cls.delivers


def numbered(connection: Connection, copies: Sequence[Mapping[str, Any]]) -> None:
    """Copies were made or changed: columns of their links. A number that staff or a
    source gave stays; the state that goes with another number isn't shown."""
    told = {copy["order_id"]: copy for copy in copies if copy["external_number"]}
    if not told or not delivers(connection):
        return
    given = []
    for order in db.session.scalars(db.select(Order).where(Order.id.in_(told))):
        copy = told[order.id]
        if not order.ttn:
            order.ttn = str(copy["external_number"])[:64]
            search.refresh(order)
            given.append(order.id)
        _state(order, str(copy["external_number"]), str(copy["external_status_name"] or copy["external_status"]))
    if given:
        db.session.flush()
        work.request_number_push(given, connection.name)


def moved(connection: Connection, link: Link, order: Order, name: str) -> None:
    """The state of a copy as it was read."""
    if link.role == "destination" and delivers(connection):
        _state(order, link.external_number, name)


def _state(order: Order, number: str, name: str) -> None:
    if order.ttn == number and name and order.ttn_state != name:
        order.ttn_state = name[:LONGEST]
