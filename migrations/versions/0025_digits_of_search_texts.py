"""search texts: digits packed, so that the trigram indexes tell numbers apart

Revision ID: 0025
Revises: 0024
"""

import re

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None

LETTERS = [chr(code) for code in (*range(0x74D, 0x7A6), *range(0x7CA, 0x7EB))]
AFTER = (*"0123456789", "")
PAIRS = {(a, b): LETTERS[11 * int(a) + i] for a in "0123456789" for i, b in enumerate(AFTER)}
AWAY = {ord(letter): 0x12000 + i for i, letter in enumerate(LETTERS)}
TO_PACK = re.compile(f"[0-9]+|[{LETTERS[0]}-{LETTERS[-1]}]+")
#: each letter stands for its first digit; those that were moved away come back
BACK = {ord(letter): digit for (digit, _), letter in PAIRS.items()} | {to: chr(code) for code, to in AWAY.items()}

TEXTS = sa.table("order_search", sa.column("order_id", sa.BigInteger), sa.column("text", sa.Text))
CHUNK = 5000


def upgrade():
    _each_text(lambda text: TO_PACK.sub(_packed, text), ", columnsize=0")


def downgrade():
    _each_text(lambda text: text.translate(BACK), "")


def _packed(match):
    found = match[0]
    if found[0] > "9":
        return found.translate(AWAY)
    return "".join(PAIRS[pair] for pair in zip(found, [*found[1:], ""], strict=True))


def _each_text(change, options):
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_sqlite() if on_sqlite else op.drop_index("ix_order_search_trigram", "order_search")
    _rewrite(change)
    _make_sqlite(options) if on_sqlite else op.execute(
        "CREATE INDEX ix_order_search_trigram ON order_search USING gin (text gin_trgm_ops)"
    )


def _rewrite(change):
    bind = op.get_bind()
    query = sa.select(TEXTS.c.order_id, TEXTS.c.text).order_by(TEXTS.c.order_id).limit(CHUNK)
    put = sa.update(TEXTS).where(TEXTS.c.order_id == sa.bindparam("of")).values(text=sa.bindparam("new"))
    last = 0
    while rows := bind.execute(query.where(TEXTS.c.order_id > last)).all():
        bind.execute(put, [{"of": order_id, "new": change(text)} for order_id, text in rows])
        last = rows[-1][0]


def _drop_sqlite():
    for event in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER order_search_{event}")
    op.execute("DROP TABLE order_search_fts")


def _make_sqlite(options):
    """As it was made first; columnsize=0: how long each text is serves a ranking that nobody asks for."""
    op.execute(
        "CREATE VIRTUAL TABLE order_search_fts USING fts5("
        f"text, content='order_search', content_rowid='order_id', tokenize='trigram'{options})"
    )
    op.execute("INSERT INTO order_search_fts(order_search_fts) VALUES ('rebuild')")
    remove = "INSERT INTO order_search_fts(order_search_fts, rowid, text) VALUES ('delete', old.order_id, old.text);"
    add = "INSERT INTO order_search_fts(rowid, text) VALUES (new.order_id, new.text);"
    for event, body in (("INSERT", add), ("DELETE", remove), ("UPDATE", remove + add)):
        op.execute(f"CREATE TRIGGER order_search_{event.lower()} AFTER {event} ON order_search BEGIN {body} END")
