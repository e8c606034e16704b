"""Routes to delivery services, second routes, likely duplicates

Revision ID: 0002_doubles
Revises: 0001
Create Date: 2026-11-21 22:20:00

"""
from alembic import op
import sqlalchemy as sa

import models.base

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _refers(table, column, to, ondelete='CASCADE'):
    return sa.ForeignKeyConstraint([column], [f'{to}.id'], name=op.f(f'fk_{table}_{column}'), ondelete=ondelete)


def upgrade():
    op.create_table('delivery_routes',
    sa.Column('id', ID, nullable=False),
    sa.Column('connection_id', ID, nullable=False),
    sa.Column('services', sa.String(length=250), nullable=False),
    _refers('delivery_routes', 'connection_id', 'connections'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_routes')),
    sa.UniqueConstraint('connection_id', name=op.f('uq_delivery_routes_connection_id'))
    )
    op.create_table('second_routes',
    sa.Column('id', ID, nullable=False),
    sa.Column('order_id', ID, nullable=False),
    sa.Column('connection_id', ID, nullable=False),
    sa.Column('first_id', ID, nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('by', sa.String(length=120), nullable=False),
    sa.Column('at', models.base.UtcDateTime(), nullable=False),
    _refers('second_routes', 'order_id', 'orders'),
    _refers('second_routes', 'connection_id', 'connections'),
    _refers('second_routes', 'first_id', 'connections'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_second_routes')),
    sa.UniqueConstraint('order_id', 'connection_id', name=op.f('uq_second_routes_order_id_connection_id'))
    )
    op.create_index('ix_second_routes_stopped', 'second_routes', ['id'], **_where("state = 'stopped'"))
    op.create_table('likely_duplicates',
    sa.Column('id', ID, nullable=False),
    sa.Column('order_id', ID, nullable=False),
    sa.Column('other_id', ID, nullable=False),
    sa.Column('why', sa.String(length=10), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('kept_id', ID, nullable=True),
    sa.Column('by', sa.String(length=120), nullable=False),
    sa.Column('created_at', models.base.UtcDateTime(), nullable=False),
    sa.Column('settled_at', models.base.UtcDateTime(), nullable=True),
    _refers('likely_duplicates', 'order_id', 'orders'),
    _refers('likely_duplicates', 'other_id', 'orders'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_likely_duplicates')),
    sa.UniqueConstraint('order_id', 'other_id', name=op.f('uq_likely_duplicates_order_id_other_id'))
    )
    op.create_index(op.f('ix_likely_duplicates_other_id'), 'likely_duplicates', ['other_id'])
    op.create_index('ix_likely_duplicates_open', 'likely_duplicates', ['id'], **_where("state = 'open'"))
    # no batch: SQLite would copy the table of orders
    op.add_column('orders', sa.Column('likely_duplicate', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index('ix_orders_likely_duplicate', 'orders', ['id'],
                    sqlite_where=sa.text('likely_duplicate = 1'), postgresql_where=sa.text('likely_duplicate'))


def _where(condition):
    return {'sqlite_where': sa.text(condition), 'postgresql_where': sa.text(condition)}


def downgrade():
    op.drop_index('ix_orders_likely_duplicate', table_name='orders')
    op.drop_column('orders', 'likely_duplicate')
    op.drop_table('likely_duplicates')
    op.drop_table('second_routes')
    op.drop_table('delivery_routes')
