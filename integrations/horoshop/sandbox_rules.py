"""How the Horoshop sandbox reads what it is asked, and what it refuses."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from integrations.horoshop import sandbox_data as data
from integrations.horoshop.sandbox_invent import ZONE
from integrations.sandbox import Request, Response, answer

Thing = dict[str, Any]
Test = Callable[[Thing], bool]
MOST = 500
FORMATS = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y-%m-%d", "%d.%m.%Y")
_INDEXED = re.compile(r"^(\w+)\[\d*\]$")
EDITABLE = ("title", "price", "price_old", "presence", "display_in_showcase", "gtin", "brand", "description")
SHORTER = ("quantity", "residues", "images", "parent", "parent_article", "currency", "article")
ALWAYS = ("article", "parent_article", "parent")


class Wrong(Exception):
    """What was asked can't be read: status ERROR with these words."""


def envelope(status: str, response: Any, http: int = 200) -> Response:
    return answer({"status": status, "response": response}, http)


def body(request: Request) -> Thing:
    """JSON, or as old clients send it: a form or a query with PHP's ids[0]=1."""
    given = request.get_json(silent=True) if request.mimetype == "application/json" else None
    if given is not None:
        return given if isinstance(given, dict) else {}
    found: Thing = {}
    for name, value in [*request.args.items(multi=True), *request.form.items(multi=True)]:
        if indexed := _INDEXED.match(name):
            found.setdefault(indexed[1], []).append(value)
        else:
            found[name] = value
    return found


def moment(asked: Thing, name: str) -> datetime | None:
    """A filter's time, of the shop's zone; the end of a day where only `to` a day is asked."""
    given = asked.get(name)
    if given in (None, ""):
        return None
    for layout in FORMATS:
        try:
            found = datetime.strptime(str(given), layout).replace(tzinfo=ZONE)
        except ValueError:
            continue
        whole_day = name == "to" and "%H" not in layout
        return found + timedelta(days=1, seconds=-1) if whole_day else found
    raise Wrong(f"{name} is defined incorrectly")


def whole(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Wrong(f"{name} is defined incorrectly") from None


def numbers(asked: Thing, name: str) -> set[int] | None:
    """A number or a list of them; None where nothing is asked."""
    given = asked.get(name)
    if given in (None, "", []):
        return None
    return {whole(one, name) for one in (given if isinstance(given, list) else [given])}


def page(found: list[Thing], asked: Thing) -> list[Thing]:
    """`offset` counts only with `limit`; 0 gives nothing; never more than 500."""
    if asked.get("limit") is None:
        return found[:MOST]
    limit, offset = whole(asked["limit"], "limit"), whole(asked.get("offset") or 0, "offset")
    return found[offset : offset + min(max(limit, 0), MOST)]


def order_tests(asked: Thing) -> list[Test]:
    tests: list[Test] = []
    since, until, ids, statuses = (
        moment(asked, "from"),
        moment(asked, "to"),
        numbers(asked, "ids"),
        numbers(asked, "status"),
    )
    if since:
        tests.append(lambda order: order["_created"] >= since.timestamp())
    if until:
        tests.append(lambda order: int(order["_created"]) <= until.timestamp())
    if ids is not None:
        tests.append(lambda order: order["order_id"] in ids)
    if statuses is not None:
        tests.append(lambda order: order["stat_status"] in statuses)
    return tests


def shown(order: Thing, additional: bool = False) -> Thing:
    public = {name: value for name, value in order.items() if not name.startswith("_")}
    return public | ({"additional_data": {"recipient_warehouse_ref": order["_branch"]}} if additional else {})


def update_problem(update: Any, order: Thing | None, statuses: set[int]) -> str:
    """Why an entry of orders/update can't be taken."""
    if order is None:
        return "order is not found"
    status = update.get("status")
    if "status" in update and (
        not isinstance(status, int | str) or not str(status).isdecimal() or int(status) not in statuses
    ):
        return "status is not defined or defined incorrectly"
    if "status" in update and order["stat_status"] == data.CANCELLED != int(status):
        return "order is cancelled"
    if "payed" in update and str(update["payed"]) not in ("0", "1"):
        return "payed is defined incorrectly"
    if "tracking_code" in update and not str(update["tracking_code"] or "").strip():
        return "tracking_code is defined incorrectly"
    return "own_tracking_code is not supported" if "own_tracking_code" in update else ""


def updated(order: Thing, update: Thing) -> Thing:
    changed = dict(order)
    if "status" in update:
        changed["stat_status"] = int(update["status"])
    if "payed" in update:
        changed["payed"] = int(update["payed"])
    if "tracking_code" in update:
        changed["delivery_data"] = order["delivery_data"] | {"tnNumber": str(update["tracking_code"])}
    return changed


def fields(asked: Thing, name: str) -> set[str]:
    """Names of fields: a list, or one text with commas."""
    given = asked.get(name) or []
    return {one.strip() for one in (given.split(",") if isinstance(given, str) else map(str, given))}


def offer_tests(asked: Thing) -> list[Test]:
    expr = asked.get("expr") or {}
    if not isinstance(expr, dict):
        raise Wrong("expr is defined incorrectly")
    articles, shown_only, sections = expr.get("article"), expr.get("display_in_showcase"), numbers(expr, "parent.id")
    tests: list[Test] = []
    if articles:
        wanted = set(map(str, articles if isinstance(articles, list) else [articles]))
        tests.append(lambda offer: offer["article"] in wanted)
    if shown_only is not None:
        tests.append(lambda offer: offer["display_in_showcase"] == whole(shown_only, "display_in_showcase"))
    if sections is not None:
        tests.append(lambda offer: offer["parent"]["id"] in sections)
    return tests


def cut(offer: Thing, asked: Thing) -> Thing:
    """Only the fields asked for; a name that there isn't is passed over in silence."""
    wanted, unwanted = fields(asked, "includedParams"), fields(asked, "excludedParams")
    names = [name for name in offer if not wanted or name in wanted or name in ALWAYS]
    return {name: offer[name] for name in names if name in ALWAYS or name not in unwanted}


def import_code(row: Thing, offer: Thing | None) -> tuple[int, str]:
    unknown = [name for name in row if name not in EDITABLE and name not in SHORTER]
    if unknown:
        return 11, f"Невідоме поле {unknown[0]}"
    if offer is None and not row.get("title"):
        return 6, "Не вказано назву товару"
    return 0, "Товар оновлено"
