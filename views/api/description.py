"""/api/v1/openapi.json: made of the operations and schemas that requests are checked by."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Response, current_app, jsonify

from orders.outbox import EVENTS

from .blueprint import LARGEST, OPERATIONS, PER_TOKEN, Operation, bp
from .schemas import KEY, SCHEMAS, SCOPE_NAMES, ref

#: every operation may answer so
COMMON = (400, 401, 403, 429)
_PATH_VALUE = {"type": "string", "minLength": 1, "maxLength": 100}
_RATE = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of yours, new for each order. Kept for at least 24 hours.",
    "schema": KEY,
}


@bp.get("/openapi.json")
def openapi() -> Response:
    response = jsonify(document(current_app.config["HUB"].public_url))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@cache
def document(public_url: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for found in OPERATIONS:
        paths.setdefault(found.path, {})[found.method.lower()] = _operation(found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Perron: intake API",
            "version": "1.0.0",
            "description": f"Orders in, orders and products out. {PER_TOKEN.capitalize()} a token; bodies up to "
            f"{LARGEST // 1024} KiB. Scopes: {', '.join(f'{k} ({v})' for k, v in SCOPE_NAMES.items())}.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{public_url}/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "webhooks": {event: _webhook(event) for event in EVENTS},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Settings, API"}},
        },
    }


def _operation(found: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": found.id,
        "summary": found.summary,
        "description": f"Needs the scope `{found.scope}`.",
        "parameters": _parameters(found),
        "responses": _responses(found),
    }
    if found.body:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(found.body)}}}
    return told


def _parameters(found: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", found.path)
    path = [{"name": name, "in": "path", "required": True, "schema": _PATH_VALUE} for name in names]
    query = [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in found.query.items()]
    return path + query + ([_KEY] if found.id == "create_order" else [])


def _responses(found: Operation) -> dict[str, Any]:
    answers = {str(status): _told("Done.", "application/json", name) for status, name in found.answers.items()}
    if "201" in answers:
        location = {"schema": {"type": "string"}, "description": "Where it is read."}
        answers["201"] |= {"description": "Made.", "headers": {"Location": location}}
    for status in sorted({*COMMON, *found.problems}):
        answers[str(status)] = _told("See `detail` and `errors`.", "application/problem+json", "Problem")
    answers["429"]["headers"] = _RATE
    return answers


def _told(description: str, media_type: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": ref(schema)}}}


def _webhook(event: str) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": ref("Event")}}}
    arrived = {"2XX": {"description": "Any of the 200s: the event has arrived."}}
    return {"post": {"summary": event, "security": [], "requestBody": body, "responses": arrived}}
