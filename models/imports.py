"""Files of orders that staff bring in: what each is, what becomes of its rows, and which orders came that way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Json, Model, OfWorkers, db
from .people import User

IMPORT_KINDS = ("orders", "statuses")
#: what becomes of a row. create, update: done by the import; there: such an order is here already
FATES = ("create", "update", "unchanged", "there", "refused")


class Import(OfWorkers, Model):
    """One file. Its columns are named (stage "columns"), a job says what would become of each row ("check"), another
    does it ("import")."""

    __tablename__ = "imports"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))  # see IMPORT_KINDS
    language: Mapped[str] = mapped_column(String(5), default="en")
    name: Mapped[str] = mapped_column(String(200))  # of the file, as its owner calls it
    file: Mapped[str] = mapped_column(String(80), default="")  # its name in DATA_DIR/imports; "" = removed
    size: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes
    layout: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # see orders/import_files.py
    columns: Mapped[list[str]] = mapped_column(Json, default=list)  # the field of each column, "" = not taken
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # {"shop": id of rows that name none}
    stage: Mapped[str] = mapped_column(String(10), default="columns")
    #: ready: a person's turn; waiting -> working -> ready | done | failed; cancelled
    state: Mapped[str] = mapped_column(String(10), default="ready", index=True)
    fence: Mapped[int] = mapped_column(default=0)  # grows with each claim: a late worker's is not the current one
    tries: Mapped[int] = mapped_column(default=0)  # claims since a person asked
    done: Mapped[int] = mapped_column(default=0)  # rows
    total: Mapped[int | None]  # rows, about
    fates: Mapped[dict[str, int]] = mapped_column(Json, default=dict)  # fate -> orders, once the stage is over
    fault: Mapped[str] = mapped_column(String(20), default="")  # see orders/import_files.FAULTS; disk | internal | …
    fault_row: Mapped[int] = mapped_column(default=0)
    user: Mapped[User] = relationship()


class ImportRow(Model):
    """What becomes of one order of a file, which may have several rows. Marked as done in the transaction that makes
    or changes the order: whoever goes on after a crash knows what is left."""

    __tablename__ = "import_rows"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    row: Mapped[int]  # the first of it, as a spreadsheet counts
    rows: Mapped[int] = mapped_column(default=1)
    number: Mapped[str] = mapped_column(String(64), default="")
    fate: Mapped[str] = mapped_column(String(10))  # see FATES
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # {"code", "column", "value", …}
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="SET NULL"), index=True)
    done: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        db.UniqueConstraint("import_id", "row"),
        Index("ix_import_rows_import_id_fate_row", "import_id", "fate", "row"),
    )


class ImportedOrder(Model):
    """The shop and number that an order had in a file: the constraint that keeps it from being made twice."""

    __tablename__ = "imported_orders"
    identity: Mapped[str] = mapped_column(String(100), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
