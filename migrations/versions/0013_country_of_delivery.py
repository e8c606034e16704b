"""the country whose shops a delivery method is for

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

#: of the methods that came with the first migration
HOME = {"np-branch": "UA", "np-courier": "UA", "ukrposhta": "UA", "meest": "UA", "russian-post": "RU"}


def upgrade():
    with op.batch_alter_table("delivery_methods") as table:
        table.add_column(sa.Column("country", sa.String(2), nullable=False, server_default=""))
    methods = sa.table("delivery_methods", sa.column("key"), sa.column("country"))
    for key, country in HOME.items():
        op.execute(methods.update().where(methods.c.key == key).values(country=country))


def downgrade():
    with op.batch_alter_table("delivery_methods") as table:
        table.drop_column("country")
