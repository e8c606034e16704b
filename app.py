"""The hub's web application; `python app.py` runs everything it needs in one process tree."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import redis
from flask import Flask, request, session
from flask_migrate import Migrate
from htmx_flask import Htmx
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.middleware.proxy_fix import ProxyFix

import cli
import config
import integrations
import views
from integrations.http import Policy
from jobs import abilities, deletions, wake
from models import db, reading, use_encryption_keys, use_synchronous
from views import assets, catalogue_files, cookies, imports, kept, security, text

SAFE = ("GET", "HEAD", "OPTIONS")


class Hub(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view and no hook of ours is a coroutine; Flask would ask each of them at every request."""
        return func


def create_app(settings: config.Settings | None = None) -> Flask:
    """The WSGI application for these settings (default: from the environment)."""
    settings = settings or config.load()
    app: Flask = Hub(__name__)
    app.config.update(_flask_settings(settings))
    app.session_interface = cookies.Sessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["policy"] = Policy.for_sandbox(settings.sandbox_url, settings.allow_private)
    app.extensions["broker"] = _broker(settings.redis_url)
    integrations.connectors()  # a malformed connector stops the start with a sentence that names it
    use_encryption_keys(settings.encryption_keys)
    use_synchronous(settings.sqlite_synchronous)
    db.init_app(app)
    Migrate(app, db, directory="migrations", render_as_batch=True, include_object=_ours)
    Htmx(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)  # type: ignore[method-assign]  # Flask's documented way
    app.before_request(_begin)
    app.teardown_request(_end)
    security.init_app(app)
    text.init_app(app)
    assets.init_app(app)
    kept.init_app(app)
    wake.init_app(app)
    deletions.init_app(app)
    abilities.init_app(app)
    views.register(app)
    cli.register(app)
    return app


def _flask_settings(settings: config.Settings) -> dict[str, Any]:
    return {
        "HUB": settings,
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(settings),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,  # it is, as often as views.auth notes that it is in use
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
        "WTF_CSRF_TIME_LIMIT": None,  # a form left open overnight must still save
        "BABEL_TRANSLATION_DIRECTORIES": "translations",
        "SEND_FILE_MAX_AGE_DEFAULT": 31536000,  # static addresses carry the version
    }


def _broker(url: str) -> redis.Redis | None:
    """A broker that is away must cost a page next to nothing: one more try, no waiting in between."""
    if not url:
        return None
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), socket_connect_timeout=2, socket_timeout=10)


def _engine_options(settings: config.Settings) -> dict[str, Any]:
    if settings.is_sqlite:
        return {"connect_args": {"timeout": 15, "check_same_thread": False}}
    # the driver must not prepare on its own: walks and searches need the plan for their term and date (models/prepared)
    return {"pool_size": settings.web_threads + 1, "connect_args": {"prepare_threshold": sys.maxsize}}


def _ours(item: Any, name: str | None, kind: str, _reflected: bool, _compare: Any) -> bool:
    """The search indexes' tables belong to SQLite's FTS5, the indexes to pg_trgm: no business of the models'."""
    searched = ("order_search_fts", "ix_order_search_trigram", "product_search_fts", "ix_products_trigram")
    return not (name or "").startswith(searched)


def _begin() -> None:
    reading.set(request.method in SAFE)
    if reading.get() and "HX-Request" in request.headers and "_user_id" in session:
        wake.revision()  # before the first look at the database, the user's, which would let a kept one do
    uploads = (imports.UPLOAD, catalogue_files.UPLOAD)
    if request.endpoint in uploads and "_user_id" in session:  # before anything looks into the form
        request.max_content_length = imports.LARGEST_REQUEST


def _end(_error: BaseException | None) -> None:
    reading.set(False)


if __name__ == "__main__":
    from ops import supervisor

    sys.exit(supervisor.main(sys.argv[1:]))
