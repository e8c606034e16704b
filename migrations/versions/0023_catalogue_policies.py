"""catalogue policies: chosen categories, what runs did to products, where a run stands

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade():
    op.add_column("catalogue_rules", sa.Column("categories", Json, nullable=False, server_default="[]"))
    op.add_column("catalogue_rules", sa.Column("sort", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("runs", sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("memo", Json, nullable=False, server_default="{}"))
    op.create_table(
        "run_changes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("product_id", BigId, nullable=True),
        sa.Column("external_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("changes", Json, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_changes_run_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_run_changes_product_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_changes")),
    )
    op.create_index(op.f("ix_run_changes_product_id"), "run_changes", ["product_id"])
    op.create_index("ix_run_changes_run_id_kind_id", "run_changes", ["run_id", "kind", "id"])


    op.create_table(
        "offer_categories",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_offer_categories_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer_categories")),
        sa.UniqueConstraint("connection_id", "path", name=op.f("uq_offer_categories_connection_id_path")),
    )


def downgrade():
    op.drop_table("offer_categories")
    op.drop_table("run_changes")
    op.drop_column("runs", "memo")
    op.drop_column("runs", "fence")
    op.drop_column("catalogue_rules", "sort")
    op.drop_column("catalogue_rules", "categories")
