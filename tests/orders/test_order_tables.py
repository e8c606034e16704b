"""Every table that belongs to orders: what merging and final removal do with its rows. A new table that nobody has
decided about fails here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from models import Import, Order, Payment, Product, Rule, User, WebhookEndpoint, db, utcnow
from models.base import Encrypted, UtcDateTime
from orders import order_links, removal, statuses, unite

from . import build
from .build import OLENA

#: columns that name an order -> its table's name
COLUMNS = {
    (table.name, column.name): key
    for table in db.metadata.tables.values()
    for column in table.columns
    for key in column.foreign_keys
    if key.column.table is Order.__table__
}
#: kept without their order: what a source has sent is known again when it comes once more; a file's rows stay its own
OUTLIVE = {("incoming", "order_id"), ("import_rows", "order_id")}


def test_merging_knows_every_table() -> None:
    assert {table for table, _ in COLUMNS} == set(unite.FATES)
    assert set(unite.FATES.values()) <= {"moves", "with_link", "by_hand", "stays"}


def test_columns_that_look_like_an_orders_name_one() -> None:
    named = {(t.name, c.name) for t in db.metadata.tables.values() for c in t.columns if c.name.endswith("order_id")}
    assert named <= set(COLUMNS)


def test_removal_leaves_nothing_behind() -> None:
    assert {where for where, key in COLUMNS.items() if key.ondelete != "CASCADE"} == OUTLIVE
    assert {COLUMNS[where].ondelete for where in OUTLIVE} == {"SET NULL"}


@pytest.fixture
def known(db_session: Any) -> dict[str, Any]:
    """Values of columns that name something else, by the column."""
    crm, prom = build.connection("retailcrm", "CRM"), build.connection("prom", "Prom")
    rule = Rule(name="R", event="created")
    endpoint = WebhookEndpoint(url="https://example.com/hook")
    file = Import(kind="orders", name="orders.csv", user=User(email="a@example.com", password_hash="-", role="owner"))
    product = Product(sku="TABLES", name="Cup")
    db.session.add_all([rule, endpoint, file, product])
    db.session.commit()
    return {
        "connection_id": crm.id,
        "first_id": prom.id,
        "rule_id": rule.id,
        "endpoint_id": endpoint.id,
        "import_id": file.id,
        "product_id": product.id,
    }


def fill(table: Any, order_id: int, known: dict[str, Any], made: dict[str, int]) -> None:
    """One row of an order in this table, with something in each column that must not be empty."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in ("id", "other_id") or (
            column.primary_key and not isinstance(column.type, db.String) and column.name != "order_id"
        ):
            continue
        if column.name == "order_id":
            row["order_id"] = order_id
        elif column.name in known:
            row[column.name] = known[column.name]
        elif column.name in made:
            row[column.name] = made[column.name]
        elif not column.nullable and column.default is None:
            row[column.name] = sample(column, order_id)
    done = db.session.execute(db.insert(table).values(**row))
    if "id" in table.columns:
        made[f"{table.name[:-1]}_id"] = done.inserted_primary_key[0]


def sample(column: Any, order_id: int) -> Any:
    if isinstance(column.type, (db.JSON, Encrypted)):
        return {}
    if isinstance(column.type, UtcDateTime):
        return utcnow()
    if isinstance(column.type, db.String):
        return f"{order_id}-{column.name}"[: column.type.length or 50]
    return 1


def rows(name: str, order_id: int) -> int:
    table = db.metadata.tables[name]
    mine = db.select(db.func.count()).select_from(table).where(table.c.order_id == order_id)
    return db.session.scalar(mine) or 0


def filled(order_id: int, known: dict[str, Any]) -> None:
    """A row in each table that has one of its own for every order, links and attempts first."""
    made: dict[str, int] = {}
    attempts = db.metadata.tables["attempts"]
    fill(attempts, order_id, known, made)
    for table in db.metadata.sorted_tables:
        if table.name in unite.FATES and table.name not in ("order_lines", "order_search", "likely_duplicates"):
            fill(table, order_id, known, made)
    db.session.execute(db.update(db.metadata.tables["links"]).values(external_id="x", state="linked"))
    db.session.execute(db.update(db.metadata.tables["transfers"]).values(state="done"))
    db.session.execute(db.update(db.metadata.tables["second_routes"]).values(state="allowed"))
    db.session.commit()


def test_merging_moves_what_it_says(known: dict[str, Any]) -> None:
    keep, drop = build.make({"number": "A"}, {"number": "B"})
    filled(drop, known)
    before = {name: rows(name, keep) for name in unite.FATES}
    assert unite.unite(keep, drop, "keep", OLENA) == []
    db.session.commit()
    for name, fate in unite.FATES.items():
        if fate in ("moves", "with_link"):
            assert (rows(name, keep), rows(name, drop)) == (before[name] + 1, 0), name
        elif fate == "stays" and name != "rule_waits":  # those end with the status
            assert rows(name, drop), name


def test_removal_for_good_takes_everything(known: dict[str, Any]) -> None:
    (order_id,) = build.make({"number": "A"})
    filled(order_id, known)
    statuses.change([order_id], build.status("deleted"), OLENA)
    db.session.commit()
    assert removal.remove([order_id], OLENA) == [order_id]
    db.session.commit()
    assert {name: rows(name, order_id) for name in unite.FATES} == dict.fromkeys(unite.FATES, 0)
    assert db.session.scalar(db.select(db.func.count()).select_from(db.metadata.tables["incoming"])) == 1


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({"state": "pending"}, True),
        ({"state": "waiting"}, True),
        ({"state": "paid", "todo": "refund"}, True),
        ({"state": "paid"}, False),
        ({"state": "new", "reference": None}, False),  # not through a service of ours
    ],
)
def test_an_order_stays_while_money_is_on_its_way(db_session: Any, values: dict[str, Any], stays: bool) -> None:
    (order_id,) = build.make({"number": "A"})
    given = {"order_id": order_id, "amount": Decimal(1), "currency": "UAH", "reference": "A-1", **values}
    db.session.add(Payment(**given))
    statuses.change([order_id], build.status("deleted"), OLENA)
    db.session.commit()
    assert removal.busy([order_id]) == ([order_id] if stays else [])
    assert removal.remove([order_id], OLENA) == ([] if stays else [order_id])


def test_a_revoked_link_leaves_no_other(db_session: Any) -> None:
    """Two pre-orders with a link each are merged: both links lead to the one that stays, and end together."""
    keep, drop = build.make({"number": "A"}, {"number": "B"})
    statuses.change([keep, drop], build.status("preorder"), OLENA)
    links = [order_links.issue(one, OLENA) for one in (keep, drop)]
    db.session.commit()
    unite.unite(keep, drop, "keep", OLENA)
    db.session.commit()
    assert [(link.order_id, order_links.state(link)) for link in links] == [(keep, "open"), (keep, "open")]
    found = order_links.current(keep)
    assert found is not None
    assert order_links.revoke(found, OLENA)
    db.session.commit()
    assert {order_links.state(link) for link in links} == {"revoked"}
