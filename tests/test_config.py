"""Settings: defaults, kept secrets, and sentences for what can't be used."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import config


def load(tmp_path: Path, **environ: str) -> config.Settings:
    return config.load({"DATA_DIR": str(tmp_path)} | environ)


def test_defaults_make_a_hub_that_only_this_machine_reaches(tmp_path):
    settings = load(tmp_path)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.is_sqlite
    assert settings.database_url.endswith(str(tmp_path / "hub.sqlite3"))
    assert not settings.secure_cookies
    assert settings.metrics_token == ""
    assert settings.sqlite_synchronous == "FULL"


def test_secrets_are_made_once_and_only_the_owner_reads_them(tmp_path):
    first, second = load(tmp_path), load(tmp_path)
    assert first.secret_key == second.secret_key
    assert first.encryption_keys == second.encryption_keys
    for name in ("secret.key", "encryption.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_given_secrets_are_not_written_down(tmp_path):
    key = config.Fernet.generate_key().decode()
    settings = load(tmp_path, SECRET_KEY="given", ENCRYPTION_KEYS=f"{key}, {key}")
    assert settings.secret_key == "given"
    assert settings.encryption_keys == (key, key)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:///x", "sqlite:///x"),
    ],
)
def test_database_address(tmp_path, given, meant):
    assert load(tmp_path, DATABASE_URL=given).database_url == meant


def test_the_running_embedded_broker_is_found(tmp_path):
    (tmp_path / "broker.url").write_text("redis://:word@127.0.0.1:7000/0\n")
    assert load(tmp_path).redis_url == "redis://:word@127.0.0.1:7000/0"
    assert load(tmp_path, REDIS_URL="redis://elsewhere").redis_url == "redis://elsewhere"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "PORT must be a whole number from 0 to 65535"),
        ("PORT", "70000", "PORT must be a whole number"),
        ("JOB_WORKERS", "0", "JOB_WORKERS must be a whole number from 1"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be one of DEBUG, ERROR, INFO, WARNING"),
        ("DATABASE_URL", "mysql://h", "DATABASE_URL must start with sqlite:/// or postgresql://, not mysql:"),
        ("ENCRYPTION_KEYS", "short", "ENCRYPTION_KEYS must hold Fernet keys"),
    ],
)
def test_a_bad_value_names_the_variable_and_the_cure(tmp_path, name, value, sentence):
    with pytest.raises(config.ConfigError, match=sentence):
        load(tmp_path, **{name: value})


def test_public_url_decides_about_cookies(tmp_path):
    assert load(tmp_path, PUBLIC_URL="https://hub.example.com/").public_url == "https://hub.example.com"
    assert load(tmp_path, PUBLIC_URL="https://hub.example.com").secure_cookies
    assert load(tmp_path, HOST="0.0.0.0").public_url == "http://127.0.0.1:8000"
