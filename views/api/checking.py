"""Requests held against their schemas; what doesn't fit is said field by field, with the cure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from flask import request
from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError

from ..problem_json import Problem
from .schemas import SCHEMAS

formats = FormatChecker(formats=())


@formats.checks("date-time")
def _is_time(value: Any) -> bool:
    """RFC 3339: with a zone."""
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].{5,40}", value):
        return False
    try:
        return datetime.fromisoformat(value.upper()).tzinfo is not None
    except ValueError:
        return False


@lru_cache(maxsize=200)
def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Any:
    """As ECMAScript reads it: `$` is the end of the text, not a newline before it."""
    if isinstance(value, str) and not _whole(pattern).search(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator: Any = validators.extend(Draft202012Validator, {"pattern": _pattern})


@cache
def _validator(name: str) -> Any:
    return _Validator(SCHEMAS[name], format_checker=formats)


def body(name: str) -> Any:
    """The request's JSON, which fits the schema of this name. Raises Problem."""
    if not request.is_json:
        raise Problem(415, "media-type", "Send JSON, with the header Content-Type: application/json.")
    found = _parsed(request.get_data())
    if errors := [(_pointer(e), cure(e)) for e in _leaves(_validator(name).iter_errors(found))]:
        raise Problem(400, "schema", "The body does not fit the schema; nothing was changed.", errors[:50])
    return found


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    return bool(_Validator(schema, format_checker=formats).is_valid(value))


def _parsed(raw: bytes) -> Any:
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair fits in no database
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem(400, "json", f"The body is not JSON in UTF-8{where}.") from None
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _leaves(errors: Any) -> list[ValidationError]:
    return sorted(errors, key=lambda e: [str(part) for part in e.absolute_path])


def _pointer(error: ValidationError) -> str:
    """Of the field itself, where one is missing or too many."""
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        path += [name for name in error.validator_value if name not in error.instance][:1]
    elif error.validator == "additionalProperties" and error.validator_value is False:
        path += sorted(set(error.instance) - set(error.schema["properties"]))[:1]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


_CURES = {
    "required": lambda e: "Send this field.",
    "additionalProperties": lambda e: f"There is no such field. Known are: {', '.join(e.schema['properties'])}.",
    "type": lambda e: f"Send {_a(e.validator_value)}.",
    "enum": lambda e: f"Use one of: {', '.join(map(str, e.validator_value))}.",
    "maxLength": lambda e: f"Use at most {e.validator_value} characters.",
    "minLength": lambda e: "Fill this in.",
    "maximum": lambda e: f"Use at most {e.validator_value}.",
    "minimum": lambda e: f"Use at least {e.validator_value}.",
    "maxItems": lambda e: f"Send at most {e.validator_value}.",
    "minItems": lambda e: f"Send at least {e.validator_value}.",
    "maxProperties": lambda e: f"Send at most {e.validator_value}.",
    "anyOf": lambda e: "Send a phone or an e-mail.",
    "format": lambda e: "Use a time with its zone, such as 2026-01-31T12:00:00Z.",
}


def cure(error: ValidationError) -> str:
    """What to do, in a sentence."""
    made = _CURES.get(str(error.validator))
    if made is not None:
        return made(error)
    examples = error.schema.get("examples") if isinstance(error.schema, Mapping) else None
    return f"Write it as {examples[0]}." if examples else f"Use what matches {error.validator_value}."


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aio' else 'a'} {kind}"


def parameters(known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The query's parameters, which fit their schemas. Raises Problem."""
    errors: list[tuple[str, str]] = []
    found: dict[str, Any] = {}
    for name, texts in request.args.lists():
        if name not in known:
            errors.append((name, f"There is no such parameter. Known are: {', '.join(known) or 'none'}."))
            continue
        schema = known[name]
        value: Any = texts[-1]
        if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]{1,9}", value):
            value = int(value)
        problems = list(_Validator(schema, format_checker=formats).iter_errors(value))
        errors += [(name, cure(error)) for error in problems[:1]]
        found[name] = value
    if errors:
        raise Problem(400, "parameters", "The query's parameters can't be used.", errors)
    return found
