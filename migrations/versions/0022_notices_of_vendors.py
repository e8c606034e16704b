"""notices of vendors: when what is known of a copy was so, and a list of what a connection was told

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("links", sa.Column("external_at", models.base.UtcDateTime(timezone=True), nullable=True))
    notice = sa.text("channel = 'webhook'")
    where = {"sqlite_where": notice, "postgresql_where": notice}
    op.create_index("ix_incoming_notices", "incoming", ["connection_id", "id"], **where)


def downgrade():
    op.drop_index("ix_incoming_notices", "incoming")
    with op.batch_alter_table("links") as table:
        table.drop_column("external_at")
