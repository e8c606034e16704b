"""Where vendors post their notices: /hooks/<connection>/<secret>. Checked, stored, answered; jobs do the rest."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, abort, request

from integrations.errors import Refused
from jobs import hooks, inbox
from models import only_reading

from . import security

log = structlog.get_logger()
bp = Blueprint("hooks", __name__, url_prefix="/hooks")
security.csrf.exempt(bp)

MAX_BODY = 256 * 1024
#: only what is refused counts: a vendor whose staff change a thousand orders tells so a thousand times
REFUSALS = security.limiter.limit("600 per minute", scope="refused notices")
STATUSES = {"credentials": 403, "validation": 400}


@bp.post("/<int:connection_id>/<secret>")
@bp.post("/<int:connection_id>/<secret>/<event>")
def receive(connection_id: int, secret: str, event: str = "") -> Any:
    """`event` is for vendors that want an address for each kind of news; what came says itself what it is."""
    request.max_content_length = MAX_BODY
    body = request.get_data(cache=False)
    with only_reading():
        found = hooks.find(connection_id, secret)
    if found is None:
        with REFUSALS:
            abort(404)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        reply = inbox.receive(found, headers, body)
    except Refused as refusal:
        log.warning("notice_refused", connection=connection_id, fault=refusal.fault, reason=refusal.detail)
        with REFUSALS:
            return Response(refusal.fault, STATUSES.get(refusal.fault, 400), mimetype="text/plain")
    return Response(reply.body, reply.status, reply.headers, mimetype="text/plain")
