"""imports

Revision ID: 0012
Revises: 0011

"""
from alembic import op
import sqlalchemy as sa

import models.base
from sqlalchemy.dialects import postgresql

# revision identifiers, used by Alembic.
revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
Json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), 'postgresql')


def upgrade():
    op.create_table('imports',
    sa.Column('id', BigId, nullable=False),
    sa.Column('user_id', BigId, nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('language', sa.String(length=5), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('file', sa.String(length=80), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('layout', Json, nullable=False),
    sa.Column('columns', Json, nullable=False),
    sa.Column('options', Json, nullable=False),
    sa.Column('stage', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=True),
    sa.Column('fates', Json, nullable=False),
    sa.Column('fault', sa.String(length=20), nullable=False),
    sa.Column('fault_row', sa.Integer(), nullable=False),
    sa.Column('created_at', models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('started_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('finished_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('lease_until', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_imports_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imports'))
    )
    op.create_index(op.f('ix_imports_user_id'), 'imports', ['user_id'])
    op.create_index(op.f('ix_imports_state'), 'imports', ['state'])

    op.create_table('import_rows',
    sa.Column('id', BigId, nullable=False),
    sa.Column('import_id', BigId, nullable=False),
    sa.Column('row', sa.Integer(), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=64), nullable=False),
    sa.Column('fate', sa.String(length=10), nullable=False),
    sa.Column('reasons', Json, nullable=False),
    sa.Column('order_id', BigId, nullable=True),
    sa.Column('done', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['imports.id'], name=op.f('fk_import_rows_import_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_import_rows_order_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_rows')),
    sa.UniqueConstraint('import_id', 'row', name=op.f('uq_import_rows_import_id_row'))
    )
    op.create_index('ix_import_rows_import_id_fate_row', 'import_rows', ['import_id', 'fate', 'row'])
    op.create_index(op.f('ix_import_rows_order_id'), 'import_rows', ['order_id'])

    op.create_table('imported_orders',
    sa.Column('identity', sa.String(length=100), nullable=False),
    sa.Column('order_id', BigId, nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_imported_orders_order_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('identity', name=op.f('pk_imported_orders'))
    )
    op.create_index(op.f('ix_imported_orders_order_id'), 'imported_orders', ['order_id'])


def downgrade():
    op.drop_table('imported_orders')
    op.drop_table('import_rows')
    op.drop_table('imports')
