"""The sandboxes' WSGI application: the vendors, a page for people at `/`, and the controls at `/_control/…`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from jinja2 import Environment, FileSystemLoader

from integrations.sandbox import FAULT_KINDS, TOKENS, Request, Response, Sandbox, answer
from integrations.sandbox_store import Thing

HERE = Path(__file__).parent
POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'"}


class ControlError(Exception):
    """A control was asked for something it can't do; the text says what."""


class SandboxApp:
    """Dispatches `/<key>/…` to vendors. `latency` (seconds) is added to every vendor answer."""

    def __init__(self, vendors: dict[str, Sandbox]) -> None:
        self.vendors = vendors
        self.latency = 0.0
        self._pages = Environment(loader=FileSystemLoader(HERE), autoescape=True)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        first, _, rest = request.path.lstrip("/").partition("/")
        if first in self.vendors:
            response = self._vendor(self.vendors[first], request, f"/{rest}")
        elif first == "_control":
            response = self._control(request, rest.rstrip("/"))
        elif first == "sandbox.css":
            response = Response((HERE / "sandbox.css").read_bytes(), mimetype="text/css", headers=POLICY)
        elif not first:
            response = self._page("sandbox.html", {"vendors": self.vendors.values(), "tokens": TOKENS, "app": self})
        else:
            response = answer({"error": "No sandbox here"}, 404)
        return response(environ, start_response)

    def _vendor(self, vendor: Sandbox, request: Request, path: str) -> Response:
        page = vendor.page(path) if request.method == "GET" else None
        if page:
            return self._page(*page)
        return vendor.respond(request, path, self.latency)

    def _page(self, template: str, values: Thing) -> Response:
        html = self._pages.get_template(template).render(values)
        return Response(html, 404 if values.get("missing") else 200, mimetype="text/html", headers=POLICY)

    def _control(self, request: Request, path: str) -> Response:
        if _from_elsewhere(request):
            return answer({"error": "Controls take no requests from other sites"}, 403)
        is_form = request.mimetype == "application/x-www-form-urlencoded"
        try:
            result = self._do(request.method, path, _posted(request))
        except ControlError as problem:
            return answer({"error": str(problem)}, 400)
        if is_form:
            return Response("", 303, {"Location": _page_of(request)})
        return answer(result)

    def _do(self, method: str, path: str, posted: Thing) -> Thing:
        if path == "latency":
            self.latency = _number(posted, "ms") / 1000
            return {"ms": self.latency * 1000}
        key, _, verb = path.partition("/")
        vendor = self.vendors.get(key)
        if vendor is None:
            raise ControlError(f"No sandbox {key!r}")
        if verb in vendor.controls:
            try:
                return cast(Thing, getattr(vendor, vendor.controls[verb])(posted))
            except (KeyError, ValueError) as problem:
                raise ControlError(f"{verb}: {problem}") from problem
        actions = {"faults": _faults, "state": _state, "reset": _reset, "rate": _rate, "accounts": _accounts}
        if verb not in actions:
            raise ControlError(f"No control {verb!r}")
        return actions[verb](vendor, method, posted)


def _from_elsewhere(request: Request) -> bool:
    """Whether a browser sends this for a page of another site."""
    origin = request.headers.get("Origin")
    return bool(origin) and urlsplit(origin or "").netloc != request.host


def _page_of(request: Request) -> str:
    """The page of ours that the form stood on."""
    came = urlsplit(request.headers.get("Referer", ""))
    return came.path if came.netloc == request.host and not came.path.startswith("//") else "/"


def _posted(request: Request) -> Thing:
    if request.mimetype == "application/x-www-form-urlencoded":
        return {name: _plain(value) for name, value in request.fields.items()}
    text = request.get_data(as_text=True)
    try:
        posted = json.loads(text) if text else {}
    except ValueError:
        raise ControlError("The body is not JSON") from None
    if not isinstance(posted, dict):
        raise ControlError("The body must be a JSON object")
    return posted


def _plain(value: str) -> Any:
    """Form text as the JSON value it stands for; anything else stays text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _number(posted: Thing, name: str) -> float:
    value = posted.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ControlError(f"{name} must be a number, 0 or more")
    return value


def _faults(vendor: Sandbox, method: str, posted: Thing) -> Thing:
    if method == "DELETE" or posted.get("kind") == "none":
        vendor.clear_faults()
    elif method == "POST":
        if posted.get("kind") not in FAULT_KINDS:
            raise ControlError(f"kind must be one of {', '.join(FAULT_KINDS)}")
        posted = {"times": 1, "seconds": 2.0, **posted}
        more: Thing = {"seconds": _number(posted, "seconds")}
        if posted.get("retry_after") is not None:
            more["retry_after"] = int(_number(posted, "retry_after"))
        vendor.fault(posted["kind"], int(_number(posted, "times")), str(posted.get("path") or ""), **more)
    return {"faults": vendor.state()["faults"]}


def _state(vendor: Sandbox, method: str, posted: Thing) -> Thing:
    return vendor.state()


def _reset(vendor: Sandbox, method: str, posted: Thing) -> Thing:
    vendor.reset()
    return vendor.state()


def _rate(vendor: Sandbox, method: str, posted: Thing) -> Thing:
    per_second = posted.get("per_second")
    vendor.set_rate(None if per_second is None else int(_number(posted, "per_second")))
    return {"per_second": per_second}


def _accounts(vendor: Sandbox, method: str, posted: Thing) -> Thing:
    """Change the options of one account: {"token": …, "expired": true, "denied": ["orders"], …}."""
    account = vendor.accounts.get(str(posted.get("token")))
    if account is None:
        raise ControlError(f"token must be one of {', '.join(TOKENS)}")
    with vendor.lock:
        account.options.update({name: value for name, value in posted.items() if name != "token"})
        account.note_options()
        return {"token": account.token, "options": account.options}
