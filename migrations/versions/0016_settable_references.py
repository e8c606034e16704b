"""entries of vendors' lists that can't be written back

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("reference_items") as table:
        table.add_column(sa.Column("settable", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade():
    with op.batch_alter_table("reference_items") as table:
        table.drop_column("settable")
