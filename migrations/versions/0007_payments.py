"""payments through services, payment links, webhook secrets

Revision ID: 0002_payments
Revises: 0001
"""
import sqlalchemy as sa
from alembic import op

import models.base

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TIME = models.base.UtcDateTime(timezone=True)
TEXTS = (('url', sa.String(length=1000)), ('raw', sa.String(length=60)), ('detail', sa.Text()), ('fault', sa.String(length=20)),
         ('requested_by', sa.String(length=120)), ('todo', sa.String(length=10)))


def upgrade():
    op.add_column('payments', sa.Column('reference', sa.String(length=80), nullable=True))
    for name, kind in TEXTS:
        op.add_column('payments', sa.Column(name, kind, nullable=False, server_default=''))
    op.add_column('payments', sa.Column('refunded', models.base.Money(), nullable=False, server_default='0'))
    op.add_column('payments', sa.Column('refund_to', models.base.Money(), nullable=True))
    op.add_column('payments', sa.Column('uncertain', sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ('paid_at', 'next_at', 'lease_until'):
        op.add_column('payments', sa.Column(name, TIME, nullable=True))
    for name in ('fence', 'tries'):
        op.add_column('payments', sa.Column(name, sa.Integer(), nullable=False, server_default='0'))
    op.create_index('uq_payments_reference', 'payments', ['connection_id', 'reference'], unique=True)
    op.create_index(op.f('ix_payments_next_at'), 'payments', ['next_at'])
    op.create_table('pay_links',
    sa.Column('id', BIG, nullable=False),
    sa.Column('order_id', BIG, nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('created_by', sa.String(length=120), nullable=False),
    sa.Column('expires_at', TIME, nullable=False),
    sa.Column('revoked_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_pay_links_order_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pay_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_pay_links_token_hash'))
    )
    op.create_index(op.f('ix_pay_links_order_id'), 'pay_links', ['order_id'])
    op.create_table('hook_secrets',
    sa.Column('id', BIG, nullable=False),
    sa.Column('connection_id', BIG, nullable=False),
    sa.Column('secret_hash', sa.String(length=64), nullable=False),
    sa.Column('sealed', models.base.Encrypted(), nullable=False),
    sa.Column('created_at', TIME, nullable=False),
    sa.Column('ends_at', TIME, nullable=True),
    sa.Column('last_at', TIME, nullable=True),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_hook_secrets_connection_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hook_secrets')),
    sa.UniqueConstraint('secret_hash', name=op.f('uq_hook_secrets_secret_hash'))
    )
    op.create_index(op.f('ix_hook_secrets_connection_id'), 'hook_secrets', ['connection_id'])


def downgrade():
    op.drop_table('hook_secrets')
    op.drop_table('pay_links')
    op.drop_index(op.f('ix_payments_next_at'), 'payments')
    op.drop_index('uq_payments_reference', 'payments')
    for name in ('reference', 'refunded', 'refund_to', 'uncertain', 'paid_at', 'next_at', 'lease_until', 'fence', 'tries',
                 *(name for name, _kind in TEXTS)):
        op.drop_column('payments', name)
