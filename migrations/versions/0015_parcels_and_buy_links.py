"""what a shop's parcels measure, its "Buy" links, and orders found by tracking number

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBERS = ("parcel_weight", "parcel_length", "parcel_width", "parcel_height")


def upgrade():
    with op.batch_alter_table("shops") as table:
        table.add_column(sa.Column("parcel", sa.String(10), nullable=False, server_default=""))
        for name in NUMBERS:
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("buy_key", sa.String(40), nullable=True))
        table.create_unique_constraint(op.f("uq_shops_buy_key"), ["buy_key"])
    op.create_index(
        "ix_orders_ttn", "orders", ["ttn"], sqlite_where=sa.text("ttn <> ''"), postgresql_where=sa.text("ttn <> ''")
    )


def downgrade():
    op.drop_index("ix_orders_ttn", "orders")
    with op.batch_alter_table("shops") as table:
        table.drop_constraint(op.f("uq_shops_buy_key"), type_="unique")
        for name in ("buy_key", *NUMBERS, "parcel"):
            table.drop_column(name)
