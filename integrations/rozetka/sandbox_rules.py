"""How the Rozetka sandbox reads requests, checks them and shows what it stores."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from integrations.rozetka import sandbox_data as data
from integrations.rozetka.sandbox_invent import ZONE
from integrations.sandbox import Refused, Request, Response, answer
from integrations.sandbox_store import Thing

Test = Callable[[Thing], bool]
PAGE = 20
MAX_PAGE = 100
NAMES = {
    1001: "required_parameter", 1002: "incorrect_data_format", 1004: "incorrect_username_password",
    1005: "check_correctness_of_data", 1010: "access_denied", 1019: "entity_not_found",
    1020: "incorrect_username_pasword", 1031: "model_cannot_be_saved", 1404: "model_not_found", 5404: "not_found",
    5503: "technical_maintenance", 6001: "session_expired", 0: "server_error",
}  # fmt: skip
#: query values of `types` -> which orders
TYPES: dict[int, Test] = {
    1: lambda order: True,
    2: lambda order: order["status_group"] == 1,
    3: lambda order: order["status_group"] == 2,
    4: lambda order: order["status"] in (1, 52),
    5: lambda order: order["status"] in data.DELIVERING,
    6: lambda order: order["status_group"] == 3,
}
FLAT = (
    *("user", "delivery", "purchases", "payment", "payment_type", "payment_type_name", "status_payment", "is_promo"),
    *("payment_method_id", "payment_type_title"),
)


def failure(code: int, details: Any = None, status: int = 200) -> Response:
    """A failure comes as HTTP 200, but for a few: `errors` is one object, or a list where fields are named."""
    error = {"message": NAMES[code], "code": code}
    if isinstance(details, list):
        return answer({"success": False, "errors": [error | {"details": details}]}, status)
    return answer({"success": False, "errors": error | {"description": details or NAMES[code]}}, status)


def refuse(code: int, details: Any = None) -> Refused:
    return Refused(failure(code, details))


def content(found: Any) -> Response:
    return answer({"success": True, "content": found})


def posted(request: Request) -> Thing:
    body = request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def group_of(status: int) -> int:
    return 3 if status in data.FAILED else 2 if status in (6, 87, 68) else 1


def _number(request: Request, name: str, default: int) -> int:
    given = request.args.get(name)
    if given is None:
        return default
    if not given.isdecimal():
        raise ValueError(name)
    return int(given)


def _moment(request: Request, name: str) -> float | None:
    given = request.args.get(name)
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE).timestamp()
    except ValueError:
        raise ValueError(name) from None


def order_tests(request: Request) -> list[Test]:
    """Raises ValueError with the name of a parameter that can't be read."""
    if "type" in request.args and "types" in request.args:
        raise ValueError("types")
    kind, kinds = _number(request, "type", 1), _number(request, "types", 0)
    if kind not in (1, 2, 3) or kinds not in (0, *TYPES):
        raise ValueError("types" if kinds else "type")
    # without either, only what is in work
    tests = [TYPES[kinds]] if kinds else [lambda order: order["status_group"] == kind]
    tests += [_equals(name, _number(request, name, 0)) for name in ("id", "status") if name in request.args]
    if "is_fulfillment" in request.args:
        tests.append(lambda order: order["is_fulfillment"] == (request.args["is_fulfillment"] in ("1", "true")))
    for name in ("changed", "created"):
        since, until = _moment(request, f"{name}_from"), _moment(request, f"{name}_to")
        tests.append(_between(f"_{name}", since or 0.0, until or float("inf")))
    return tests


def _equals(name: str, wanted: int) -> Test:
    return lambda order: bool(order[name] == wanted)


def _between(name: str, since: float, until: float) -> Test:
    """Times are told in whole seconds."""
    return lambda order: since <= int(order[name]) <= until


def page(request: Request, found: list[Thing], size: int = PAGE) -> tuple[list[Thing], Thing]:
    """One page and its `_meta`. A page beyond the last is the last one again, as the framework has it."""
    pages = -(-len(found) // size)
    at = max(1, min(_number(request, "page", 1), pages))
    meta = {"totalCount": len(found), "pageCount": pages, "currentPage": at, "perPage": size}
    return found[(at - 1) * size : at * size], meta


def goods_size(request: Request) -> int:
    return max(1, min(_number(request, "pageSize", PAGE), MAX_PAGE))


def ordered(request: Request, found: list[Thing]) -> list[Thing]:
    by = request.args.get("sort", "-id")
    name = by.lstrip("-")
    if name not in ("id", "changed", "created", "status"):
        raise ValueError("sort")
    return sorted(found, key=lambda thing: (thing[name], thing["id"]), reverse=by.startswith("-"))


def steps(status: int) -> list[Thing]:
    return [
        {"id": status * 100 + n, "parent_id": status, "child_id": child, "delivery_type": 0, "market_group": 0}
        for n, child in enumerate(data.STEPS.get(status, ()))
    ]


def status_row(status: int, request: Request) -> Thing:
    name = data.STATUSES[status]
    return {
        "id": status,
        "name": name,
        "name_uk": name,
        "name_en": name,
        "status_group": group_of(status),
        "status": int(status not in data.BLOCKED),
        "color": "#221F1F",
        "title": name,
    }


def shown(order: Thing, request: Request) -> Thing:
    """An order as far as `expand` asks for it."""
    public = {name: value for name, value in order.items() if not name.startswith("_")}
    wanted = set(request.args.get("expand", "").split(","))
    public |= {name: order["_more"][name] for name in FLAT if name in wanted}
    if "payment_type" in wanted:
        public |= {name: order["_more"][name] for name in ("payment_method_id", "payment_type_title")}
    if "status_available" in wanted:
        public["status_available"] = steps(order["status"])
    if "status_available_detailed" in wanted:
        rows = steps(order["status"])
        public["status_available_detailed"] = [row | {"name": data.STATUSES[row["child_id"]]} for row in rows]
    if "status_data" in wanted:
        public["status_data"] = status_row(order["status"], request)
    return public


def change_problem(order: Thing, body: Thing) -> Response | None:
    """Why PUT orders/{id} can't give the order this status."""
    wanted, ttn = body.get("status"), body.get("ttn")
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted not in data.STATUSES:
        return failure(1001 if wanted is None else 1002, ["status"])
    if wanted != order["status"] and wanted not in data.STEPS.get(order["status"], ()):
        return failure(1005, "Наступний статус недоступний")
    if order["is_fulfillment"] and ttn:
        return failure(1005, "ТТН фулфілмент-замовлення створює ROZETKA")
    missing = {
        "ttn": wanted in data.NEEDS_TTN and not (ttn or order["ttn"]),
        "duplicate_order_id": wanted == 49 and not isinstance(body.get("duplicate_order_id"), int),
    }
    names = [name for name, is_missing in missing.items() if is_missing]
    return failure(1001, names) if names else None


def stock_problem(goods: Thing | None, row: Thing) -> list[str]:
    """Why a row of items/mass-update can't be taken."""
    if goods is None:
        return ["Товар не знайдено"]
    if goods["sync_source"]["availability"] != 4:
        return ["Товар оновлюється за прайс-листом"]
    given = [row[name] for name in ("price", "stock_quantity") if name in row]
    if not given:
        return ["Необхідно передати price або stock_quantity"]
    whole = all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in given)
    return [] if whole else ["Некоректне значення"]
