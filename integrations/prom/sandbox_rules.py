"""How the Prom sandbox reads requests, checks them and shows what it stores. Keys that begin with `_` stay inside."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from integrations.prom import sandbox_data as data
from integrations.sandbox import Refused, Request, answer
from integrations.sandbox_store import Thing

Test = Callable[[Thing], bool]
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
EDITABLE = ("price", "quantity_in_stock", "status", "name", "sku", "description", "minimum_order_quantity", "discount")
STATUS_NAMES = {row[0]: {"uk": row[2], "ru": row[3]} for row in data.STATUSES}
OPTION_NAMES = {row[0]: {"uk": row[1], "ru": row[2]} for row in (*data.PAYMENTS, *data.DELIVERIES)}


class Invalid(Refused):
    """The request can't be read; the text tells why."""

    def __init__(self, text: str) -> None:
        super().__init__(answer({"error": text}, 400))


def language(request: Request) -> str:
    """`X-LANGUAGE`: uk unless ru is asked for."""
    return "ru" if request.headers.get("X-LANGUAGE", "").lower().startswith("ru") else "uk"


def json(request: Request) -> Any:
    """The posted JSON; {} when it is none."""
    return request.get_json(force=True, silent=True) or {}


def number(request: Request, name: str, default: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise Invalid(f"{name}: a positive number is expected")
    return int(text)


def moment(request: Request, name: str) -> float | None:
    """A time in the query as seconds since 1970; without a zone it is UTC."""
    text = request.args.get(name)
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name}: a time such as 2015-04-28T12:50:34 is expected") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def between(request: Request, name: str, field: str) -> list[Test]:
    """Tests for `<name>_from` and `<name>_to` on the stored time `field`; both ends belong to the range."""
    since, until = moment(request, f"{name}_from"), moment(request, f"{name}_to")
    tests: list[Test] = []
    if since is not None:
        tests.append(lambda thing: thing[field] >= since)
    if until is not None:
        tests.append(lambda thing: thing[field] <= until)
    return tests


def order_filters(request: Request) -> list[Test]:
    status = request.args.get("status")
    tests = [*between(request, "date", "_created"), *between(request, "last_modified", "_modified")]
    if status:
        tests.append(lambda order: order["status"] == status)
    return tests


def newest(table: dict[int, Thing], last_id: int | None, limit: int) -> Iterator[Thing]:
    """Up to `limit` things, ids descending from `last_id`, which is included."""
    ids = sorted(table, reverse=True)
    return islice((table[one] for one in ids if last_id is None or one <= last_id), limit)


def listing(request: Request, table: dict[int, Thing], tests: list[Test]) -> list[Thing]:
    """One page of a list call: `limit`, `last_id` (inclusive), `sort_dir`. Invalid on what can't be read."""
    limit = min(number(request, "limit", DEFAULT_LIMIT), MAX_LIMIT)
    last = number(request, "last_id", max(table, default=0))
    ids = sorted((one for one in table if one <= last), reverse=request.args.get("sort_dir", "desc") != "asc")
    matching = (table[one] for one in ids if all(test(table[one]) for test in tests))
    return list(islice(matching, limit))


def shown(order: Thing, lang: str) -> Thing:
    """An order as the API shows it, names in the language asked for."""
    public = {name: value for name, value in order.items() if not name.startswith("_")}
    public["status_name"] = STATUS_NAMES.get(order["status"], {}).get(lang, order["status"])
    for field in ("payment_option", "delivery_option"):
        option = order.get(field)
        if option and lang == "ru" and option["id"] in OPTION_NAMES:
            public[field] = option | {"name": OPTION_NAMES[option["id"]][lang]}
    public["products"] = [line | {"name": _name(line, lang)} for line in order["products"]]
    return public


def product(thing: Thing, lang: str) -> Thing:
    public = {name: value for name, value in thing.items() if not name.startswith("_")}
    return public | {"name": _name(thing, lang)}


def _name(thing: Thing, lang: str) -> str:
    names: dict[str, str] = thing.get("name_multilang") or {}
    return names.get(lang) or str(thing["name"])


def status_problem(body: Any) -> str | None:
    """Why `orders/set_status` can't take this body."""
    if not isinstance(body, dict) or not isinstance(body.get("ids"), list) or not body["ids"]:
        return "ids: a list of order numbers is required"
    if not all(isinstance(one, int) for one in body["ids"]):
        return "ids: order numbers must be integers"
    if body.get("status") not in STATUS_NAMES:
        return "status: unknown status"
    return _reason_problem(body) if body["status"] == "canceled" else None


def _reason_problem(body: Thing) -> str | None:
    reason = body.get("cancellation_reason")
    if not reason:
        return "cancellation_reason is required"
    if reason not in data.REASONS:
        return "cancellation_reason: unknown reason"
    if reason in data.REASONS_WITH_TEXT and not str(body.get("cancellation_text") or "").strip():
        return "cancellation_text is required for this reason"
    return None


def product_problem(row: Thing) -> str | None:
    """Why a row of `products/edit` can't be taken."""
    checks: dict[str, Callable[[Any], bool]] = {
        "price": lambda value: _is_number(value) and value > 0,
        "quantity_in_stock": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "presence": lambda value: value in data.PRESENCES,
        "status": lambda value: value in data.PRODUCT_STATUSES,
        "name": lambda value: isinstance(value, str) and bool(value.strip()),
    }
    wrong = [name for name, check in checks.items() if name in row and not check(row[name])]
    return f"Invalid value of {', '.join(wrong)}" if wrong else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def edited(thing: Thing, row: Thing) -> Thing:
    """The product after an edit. Availability moves only together with `presence_sure`."""
    changed = thing | {name: row[name] for name in EDITABLE if name in row}
    if "presence" in row and row.get("presence_sure") is True:
        changed["presence"] = row["presence"]
        changed["in_stock"] = row["presence"] == "available"
    if "name" in row:
        changed["name_multilang"] = thing["name_multilang"] | {"uk": row["name"]}
    changed["_modified"] = datetime.now(UTC).timestamp()
    return changed
