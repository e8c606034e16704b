"""Settings from the environment: one typed object, read once at start.

Every setting has a default that works on a laptop; secrets that are not given are made once and kept in
DATA_DIR with mode 0600. See docs/configuration.md for the same list in prose.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

TRUE = {"1", "true", "yes", "on"}
LOG_LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR"}


class ConfigError(Exception):
    """A setting that can't be used; the message names the variable and the cure."""


@dataclass(frozen=True)
class Settings:
    """All the hub takes from its environment. Attribute = variable in lower case."""

    host: str  #: HOST, address the web server listens on
    port: int  #: PORT
    data_dir: Path  #: DATA_DIR, database, keys and broker files of the embedded mode
    database_url: str  #: DATABASE_URL, sqlite:///… or postgresql://…
    sqlite_synchronous: str  #: SQLITE_SYNCHRONOUS, FULL: each commit is on the disk; NORMAL: soon after
    redis_url: str  #: REDIS_URL; not given = the embedded Valkey server (its address is in DATA_DIR/broker.url)
    secret_key: str  #: SECRET_KEY, signs the session cookie and the forms
    encryption_keys: tuple[str, ...]  #: ENCRYPTION_KEYS, comma separated Fernet keys, newest first
    admin_email: str  #: ADMIN_EMAIL + ADMIN_PASSWORD make the owner without the one-time link
    admin_password: str
    public_url: str  #: PUBLIC_URL, where browsers reach the hub; decides the scheme of links and cookies
    log_level: str  #: LOG_LEVEL
    web_workers: int  #: WEB_WORKERS, processes of the web server
    web_threads: int  #: WEB_THREADS, threads in each
    web_pinned: bool  #: WEB_PINNED, each process of the web server keeps to one core
    job_workers: int  #: JOB_WORKERS, RQ worker processes
    lease_seconds: int  #: LEASE_SECONDS, how long work stays with a worker that shows no sign of life
    allow_private: bool  #: ALLOW_PRIVATE_ADDRESSES, let connections reach private and loopback addresses
    sandbox_url: str  #: SANDBOX_URL, our own sandbox server: the one private address that is always allowed
    smtp_url: str  #: SMTP_URL, the mail server for letters to customers; empty = none are sent
    mail_from: str  #: MAIL_FROM, whom these letters are from
    metrics_token: str  #: METRICS_TOKEN, bearer token that opens /metrics to other machines; empty = loopback only

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def secure_cookies(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment. Raises ConfigError with the variable's name and what to write instead."""
    env = os.environ if environ is None else environ
    data_dir = Path(env.get("DATA_DIR") or "data").resolve()
    port = _number(env, "PORT", 8000, 0, 65535)
    host = env.get("HOST") or "127.0.0.1"
    return Settings(
        host=host,
        port=port,
        data_dir=data_dir,
        database_url=_database_url(env, data_dir),
        sqlite_synchronous=_choice(env, "SQLITE_SYNCHRONOUS", "FULL", {"FULL", "NORMAL"}),
        redis_url=env.get("REDIS_URL") or _noted(data_dir / "broker.url"),
        secret_key=env.get("SECRET_KEY") or kept_secret(data_dir / "secret.key", lambda: secrets.token_urlsafe(48)),
        encryption_keys=_encryption_keys(env, data_dir),
        admin_email=env.get("ADMIN_EMAIL", ""),
        admin_password=env.get("ADMIN_PASSWORD", ""),
        public_url=(env.get("PUBLIC_URL") or f"http://{_reachable(host)}:{port}").rstrip("/"),
        log_level=_choice(env, "LOG_LEVEL", "INFO", LOG_LEVELS),
        web_workers=_number(env, "WEB_WORKERS", 2, 1, 64),
        web_threads=_number(env, "WEB_THREADS", 4, 1, 64),
        web_pinned=env.get("WEB_PINNED", "1").lower() in TRUE,
        job_workers=_number(env, "JOB_WORKERS", 2, 1, 64),
        lease_seconds=_number(env, "LEASE_SECONDS", 60, 1, 3600),
        allow_private=env.get("ALLOW_PRIVATE_ADDRESSES", "").lower() in TRUE,
        sandbox_url=env.get("SANDBOX_URL", "").rstrip("/"),
        smtp_url=_smtp_url(env),
        mail_from=_mail_from(env),
        metrics_token=env.get("METRICS_TOKEN", ""),
    )


def _smtp_url(env: Mapping[str, str]) -> str:
    url = env.get("SMTP_URL", "").strip()
    if url and (urlsplit(url).scheme not in ("smtp", "smtps") or not urlsplit(url).hostname):
        raise ConfigError("SMTP_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465")
    return url


def _mail_from(env: Mapping[str, str]) -> str:
    given = env.get("MAIL_FROM", "").strip()
    if env.get("SMTP_URL", "").strip() and ("@" not in given or "\n" in given):
        raise ConfigError("SMTP_URL needs MAIL_FROM, the sender's address: Shop <orders@example.com>")
    return given


def _reachable(host: str) -> str:
    """The address a browser on this machine uses for what HOST listens on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def _database_url(env: Mapping[str, str], data_dir: Path) -> str:
    url = env.get("DATABASE_URL") or f"sqlite:///{data_dir / 'hub.sqlite3'}"
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise ConfigError(f"DATABASE_URL must start with sqlite:/// or postgresql://, not {url.split(':')[0]}:")
    return url


def _encryption_keys(env: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    given = env.get("ENCRYPTION_KEYS") or kept_secret(
        data_dir / "encryption.key", lambda: Fernet.generate_key().decode()
    )
    keys = tuple(key.strip() for key in given.split(",") if key.strip())
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ConfigError("ENCRYPTION_KEYS must hold Fernet keys (32 bytes, URL-safe base64)") from None
    return keys


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file, made on first use. Linked whole: of two starting at once, both read the same one."""
    if path.exists():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(make())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text().strip()


def _noted(path: Path) -> str:
    """What another process of ours left in the file; empty when there is none."""
    return path.read_text().strip() if path.exists() else ""


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _choice(env: Mapping[str, str], name: str, default: str, allowed: set[str]) -> str:
    text = (env.get(name) or default).upper()
    if text not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(sorted(allowed))}, not {text!r}")
    return text
