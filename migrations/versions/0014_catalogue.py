"""the catalogue: categories, offers, and more about products

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import models.base

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
Time = models.base.UtcDateTime(timezone=True)


def upgrade():
    op.create_table(
        "categories",
        sa.Column("id", BigId, nullable=False),
        sa.Column("parent_id", BigId, nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
    )
    op.create_index(op.f("ix_categories_parent_id"), "categories", ["parent_id"])
    _more_of_products()
    op.create_table(
        "offers",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("external_id", sa.String(64), nullable=False),
        sa.Column("own_id", sa.String(100), nullable=False),
        sa.Column("sku", sa.String(100), nullable=False),
        sa.Column("barcode", sa.String(64), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("price", models.base.Money(), nullable=False),
        sa.Column("old_price", models.base.Money(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("quantity", models.base.Quantity(), nullable=True),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("category", sa.String(300), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("pictures", Json, nullable=False),
        sa.Column("product_id", BigId, nullable=True),
        sa.Column("matched_by", sa.String(12), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("seen_at", Time, nullable=False),
        sa.Column("gone_at", Time, nullable=True),
        sa.Column("told_stock", models.base.Quantity(), nullable=True),
        sa.Column("told_at", Time, nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_offers_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_offers_product_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_offers_connection_id_external_id")),
    )
    op.create_index(op.f("ix_offers_product_id"), "offers", ["product_id"])
    op.create_index("ix_offers_connection_id_sku", "offers", ["connection_id", "sku"])
    op.create_index("ix_offers_connection_id_seen_at", "offers", ["connection_id", "seen_at"])
    with op.batch_alter_table("schedules") as table:
        table.add_column(sa.Column("at_hour", sa.Integer(), nullable=True))


def _more_of_products():
    with op.batch_alter_table("products") as table:
        table.add_column(sa.Column("old_price", models.base.Money(), nullable=True))
        table.add_column(sa.Column("stock", models.base.Quantity(), nullable=True))
        table.add_column(sa.Column("brand", sa.String(100), nullable=False, server_default=""))
        table.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("url", sa.String(500), nullable=False, server_default=""))
        table.add_column(sa.Column("category_id", BigId, nullable=True))
        table.add_column(sa.Column("variant_of", BigId, nullable=True))
        table.add_column(sa.Column("options", Json, nullable=False, server_default="{}"))
        table.add_column(sa.Column("pictures", Json, nullable=False, server_default="[]"))
        table.create_foreign_key(
            op.f("fk_products_category_id"), "categories", ["category_id"], ["id"], ondelete="SET NULL"
        )
        table.create_foreign_key(
            op.f("fk_products_variant_of"), "products", ["variant_of"], ["id"], ondelete="SET NULL"
        )
        table.create_index(op.f("ix_products_category_id"), ["category_id"])
        table.create_index(op.f("ix_products_variant_of"), ["variant_of"])


def downgrade():
    with op.batch_alter_table("schedules") as table:
        table.drop_column("at_hour")
    op.drop_table("offers")
    with op.batch_alter_table("products") as table:
        table.drop_index(op.f("ix_products_variant_of"))
        table.drop_index(op.f("ix_products_category_id"))
        table.drop_constraint(op.f("fk_products_variant_of"), type_="foreignkey")
        table.drop_constraint(op.f("fk_products_category_id"), type_="foreignkey")
        for name in (
            "pictures",
            "options",
            "variant_of",
            "category_id",
            "url",
            "description",
            "brand",
            "stock",
            "old_price",
        ):
            table.drop_column(name)
    op.drop_table("categories")
