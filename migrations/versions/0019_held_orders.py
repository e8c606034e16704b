"""orders that wait for their payment; what we write to sources

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = models.base.UtcDateTime(timezone=True)


def upgrade():
    op.create_table(
        "held_orders",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("external_id", sa.String(100), nullable=False),
        sa.Column("incoming_id", BigId, nullable=False),
        sa.Column("until", Time, nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("customer", sa.String(250), nullable=False),
        sa.Column("phone", sa.String(32), nullable=False),
        sa.Column("sum", models.base.Money(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("payment", sa.String(160), nullable=False),
        sa.Column("taken_by", sa.String(120), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_held_orders_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["incoming_id"], ["incoming.id"], name=op.f("fk_held_orders_incoming_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_orders")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_held_orders_connection_id_external_id")),
    )
    op.create_index(op.f("ix_held_orders_incoming_id"), "held_orders", ["incoming_id"])
    op.create_index(op.f("ix_held_orders_until"), "held_orders", ["until"])
    with op.batch_alter_table("links") as table:
        table.add_column(sa.Column("told", sa.String(80), nullable=False, server_default=""))
        table.add_column(sa.Column("told_at", Time, nullable=True))


def downgrade():
    with op.batch_alter_table("links") as table:
        table.drop_column("told_at")
        table.drop_column("told")
    op.drop_table("held_orders")
