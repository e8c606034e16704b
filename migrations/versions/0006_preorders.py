"""links for customers, letters that carry them, the colour of customers' pages

Revision ID: 0002_preorders
Revises: 0001

"""
from alembic import op
import sqlalchemy as sa

import models.base

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade():
    op.create_table('order_links',
    sa.Column('id', BIG, nullable=False),
    sa.Column('order_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('secret', models.base.Encrypted(), nullable=False),
    sa.Column('created_at', models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('used_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('seen_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('here', sa.Boolean(), nullable=False),
    sa.Column('draft', models.base.Json, nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_links_order_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_order_links_token_hash'))
    )
    op.create_index('ix_order_links_order_id_id', 'order_links', ['order_id', 'id'])
    op.create_index(op.f('ix_order_links_used_at'), 'order_links', ['used_at'])
    op.create_index('ix_order_links_here', 'order_links', ['id'], sqlite_where=sa.text('here = 1'), postgresql_where=sa.text('here'))
    op.create_table('order_mails',
    sa.Column('id', BIG, nullable=False),
    sa.Column('link_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('address', sa.String(length=254), nullable=False),
    sa.Column('language', sa.String(length=5), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('not_before', models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('error', sa.String(length=300), nullable=False),
    sa.Column('requested_by', sa.String(length=120), nullable=False),
    sa.Column('created_at', models.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('sent_at', models.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['link_id'], ['order_links.id'], name=op.f('fk_order_mails_link_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_mails'))
    )
    op.create_index(op.f('ix_order_mails_link_id'), 'order_mails', ['link_id'])
    op.create_index('ix_order_mails_state_not_before', 'order_mails', ['state', 'not_before'])
    with op.batch_alter_table('shops', schema=None) as batch_op:
        batch_op.add_column(sa.Column('accent', sa.String(length=10), nullable=False, server_default='blue'))


def downgrade():
    with op.batch_alter_table('shops', schema=None) as batch_op:
        batch_op.drop_column('accent')
    op.drop_table('order_mails')
    op.drop_table('order_links')
