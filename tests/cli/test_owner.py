"""`flask prepare`: what each start and each release does."""

from __future__ import annotations

import pytest

from cli.owner import first_run
from models import User, db

from ..conftest import close, make_app, make_settings


def test_the_first_run_prints_a_link_each_time_until_there_is_an_owner(app):
    links = [app.test_cli_runner().invoke(args=["prepare"]).output.strip() for _ in range(2)]
    assert all(link.startswith("http://localhost/setup/") for link in links)
    assert links[0] != links[1]
    with app.app_context():
        db.session.add(User(email="owner@example.com", password_hash="x", role="owner"))
        db.session.commit()
    assert app.test_cli_runner().invoke(args=["prepare"]).output == ""


class TestOwnerOfTheEnvironment:
    @pytest.fixture
    def extra_env(self):
        return {"ADMIN_EMAIL": "Boss@example.com", "ADMIN_PASSWORD": "a long enough one"}

    def test_is_made_once_without_a_link(self, app):
        assert first_run(app) is None
        assert first_run(app) is None
        with app.app_context():
            users = db.session.scalars(db.select(User)).all()
            assert [(user.email, user.role) for user in users] == [("boss@example.com", "owner")]


def test_prepare_makes_the_schema(tmp_path, valkey_url):
    app = make_app(make_settings(tmp_path, f"sqlite:///{tmp_path / 'new.sqlite3'}", valkey_url))
    done = app.test_cli_runner().invoke(args=["prepare"])
    assert done.exit_code == 0, done.output
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 0
    close(app)
