"""the index of numbers at the source holds only orders that have one

Empty ones, of which there are many, told SQLite that a number is found no sooner than by reading all orders.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

NAME = "ix_orders_external_number"


def upgrade():
    rows = sa.text("external_number <> ''")
    op.drop_index(NAME, "orders")
    op.create_index(NAME, "orders", ["external_number"], sqlite_where=rows, postgresql_where=rows)


def downgrade():
    op.drop_index(NAME, "orders")
    op.create_index(NAME, "orders", ["external_number"])
