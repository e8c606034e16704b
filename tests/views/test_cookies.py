"""A cookie is looked at once; that changes nothing about whom it lets in, for how long and what it holds."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from itsdangerous import BadSignature

from views import cookies

SAID = {"_user_id": "1", "_flashes": [("ok", "Saved.")]}


@pytest.fixture
def serializer() -> cookies._Opened:
    app = Flask("any")
    app.secret_key = "for tests only"
    made = cookies.Sessions()
    assert made.get_signing_serializer(app) is made.get_signing_serializer(app)
    return made.get_signing_serializer(app)


def test_each_request_gets_what_the_cookie_says(serializer: cookies._Opened) -> None:
    cookie = serializer.dumps(SAID)
    first = serializer.loads(cookie, max_age=60)
    assert first == SAID
    first["_flashes"].append(("ok", "Once more."))
    first["token"] = "of another request"
    assert serializer.loads(cookie, max_age=60) == SAID


def test_a_known_cookie_runs_out_too(serializer: cookies._Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = serializer.dumps(SAID)
    now = time.time()
    assert serializer.loads(cookie, max_age=60) == SAID
    for later in (62, -2):  # a clock that was set back is no reason to trust it
        monkeypatch.setattr(cookies, "time", lambda later=later: now + later)
        with pytest.raises(BadSignature):
            serializer.loads(cookie, max_age=60)


def test_a_cookie_that_somebody_changed_is_never_known(serializer: cookies._Opened) -> None:
    cookie = serializer.dumps(SAID)
    assert serializer.loads(cookie, max_age=60) == SAID
    for forged in (cookie[:-2] + "xx", "x" + cookie, cookie.replace(".", "", 1), ""):
        for _ in range(2):
            with pytest.raises(BadSignature):
                serializer.loads(forged, max_age=60)
