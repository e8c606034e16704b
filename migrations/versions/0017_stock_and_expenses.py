"""stock that orders hold and systems are told of; expenses of orders

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

import models.base

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = models.base.UtcDateTime(timezone=True)


def upgrade():
    op.create_table(
        "stock_taken",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("product_id", BigId, nullable=False),
        sa.Column("quantity", models.base.Quantity(), nullable=False),
        sa.Column("taken", models.base.Quantity(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_stock_taken_order_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_stock_taken_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_taken")),
        sa.UniqueConstraint("order_id", "product_id", name=op.f("uq_stock_taken_order_id_product_id")),
    )
    op.create_index(op.f("ix_stock_taken_product_id"), "stock_taken", ["product_id"])
    _news()
    _expenses()
    op.create_index("ix_offers_connection_id_own_id", "offers", ["connection_id", "own_id"])
    with op.batch_alter_table("connections") as table:
        table.add_column(sa.Column("commission_type_id", BigId, nullable=True))
        table.create_foreign_key(
            op.f("fk_connections_commission_type_id"), "expense_types", ["commission_type_id"], ["id"]
        )


def _news():
    op.create_table(
        "stock_news",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("offer_id", BigId, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("not_before", Time, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_stock_news_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_stock_news_offer_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_news")),
        sa.UniqueConstraint("offer_id", name=op.f("uq_stock_news_offer_id")),
    )
    op.create_index("ix_stock_news_due", "stock_news", ["connection_id", "state", "not_before"])


def _expenses():
    op.create_table(
        "expenses",
        sa.Column("id", BigId, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("type_id", BigId, nullable=False),
        sa.Column("amount", models.base.Money(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("origin", sa.String(120), nullable=True),
        sa.Column("at", Time, nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("by", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_expenses_order_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["type_id"], ["expense_types.id"], name=op.f("fk_expenses_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expenses")),
        sa.UniqueConstraint("order_id", "origin", name=op.f("uq_expenses_order_id_origin")),
    )
    op.create_index(op.f("ix_expenses_order_id"), "expenses", ["order_id"])
    op.create_index(op.f("ix_expenses_type_id"), "expenses", ["type_id"])


def downgrade():
    with op.batch_alter_table("connections") as table:
        table.drop_constraint(op.f("fk_connections_commission_type_id"), type_="foreignkey")
        table.drop_column("commission_type_id")
    op.drop_index("ix_offers_connection_id_own_id", "offers")
    for name in ("expenses", "stock_news", "stock_taken"):
        op.drop_table(name)
