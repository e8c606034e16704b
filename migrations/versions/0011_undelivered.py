"""why messages failed, and an index of those that did

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_FAILED = sa.text("state IN ('failed', 'unknown')")


def upgrade():
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("fault", sa.String(20), nullable=False, server_default=""))
    op.create_index("ix_messages_undelivered", "messages", ["id"], sqlite_where=_FAILED, postgresql_where=_FAILED)


def downgrade():
    op.drop_index("ix_messages_undelivered", table_name="messages")
    with op.batch_alter_table("messages") as table:
        table.drop_column("fault")
