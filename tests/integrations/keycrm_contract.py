"""KeyCRM's own description of its API as something that calls and answers can be held to.

It isn't ours to keep: it is read where the environment variable CONTRACTS names its folder. Requests are held to it
strictly: no field and no parameter that it doesn't know. Answers may hold more than it says, and null where it forgot
to allow it, as those of the vendor do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import yaml

FILE = Path(os.environ.get("CONTRACTS", "/nonexistent")) / "keycrm" / "keycrm-openapi-1.2.0.yml"
JSON = dict[str, Any]
#: what integrators ask for although the list of includes has only what is inside it
PARENTS = {"products", "shipping", "contact"}


@cache
def described() -> JSON:
    """The vendor's description, slips of calls mended; {} where there is none."""
    if not FILE.exists():
        return {}
    found: JSON = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    paths = found["paths"]
    del _body(paths["/products/categories"]["post"]["requestBody"])["required"]  # the fields of a buyer
    answered = paths["/pipelines/cards/{cardId}"]["get"]["responses"]["200"]["content"]["application/json"]
    answered["schema"] = {"$ref": "#/components/schemas/PipelineCardWithIncludes"}  # it was wrapped as a list is
    listed = _body(paths["/order/product-status"]["get"]["responses"]["200"])["allOf"][1]
    listed["properties"]["data"]["items"] = {"$ref": "#/components/schemas/ProductStatus"}  # it was an order's status
    return found


def _body(said: JSON) -> JSON:
    found: JSON = said["content"]["application/json"]["schema"]
    return found


def operation(method: str, path: str) -> tuple[str, JSON]:
    """(path as described, what is said of the call). KeyError: the vendor has no such call."""
    templates = sorted(described()["paths"], key=lambda one: one.count("{"))
    for template in templates:
        if (
            re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
            and method.lower() in described()["paths"][template]
        ):
            return template, described()["paths"][template][method.lower()]
    raise KeyError(f"{method} {path}")


def schema(said: JSON, strict: bool) -> JSON:
    """Their schema as JSON Schema. Mended: `maximum` of an array (maxItems is meant), `required: true` on a property.
    `strict`: nothing else than what is described; otherwise null is let through everywhere."""
    if "$ref" in said:
        return schema(described()["components"]["schemas"][said["$ref"].rpartition("/")[2]], strict)
    if "allOf" in said:
        return {"allOf": [schema(one, strict) for one in said["allOf"]]}
    made: JSON = {name: said[name] for name in ("enum", "minimum") if name in said}
    kind = said.get("type") or ("object" if "properties" in said else None)
    if kind is None:
        return made
    if kind == "object":
        made |= _object(said, strict)
    if kind == "array":
        made |= {"items": schema(said.get("items") or {}, strict)}
    if "maximum" in said:
        made["maxItems" if kind == "array" else "maximum"] = said["maximum"]
    nullable = said.get("nullable") or not strict
    if nullable and "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made | {"type": [kind, "null"] if nullable else kind}


def _object(said: JSON, strict: bool) -> JSON:
    inner = {name: one for name, one in (said.get("properties") or {}).items() if isinstance(one, dict)}
    listed = said.get("required") if isinstance(said.get("required"), list) else []
    required = {*listed, *(name for name, one in inner.items() if one.get("required") is True)}
    made: JSON = {"properties": {name: schema(one, strict) for name, one in inner.items()}}
    if strict:
        made |= {"required": sorted(required), "additionalProperties": False}
    return made


def wrong_with_request(method: str, url: str, body: Any) -> list[str]:
    parts = urlsplit(url)
    _template, said = operation(method, re.sub(r"^/keycrm(/v1)?", "", parts.path))
    found = [f"{method} {url}: {one}" for one in _query(said, dict(parse_qsl(parts.query, keep_blank_values=True)))]
    content = said.get("requestBody", {}).get("content", {})
    if content:
        checked = jsonschema.Draft202012Validator(schema(content["application/json"]["schema"], strict=True))
        found += [f"{method} {url}: {list(e.path)} {e.message}" for e in checked.iter_errors(body)]
    elif body is not None:
        found.append(f"{method} {url}: a body that nobody wants")
    return found


def _query(said: JSON, query: Mapping[str, str]) -> Iterator[str]:
    given = [
        described()["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p
        for p in said.get("parameters", ())
    ]
    known = {one["name"]: one for one in given if one["in"] == "query"}
    for name, value in query.items():
        inner = re.fullmatch(r"filter\[(\w+)\]", name)
        if inner and "filter" in known:
            if inner[1] not in {key for one in known["filter"]["examples"].values() for key in one["value"]}:
                yield f"no filter {inner[1]}"
        elif name not in known:
            yield f"no parameter {name}"
        elif name == "include":
            allowed = set(re.findall(r"`([\w.]+)`", known[name]["description"])) | PARENTS
            allowed |= {"products.offer"} if "products" in allowed else set()
            yield from (f"no include {one}" for one in value.split(",") if one not in allowed)
        elif name == "sort":
            pass  # the description has examples only
        else:
            yield from (
                e.message for e in jsonschema.Draft202012Validator(known[name]["schema"]).iter_errors(int(value))
            )


def answer_schema(method: str, path: str, status: int) -> JSON | None:
    """What is said of an answer of this status; None where the description has no body for it."""
    _template, said = operation(method, re.sub(r"^/keycrm(/v1)?", "", path))
    content = said["responses"].get(str(status), {}).get("content")
    return schema(content["application/json"]["schema"], strict=False) if content else None
