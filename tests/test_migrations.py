"""The schema: up, down, up again, and nothing in the models that a migration forgot."""

from __future__ import annotations

from datetime import UTC, date, datetime

import flask_migrate
import pytest
from sqlalchemy import inspect

from models import OrderDay, db
from orders import creation
from orders.timeline import Actor

from . import servers
from .conftest import close, make_app, make_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        server = request.getfixturevalue("postgres_server")
        yield servers.create_database(server, "hub_empty")
        servers.drop_database(server, "hub_empty")


@pytest.fixture
def empty_app(tmp_path, empty_database_url, valkey_url):
    app = make_app(make_settings(tmp_path, empty_database_url, valkey_url))
    with app.app_context():
        yield app
    close(app)


def test_up_down_and_up_again(empty_app):
    flask_migrate.upgrade()
    there = set(inspect(db.engine).get_table_names())
    assert set(db.metadata.tables) <= there
    flask_migrate.downgrade(revision="base")
    left = {name for name in inspect(db.engine).get_table_names() if not name.startswith("sqlite_")}
    assert left <= {"alembic_version"}
    flask_migrate.upgrade()
    assert set(inspect(db.engine).get_table_names()) == there


def test_models_and_migrations_agree(empty_app):
    flask_migrate.upgrade()
    flask_migrate.check()  # exits with the difference when there is one


def test_days_of_the_chart_become_those_of_the_hubs_zone(empty_app):
    flask_migrate.upgrade()  # rows are made as they are today, and the tables taken back to that day
    late, early = datetime(2026, 3, 28, 22, 30, tzinfo=UTC), datetime(2026, 3, 29, 20, 59, tzinfo=UTC)  # 23 hours long
    rows = [{"number": f"A{n}", "created_at": at, "total": 10} for n, at in enumerate((late, late, early))]
    creation.insert_many([creation.Draft(row) for row in rows], Actor("job", "test"))
    db.session.commit()
    flask_migrate.downgrade(revision="0001")
    db.session.execute(db.update(OrderDay).values(day=date(2026, 3, 28), n=7))
    db.session.commit()
    for revision, expected in (
        ("0002", [(date(2026, 3, 29), 3, 30)]),
        ("0001", [(date(2026, 3, 28), 2, 20), (date(2026, 3, 29), 1, 10)]),
    ):
        step = flask_migrate.upgrade if revision == "0002" else flask_migrate.downgrade
        step(revision=revision)
        found = db.session.execute(db.select(OrderDay.day, OrderDay.n, OrderDay.total).order_by(OrderDay.day)).all()
        db.session.rollback()
        assert [tuple(row) for row in found] == expected
