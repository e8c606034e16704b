"""JSON-RPC 2.0 over POST (https://www.jsonrpc.org/specification): one address, the method's name in the body, errors
with HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .errors import Unknown
from .rest import RestConnector
from .values import encode, part, text

ID = "perron"
#: codes of the protocol, for `complaint_faults`: the address is no such API's
FAULTS = {r"\(-32700\)|\(-3260[01]\)": ("misconfigured", "api_url")}


class JsonRpc(RestConnector):
    """`ask` and `tell` instead of `call`."""

    rpc_path: ClassVar[str] = "/"  #: where most methods are
    usual_code: ClassVar[str] = "-32602"  #: of errors whose words say it all; any other code is told with them

    def complaint(self, body: Mapping[str, Any]) -> str:
        """`error` is an object with code and message; some give a plain text."""
        error = body.get("error")
        code, words = text(error, "code"), text(error, "message") if part(error) else text(error)
        return f"{words} ({code})" if code not in ("", self.usual_code) else words

    def ask(self, method: str, /, **params: Any) -> Any:
        """The result of a method that changes nothing. Raises VendorError."""
        return self.rpc(self.rpc_path, method, params)

    def tell(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of a method that changes something. Raises VendorError."""
        return self.rpc(self.rpc_path, method, params, safe=False)

    def rpc(self, path: str, method: str, params: Mapping[str, Any], *, safe: bool = True) -> Any:
        asked = encode({"jsonrpc": "2.0", "id": ID, "method": method, "params": params})
        body = self.call("POST", path, content=asked, safe=safe, headers={"Content-Type": "application/json"})
        if "result" not in body or body.get("id") != ID:
            raise Unknown("broken", self.http.redact(f"{method}: no result in the answer"))
        return body["result"]
