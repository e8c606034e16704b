"""What goal 21 is measured against: orders and lines by the driver itself, executemany on SQLite, COPY elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle, islice
from typing import Any

from models import Order, OrderLine, db, utcnow
from orders import bulk, fill, invented

from .hub import Hub

Tables = list[tuple[str, Sequence[str], list[tuple[Any, ...]]]]


def into_the_hub(hub: Hub, orders: int, lines: int) -> float:
    """Orders a second into the very tables of the hub, with their keys and indexes, in one transaction that is
    committed; they are deleted when the clock has stopped."""
    loader = bulk.loader(rebuild_index=False)
    try:
        first = loader.reserve(orders)
        tables = [
            (table.name, (*names, *rest), [row + tuple(rest.values()) for row in rows])
            for table, names, rows in _invented(first, orders, lines)
            for rest in (bulk.constants(table, names),)
        ]
        loader.begin()
        found = _timed(hub, loader.connection, tables, orders)
        loader.begin()
        for name, key in (("order_lines", "order_id"), ("orders", "id")):
            loader.cursor.execute(f"DELETE FROM {name} WHERE {key} >= {first} AND {key} < {first + orders}")
        loader.commit()
        return found
    finally:
        loader.connection.rollback()
        loader.close()


def without_an_index(hub: Hub, orders: int, lines: int) -> float:
    """The same into temporary tables of these columns: no key, no index, no journal that outlives the process."""
    connection = db.engine.raw_connection()
    cursor: Any = connection.cursor()
    tables = [(f"raw_{table.name}", names, rows) for table, names, rows in _invented(1, orders, lines)]
    try:
        for name, names, _ in tables:
            same = f"SELECT {', '.join(names)} FROM {name.removeprefix('raw_')} LIMIT 0"
            cursor.execute(f"CREATE TEMPORARY TABLE {name} AS {same}")
        if db.engine.dialect.name == "sqlite":
            cursor.execute("BEGIN")
        return _timed(hub, connection, tables, orders)
    finally:
        connection.rollback()
        for name, _, _ in tables:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        connection.commit()
        connection.close()


def _invented(first: int, orders: int, lines: int) -> list[tuple[Any, Sequence[str], list[tuple[Any, ...]]]]:
    """As many orders and lines: table, columns, rows."""
    end = utcnow()
    inventor = invented.Inventor(fill.registries(), first, orders, end - timedelta(days=1), end)
    chunk = inventor.chunk(0, orders)
    return [
        (Order.__table__, invented.ORDER_COLUMNS, chunk.orders),
        (OrderLine.__table__, invented.LINE_COLUMNS, list(islice(cycle(chunk.lines), lines))),
    ]


def _timed(hub: Hub, connection: Any, tables: Tables, orders: int) -> float:
    cursor: Any = connection.cursor()
    on_sqlite = db.engine.dialect.name == "sqlite"

    def load() -> None:
        for name, names, rows in tables:
            columns = ", ".join(f'"{column}"' for column in names)
            if on_sqlite:
                cursor.executemany(f"INSERT INTO {name} ({columns}) VALUES ({', '.join('?' * len(names))})", rows)
            else:
                with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
        connection.commit()

    hub.clock.refresh()
    return orders / hub.clock.time(load)
