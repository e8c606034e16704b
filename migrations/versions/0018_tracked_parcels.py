"""parcels that were not made here, tracked by the numbers that were typed in

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    op.create_table(
        "tracked_parcels",
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("external_status", sa.String(80), nullable=False),
        sa.Column("external_status_name", sa.String(120), nullable=False),
        sa.Column("synced_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_tracked_parcels_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_tracked_parcels_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_tracked_parcels")),
    )
    op.create_index(op.f("ix_tracked_parcels_connection_id"), "tracked_parcels", ["connection_id"])


def downgrade():
    op.drop_table("tracked_parcels")
