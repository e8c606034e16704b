"""Who is there and what they may do: sessions, roles, CSRF, rate limits, headers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from typing import Any

import structlog
from flask import Flask, abort, current_app, render_template, request, session
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_talisman import Talisman
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from jobs import wake
from models import Prepared, Shown, User, UserSession, attached, db, note_shown, utcnow

from . import problem_json

log = structlog.get_logger()
csrf = CSRFProtect()


class _Limiter(Limiter):
    """The app as a whole has no limits, and views with limits of their own ask for themselves. So what is looked for
    before a request are those of its blueprint: where there are none, looking is a twentieth of a page."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not in_middleware or self._has_limits(request.blueprint):
            super()._check_request_limit(callable_name, in_middleware)

    @cache  # noqa: B019 - one limiter, and the blueprints that there are
    def _has_limits(self, blueprint: str | None) -> bool:
        return bool(self.limit_manager.blueprint_limits(current_app, blueprint or ""))


limiter = _Limiter(get_remote_address, default_limits=[], in_memory_fallback_enabled=True)
login_manager = LoginManager()
login_manager.login_view = "auth.login"
login_manager.login_message = ""  # the page that it leads to says it itself, in the reader's language

SESSION_DAYS = 30
#: blueprints that need no login: their views check for themselves
OPEN = {"auth", "health", "static", "completion", "buy", "hooks", "pay", "api", "order_forms", None}
#: blueprints of what users set up for themselves: viewers may post there; what is everybody's the views refuse them
OWN = {"account", "notices", "orders_views"}
CSP = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def init_app(app: Flask) -> None:
    hub = app.config["HUB"]
    csrf.init_app(app)
    app.config["RATELIMIT_STORAGE_URI"] = hub.redis_url or "memory://"
    app.config["RATELIMIT_HEADERS_ENABLED"] = True
    limiter.init_app(app)
    login_manager.init_app(app)
    Talisman(
        app,
        force_https=False,  # TLS ends at the proxy; PUBLIC_URL decides about cookies
        strict_transport_security=hub.secure_cookies,
        session_cookie_secure=hub.secure_cookies,
        content_security_policy=CSP,
        referrer_policy="same-origin",
    )
    app.before_request(_require_login)
    app.register_error_handler(CSRFError, _csrf_failed)
    app.register_error_handler(HTTPException, _explain)
    for error in (OverflowError, DataError):
        app.register_error_handler(error, _no_such_value)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def start_session(user: User) -> None:
    """Log the user in on this device; the caller commits."""
    session.clear()
    token = secrets.token_urlsafe(32)
    agent = (request.user_agent.string or "")[:300]
    db.session.add(
        UserSession(user_id=user.id, token_hash=digest(token), address=request.remote_addr or "", agent=agent)
    )
    login_user(user)
    session["token"] = token
    session.permanent = True


def end_session() -> None:
    """Log out here; the caller commits."""
    if row := current_session():
        row.revoked_at = utcnow()
    logout_user()
    session.clear()


def current_session() -> UserSession | None:
    token = session.get("token")
    if not token:
        return None
    query = db.select(UserSession).where(UserSession.token_hash == digest(token), UserSession.revoked_at.is_(None))
    return db.session.scalar(query)


_SIGNED_IN = Prepared(
    db.select(*User.__table__.c, UserSession.__table__.c.created_at.label("since"), Shown().label("shown"))
    .join(UserSession.__table__, UserSession.__table__.c.user_id == User.__table__.c.id)
    .where(UserSession.__table__.c.token_hash == db.bindparam("token"), UserSession.__table__.c.revoked_at.is_(None)),
    same_plan=True,
)


@login_manager.user_loader
def _load_user(user_id: str) -> User | None:
    token = session.get("token")
    found = _SIGNED_IN.rows(token=digest(token)) if token else []
    if not found or found[0].since < utcnow() - timedelta(days=SESSION_DAYS):
        return None
    values = found[0]._asdict()
    del values["since"], values["shown"]
    note_shown(found[0].shown)
    user = attached(User, values)
    return user if str(user.id) == user_id and user.active else None


def _require_login() -> Any:
    if request.blueprint in OPEN and (request.endpoint is None or request.blueprint or request.endpoint == "static"):
        return None
    if not current_user.is_authenticated:
        return login_manager.unauthorized()
    wake.revision()  # before the page looks at what it shows: what changes after that is news to it
    if request.method not in ("GET", "HEAD", "OPTIONS") and not current_user.can_edit and request.blueprint not in OWN:
        abort(403)
    return None


def staff_only() -> None:
    """Before each request of a blueprint that viewers see nothing of."""
    if current_user.is_authenticated and not current_user.can_edit:
        abort(403)


def owner_only(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view is for owners: users, connections' secrets, removal."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated or not current_user.is_owner:
            abort(403)
        return view(*args, **kwargs)

    return guarded


def _csrf_failed(error: CSRFError) -> tuple[str, int]:
    return render_template("errors/csrf.html", error=error), 400


def _explain(error: HTTPException) -> Any:
    code = error.code or 500
    if code < 400:
        return error
    if request.path.startswith("/api/"):  # addresses that no blueprint has
        return problem_json.of_http(error)
    known = code if code in (400, 403, 404, 429, 500) else 400 if code < 500 else 500
    reason = _("What you sent is too large for the hub. Nothing was changed.") if code == 413 else None
    return render_template(f"errors/{known}.html", error=error, reason=reason), code


def _no_such_value(error: Exception) -> Any:
    """A number or a letter that no column holds (2⁶³, NUL): SQLite's driver and PostgreSQL refuse it."""
    db.session.rollback()
    log.warning("value_refused", path=request.path, error=type(error).__name__)
    return render_template("errors/400.html", error=error), 400
