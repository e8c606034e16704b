"""what staff are told of: choices, what waits to be told, outages; messages to members of staff

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import models.base

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
Time = models.base.UtcDateTime(timezone=True)


def upgrade():
    _choices()
    op.create_table(
        "notices",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("items", Json, nullable=False),
        sa.Column("since", Time, nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notices_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("user_id", "kind", name=op.f("uq_notices_user_id_kind")),
    )
    op.create_table(
        "outages",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("since", Time, nullable=False),
        sa.Column("told_at", Time, nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_outages_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_outages")),
    )
    with op.batch_alter_table("messages") as table:
        table.alter_column("order_id", existing_type=BigId, nullable=True)
        table.add_column(sa.Column("user_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_messages_user_id"), "users", ["user_id"], ["id"], ondelete="CASCADE")
        table.create_index(op.f("ix_messages_user_id"), ["user_id"])


def _choices():
    op.create_table(
        "notice_choices",
        sa.Column("user_id", BigId, autoincrement=False, nullable=False),
        sa.Column("connection_id", BigId, nullable=True),
        sa.Column("chat", sa.String(64), nullable=False),
        sa.Column("chat_name", sa.String(200), nullable=False),
        sa.Column("lost", sa.String(300), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("code_until", Time, nullable=True),
        sa.Column("trouble", sa.String(300), nullable=False),
        sa.Column("kinds", Json, nullable=False),
        sa.Column("email", sa.Boolean(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_until", sa.Integer(), nullable=True),
        sa.Column("zone", sa.String(60), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notice_choices_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_notice_choices_connection_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notice_choices")),
    )


def downgrade():
    op.execute("DELETE FROM messages WHERE order_id IS NULL")
    with op.batch_alter_table("messages") as table:
        table.drop_index(op.f("ix_messages_user_id"))
        table.drop_constraint(op.f("fk_messages_user_id"), type_="foreignkey")
        table.drop_column("user_id")
        table.alter_column("order_id", existing_type=BigId, nullable=False)
    for table in ("outages", "notices", "notice_choices"):
        op.drop_table(table)
