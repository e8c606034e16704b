"""What all operations of the API share: their list (which is the description too), the token, limits, errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, g, request
from flask_limiter.util import get_remote_address
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from models import db
from orders import tokens, wire
from orders.timeline import Actor

from .. import security
from ..problem_json import Problem, answer, of_http
from . import checking

log = structlog.get_logger()
bp = Blueprint("api", __name__, url_prefix="/api/v1")
LARGEST = 256 * 1024
PER_TOKEN = "300 per minute"  # noqa: S105 - a rate
GUESSES = "60 per minute"  # wrong tokens from one address


@dataclass(frozen=True)
class Operation:
    """One method at one address, as the description tells it and as requests are checked."""

    method: str
    path: str
    view: Callable[..., Any]
    summary: str
    scope: str
    body: str = ""  # name of a schema
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)  # status -> name of a schema
    problems: tuple[int, ...] = ()  # beyond those that all have

    @property
    def id(self) -> str:
        return self.view.__name__


OPERATIONS: list[Operation] = []


def operation(method: str, path: str, **told: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The view answers to this method and path. It is called with the path's values, and `body` and `query` already
    checked where the operation has them; it returns JSON, or (JSON, status) or (JSON, status, headers)."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        found = Operation(method, path, view, summary=(view.__doc__ or "").split("\n")[0], **told)
        OPERATIONS.append(found)
        rule = path.replace("{", "<path:").replace("}", ">")
        bp.add_url_rule(rule, view.__name__, _guarded(found), methods=[method])
        return view

    return register


def _guarded(found: Operation) -> Callable[..., Any]:
    def view(**values: Any) -> Any:
        g.token = _token(found.scope)
        query = checking.parameters(found.query)
        if found.query:
            values["query"] = query
        if found.body:
            values["body"] = checking.body(found.body)
        return found.view(**values)

    return view


def _token(scope: str) -> Any:
    """The token of the request, which has the scope. Raises Problem."""
    kind, _, sent = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(sent.strip()) if kind.lower() == "bearer" else None
    if token is None:
        raise Problem(401, "token", "Send a valid token: Authorization: Bearer perron_…")
    if scope not in token.scopes:
        raise Problem(403, "scope", f"The token lacks the scope {scope}.")
    tokens.note_use(token)
    return token


def actor() -> Actor:
    """Whoever the token stands for, in the order's timeline."""
    return Actor("webhook", f"API: {g.token.name}")


def _limit() -> str:
    return str(current_app.config.get("API_LIMIT", PER_TOKEN))


def _whose() -> str:
    sent = request.headers.get("Authorization", "")
    return f"token:{tokens.digest(sent)}" if sent else f"address:{request.remote_addr}"


def _is_guess(answer: Response) -> bool:
    return answer.status_code == 401


# shared: counted over all operations together
security.limiter.shared_limit(_limit, scope="api", key_func=_whose)(bp)
security.limiter.shared_limit(GUESSES, scope="api-guesses", key_func=get_remote_address, deduct_when=_is_guess)(bp)
security.csrf.exempt(bp)  # no cookie speaks here


@bp.before_request
def _cap() -> None:
    request.max_content_length = LARGEST


@bp.after_request
def _private(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@bp.errorhandler(Problem)
def _problem(problem: Problem) -> Response:
    db.session.rollback()
    return answer(problem)


@bp.errorhandler(wire.Unfit)
def _unfit(error: wire.Unfit) -> Response:
    return _problem(Problem(422, "rules", "The request breaks a rule; nothing was changed.", error.errors))


@bp.errorhandler(HTTPException)
def _http(error: HTTPException) -> Response:
    return of_http(error)


@bp.errorhandler(DataError)
@bp.errorhandler(OverflowError)
def _no_such_value(error: Exception) -> Response:
    """A number or a letter that no column holds."""
    log.warning("value_refused", path=request.path, error=type(error).__name__)
    return _problem(Problem(400, "value", "A value is none that can be stored."))
