"""the catalogue: search over products, rules of connections, files of products, what runs leave out

A later migration that has SQLite make the table `products` anew (batch mode) takes the three triggers with it and has
to make them again: `make_triggers` below.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import models.base

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
Time = models.base.UtcDateTime(timezone=True)


def _some(table, name, columns, sqlite, postgres=""):
    """An index of a part of the rows."""
    op.create_index(name, table, columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgres or sqlite))


def upgrade():
    op.add_column("offers", sa.Column("group", sa.String(64), nullable=False, server_default=""))
    op.add_column("offers", sa.Column("more", Json, nullable=False, server_default="{}"))
    _some("offers", "ix_offers_group", ["connection_id", "group"], "\"group\" != ''")
    _some("offers", "ix_offers_unmatched", ["connection_id", "id"], "product_id IS NULL")
    op.create_index("ix_products_name", "products", ["name"])
    _some("products", "ix_products_barcode", ["barcode"], "barcode != ''")
    _some("products", "ix_products_hidden", ["id"], "active = 0", "NOT active")
    _tables()
    _search()


def _tables():
    op.create_table(
        "catalogue_rules",
        sa.Column("connection_id", BigId, nullable=False, autoincrement=False),
        sa.Column("match", Json, nullable=False),
        sa.Column("new", sa.String(10), nullable=False),
        sa.Column("gone", sa.String(10), nullable=False),
        sa.Column("follow", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_catalogue_rules_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_catalogue_rules")),
    )
    op.create_table(
        "run_notes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("item", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_notes_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_notes")),
    )
    op.create_index(op.f("ix_run_notes_run_id"), "run_notes", ["run_id"])
    op.create_table(
        "catalogue_files",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("file", sa.String(80), nullable=False),
        sa.Column("layout", Json, nullable=False),
        sa.Column("columns", Json, nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", Time, nullable=True),
        sa.Column("counts", Json, nullable=False),
        sa.Column("left_out", Json, nullable=False),
        sa.Column("fault", sa.String(200), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("finished_at", Time, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_catalogue_files_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_files")),
    )
    op.create_index(op.f("ix_catalogue_files_user_id"), "catalogue_files", ["user_id"])
    op.create_index(op.f("ix_catalogue_files_state"), "catalogue_files", ["state"])


def make_triggers():
    remove = (
        "INSERT INTO product_search_fts(product_search_fts, rowid, search_text) "
        "VALUES ('delete', old.id, old.search_text);"
    )
    add = "INSERT INTO product_search_fts(rowid, search_text) VALUES (new.id, new.search_text);"
    for event, body in (("INSERT", add), ("DELETE", remove), ("UPDATE OF search_text", remove + add)):
        name = event.split()[0].lower()
        op.execute(f"CREATE TRIGGER product_search_{name} AFTER {event} ON products BEGIN {body} END")


def _search():
    """As over the orders: FTS5 beside the table on SQLite, pg_trgm on PostgreSQL."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE product_search_fts USING fts5("
            "search_text, content='products', content_rowid='id', tokenize='trigram')"
        )
        op.execute("INSERT INTO product_search_fts(product_search_fts) VALUES ('rebuild')")
        make_triggers()
        return
    op.execute("CREATE INDEX ix_products_trigram ON products USING gin (search_text gin_trgm_ops)")


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER product_search_{event}")
        op.execute("DROP TABLE product_search_fts")
    else:
        op.execute("DROP INDEX ix_products_trigram")
    for table in ("catalogue_files", "run_notes", "catalogue_rules"):
        op.drop_table(table)
    for name in ("ix_products_hidden", "ix_products_barcode", "ix_products_name"):
        op.drop_index(name, "products")
    for name in ("ix_offers_unmatched", "ix_offers_group"):
        op.drop_index(name, "offers")
    with op.batch_alter_table("offers") as table:
        table.drop_column("more")
        table.drop_column("group")
