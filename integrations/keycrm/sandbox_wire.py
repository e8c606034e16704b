"""KeyCRM's form: pages of at most 50, `filter[name]=value`, lists of includes, Laravel's refusals, times in UTC."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox import Refused, Request, Response, answer
from integrations.sandbox_store import Thing

MAX_LIMIT = 50
LIMIT = 15
WRITTEN = "%Y-%m-%d %H:%M:%S"
Filters = dict[str, Callable[[Thing, str], bool]]
Problems = Iterable[tuple[str, str]]


def message(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return answer({"message": text}, status, headers)


def refused(status: int, text: str) -> Refused:
    return Refused(message(status, text))


def invalid(problems: Problems) -> Response:
    """422 with what is wrong, field by field."""
    errors: dict[str, list[str]] = {}
    for field, text in problems:
        errors.setdefault(field, []).append(text)
    more = sum(map(len, errors.values())) - 1
    first = next(iter(errors.values()))[0]
    text = f"{first} (and {more} more error{'s' if more > 1 else ''})" if more else first
    return answer({"message": text, "errors": errors}, 422)


def check(problems: Problems) -> None:
    """Refused with 422 if there are any."""
    found = list(problems)
    if found:
        raise Refused(invalid(found))


def posted(request: Request) -> Thing:
    """The JSON object of the body; what is no object counts as nothing, as with Laravel."""
    try:
        body = json.loads(request.get_data())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


# Times


def stamp(moment: datetime | None = None) -> str:
    """As times are read: `2024-05-28T09:34:10.000000Z`, kept to the second."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def moment(text: Any, *forms: str) -> datetime | None:
    """A time as it is written in requests, taken as UTC; None for anything else."""
    for form in forms or (WRITTEN,):
        try:
            return datetime.strptime(str(text), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


# Lists


def filters(request: Request) -> dict[str, str]:
    return {
        name[7:-1]: value for name, value in request.args.items() if name.startswith("filter[") and name.endswith("]")
    }


def selected(things: Iterable[Thing], given: dict[str, str], known: Filters) -> list[Thing]:
    """What passes the filters; one that isn't known is passed over, as an integrator has found."""
    checks = [(known[name], value) for name, value in given.items() if name in known]
    return [thing for thing in things if all(passes(thing, value) for passes, value in checks)]


def listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()]


def any_of(field: str) -> Callable[[Thing, str], bool]:
    return lambda thing, value: str(thing.get(field)) in listed(value)


def equal(field: str) -> Callable[[Thing, str], bool]:
    return lambda thing, value: str(thing.get(field)) == value


def between(field: str) -> Callable[[Thing, str], bool]:
    """`from, to`, both inclusive; Refused for what isn't two times."""

    def passes(thing: Thing, value: str) -> bool:
        first, last = span(value)
        return first <= str(thing.get(field) or "") <= last

    return passes


def span(value: str) -> tuple[str, str]:
    times = [moment(one.strip(), WRITTEN, "%Y-%m-%d") for one in value.split(",")]
    if len(times) != 2 or None in times:
        raise Refused(invalid([("filter", f"The value {value} is not a period.")]))
    return stamp(times[0]), stamp(times[1])


def ordered(request: Request, things: list[Thing], allowed: Collection[str]) -> list[Thing]:
    """By the parameter `sort`, oldest first without it; 400 for a field that isn't allowed."""
    sort = request.args.get("sort", "id")
    field = sort.removeprefix("-")
    if field not in allowed:
        raise refused(400, f"Requested sort(s) `{field}` is not allowed. Allowed sort(s) are `{'`, `'.join(allowed)}`.")
    return sorted(things, key=lambda thing: (thing[field], thing["id"]), reverse=sort.startswith("-"))


def includes(request: Request, allowed: Collection[str]) -> set[str]:
    """What else is asked for; 400 for what can't be."""
    asked = set(listed(request.args.get("include", "")))
    if strange := sorted(asked - set(allowed)):
        text = f"Requested include(s) `{', '.join(strange)}` are not allowed. Allowed include(s) are"
        raise refused(400, f"{text} `{', '.join(allowed)}`.")
    return asked


def numbers(request: Request) -> tuple[int, int]:
    """(page, limit), checked."""
    given = {name: request.args.get(name, default) for name, default in (("page", "1"), ("limit", str(LIMIT)))}
    top = {"page": 10**9, "limit": MAX_LIMIT}
    check(
        (name, f"The {name} must be between 1 and {top[name]}.")
        for name, value in given.items()
        if not (value.isdecimal() and 1 <= int(value) <= top[name])
    )
    return int(given["page"]), int(given["limit"])


def paged(request: Request, things: Sequence[Any], show: Callable[[Any], Thing] = dict) -> Response:
    """One page of `things` in the envelope of all lists; only what is on it is shown."""
    page, limit = numbers(request)
    last = max(1, -(-len(things) // limit))
    rest = [(name, value) for name, value in request.args.items() if name != "page"]

    def address(number: int) -> str:
        return f"{request.base_url}?{urlencode([*rest, ('page', number)])}"

    return answer(
        {
            "total": len(things),
            "current_page": page,
            "per_page": limit,
            "last_page": last,
            "data": [show(thing) for thing in things[(page - 1) * limit : page * limit]],
            "first_page_url": address(1),
            "last_page_url": address(last),
            "next_page_url": address(page + 1) if page < last else None,
        }
    )
