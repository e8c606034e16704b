"""the chart's days are those of the hub's zone

Revision ID: 0002
Revises: 0001
"""
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alembic import op
import sqlalchemy as sa

import models.base

# revision identifiers, used by Alembic.
revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_ORDERS = sa.table('orders', sa.column('created_at', models.base.UtcDateTime()), *map(sa.column, (
    'source_id', 'status_id', 'currency', 'total')))
_DAYS = sa.table('order_days', sa.column('day', sa.Date()))


def upgrade():
    _recount(ZoneInfo('Europe/Kyiv'))


def downgrade():
    _recount(UTC)


def _recount(zone):
    """Make order_days anew, day by day: a day has 23 to 25 hours, and not every database knows the zone."""
    connection = op.get_bind()
    connection.execute(sa.delete(_DAYS))
    created = _ORDERS.c.created_at
    first, last = connection.execute(sa.select(sa.func.min(created), sa.func.max(created))).one()
    if first is None:
        return
    day, last_day = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= last_day:
        _count(connection, day, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))
        day += timedelta(days=1)


def _midnight(day, zone):
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _count(connection, day, since, until):
    o = _ORDERS.c
    key = (o.source_id, o.status_id, o.currency)
    rows = sa.select(sa.literal(day, sa.Date()), *key, sa.func.count(), sa.func.sum(o.total)).group_by(*key)
    rows = rows.where(o.created_at >= since, o.created_at < until)
    names = ['day', 'source_id', 'status_id', 'currency', 'n', 'total']
    connection.execute(sa.table('order_days', *map(sa.column, names)).insert().from_select(names, rows))
