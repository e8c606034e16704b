"""index of transfers by time: the journal's dates

Revision ID: 0003
Revises: 0002
"""
from alembic import op

# revision identifiers, used by Alembic.
revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_transfers_created_at', 'transfers', ['created_at'])


def downgrade():
    op.drop_index('ix_transfers_created_at', table_name='transfers')
