"""RetailCRM's form: PHP brackets in names, JSON inside form fields, one shape for refusals, numbered pages."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from integrations.sandbox import Refused, Request, Response, answer
from integrations.sandbox_store import Thing

ENTITY = "Errors in the entity format"
INPUT = "Errors in the input parameters"
LIMITS = (20, 50, 100)
Filters = dict[str, Callable[[Thing, Any], bool]]


def refusal(status: int, text: str, errors: Any = None) -> Response:
    body: Thing = {"success": False, "errorMsg": text}
    return answer(body if errors is None else body | {"errors": errors}, status)


def refused(status: int, text: str, errors: Any = None) -> Refused:
    return Refused(refusal(status, text, errors))


def nested(pairs: Iterable[tuple[str, str]]) -> Thing:
    """`filter[ids][]=1` as PHP reads it: {"filter": {"ids": {"0": "1"}}}."""
    result: Thing = {}
    for name, value in pairs:
        head, _, rest = name.partition("[")
        parts = [head, *re.findall(r"([^\[\]]*)\]", rest)]
        place = result
        for part in parts[:-1]:
            inner = place.setdefault(part or str(len(place)), {})
            if not isinstance(inner, dict):
                raise refused(400, INPUT, {name: "This value is not valid."})
            place = inner
        place[parts[-1] or str(len(place))] = value
    return result


def query(request: Request) -> Thing:
    return nested(request.args.items(multi=True))


def filters(request: Request) -> Thing:
    """The `filter` part of the query."""
    given = query(request).get("filter") or {}
    if not isinstance(given, dict):
        raise refused(400, INPUT, {"filter": "This value is not valid."})
    return given


def listed(value: Any) -> list[str]:
    """The values of a repeated parameter."""
    if value is None:
        return []
    return [str(one) for one in value.values()] if isinstance(value, dict) else [str(value)]


def posted(request: Request, name: str, kind: type = dict) -> Any:
    """The JSON of a form field. Refused when it is missing (a raw JSON body has no fields), or holds something else."""
    text = request.fields.get(name)
    if text is None:
        raise refused(400, f"Parameter '{name}' is missing")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise refused(400, INPUT, {name: "This value is not valid."})
    return value


def selected(things: Iterable[Thing], given: Thing, known: Filters) -> list[Thing]:
    """Things that pass every filter given. Refused on a filter that isn't known: ignoring it would give too many."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise refused(400, INPUT, {f"filter.{name}": "This field is not expected." for name in unknown})
    return [thing for thing in things if all(known[name](thing, value) for name, value in given.items())]


def paged(request: Request, things: list[Thing], more_limits: tuple[int, ...] = ()) -> tuple[list[Thing], Thing]:
    """One page and the `pagination` block. Refused on a limit that isn't offered."""
    limit, page = request.args.get("limit", "20"), request.args.get("page", "1")
    allowed = (*LIMITS, *more_limits)
    if limit not in map(str, allowed):
        raise refused(400, INPUT, {"limit": f"This value should be one of {', '.join(map(str, allowed))}."})
    if not page.isdecimal() or int(page) < 1:
        raise refused(400, INPUT, {"page": "This value should be 1 or more."})
    size, number = int(limit), int(page)
    pages = -(-len(things) // size) or 1
    block = {"limit": size, "totalCount": len(things), "currentPage": number, "totalPageCount": pages}
    return things[(number - 1) * size : number * size], block


def any_of(field: str) -> Callable[[Thing, Any], bool]:
    return lambda thing, value: str(thing.get(field)) in listed(value)


def equal(field: str) -> Callable[[Thing, Any], bool]:
    return lambda thing, value: str(thing.get(field)) == str(value)


def since(field: str) -> Callable[[Thing, Any], bool]:
    return lambda thing, value: str(thing.get(field) or "") >= str(value)


def until(field: str) -> Callable[[Thing, Any], bool]:
    return lambda thing, value: str(thing.get(field) or "") <= str(value)
