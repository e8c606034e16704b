"""What is done to many orders at once: shown first, done then, taken back for a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from htmx_flask import request

from jobs import connections, runs, settle, wake
from models import db
from orders import batches, deletion, listing, removal, routes, statuses, work

from . import addresses, advice, answers, deletion_words, text
from . import order_words as words
from .order_list import filter_of, make_context
from .order_rows import Context
from .orders import actor

bp = Blueprint("orders_bulk", __name__, url_prefix="/orders")

#: orders named in each group of a preview
NAMED = 20


@dataclass
class Choice:
    """The orders that were chosen: ticked ones, or all that the filter shows (`cut` = more than can be taken)."""

    ids: list[int]
    cut: bool = False


def choice() -> Choice:
    """From the form of the bulk bar."""
    if request.form.get("all"):
        f, context = filter_of(request.form.get("view", "")), make_context()
        found = listing.ids(f, context.lists.statuses, text.ZONE, listing.COUNT_LIMIT + 1)
        return Choice(found[: listing.COUNT_LIMIT], len(found) > listing.COUNT_LIMIT)
    return Choice(_ids(request.values.getlist("ids")))


def _ids(values: Sequence[str]) -> list[int]:
    parts = [part for value in values for part in value.split(",")]
    found = dict.fromkeys(int(part) for part in parts if part.isdecimal() and len(part) < 19)
    return list(found)[: listing.COUNT_LIMIT]


@dataclass
class Group:
    """Orders of a preview that the same will happen to. `key` names the tick; "" = nothing can be done with them."""

    title: str
    ids: list[int]
    key: str = ""
    ticked: bool = True
    note: str = ""
    anchor: str = ""  # the field of the card that mends it
    named: list[tuple[str, str]] = field(default_factory=list)  # number, address

    @property
    def more(self) -> int:
        return len(self.ids) - len(self.named)


def _name(groups: Sequence[Group]) -> list[Group]:
    """Leave out the empty groups and name the first orders of the others: one query."""
    groups = [group for group in groups if group.ids]
    numbers = listing.numbers([i for group in groups for i in group.ids[:NAMED]])
    for group in groups:
        group.named = [
            (numbers[i], addresses.order(numbers[i], group.anchor)) for i in group.ids[:NAMED] if i in numbers
        ]
    return groups


def _tick_again(groups: Sequence[Group]) -> None:
    """After a tick was changed: the button has to say the new number."""
    if request.form.get("seen"):
        for group in groups:
            group.ticked = group.key in request.form.getlist("groups")


def _drawer(template: str, **values: Any) -> Any:
    """The fragment for the drawer; without htmx a page that includes it."""
    if request.htmx:
        return render_template(f"orders/{template}", **values)
    return render_template("orders/drawer_page.html", fragment=f"orders/{template}", **values)


# ---- sending


@bp.route("/bulk/send", methods=["GET", "POST"])
def send() -> Any:
    """Show what sending the chosen orders would do."""
    return _send_preview()


def _send_preview(unexplained: bool = False) -> Any:
    """`unexplained`: the second copies were ticked and no reason given."""
    chosen, context = choice(), make_context()
    if not chosen.ids:
        return answers.refuse(_("Choose orders first."), addresses.orders())
    to = request.values.get("to", "")
    target = _destination(context, to)
    if target is None and len(context.destinations) == 1 and not to:
        target = context.destinations[0]
    groups = _name(_send_groups(work.preview(chosen.ids, target.id))) if target else []
    _tick_again(groups)
    second = next((group for group in groups if group.key == "second"), None)
    firsts = _firsts(second, target.id) if second and target else []
    values: dict[str, Any] = {"firsts": firsts, "unpaid": _unpaid(groups, target)}
    values |= {"route_reason": request.form.get("route_reason", ""), "unexplained": unexplained}
    return _drawer("send_preview.html", chosen=chosen, target=target, context=context, groups=groups, **values)


def _unpaid(groups: Sequence[Group], target: Any) -> list[tuple[int, str]]:
    """Of those that would be sent to a delivery service, the ones that wait for an online payment."""
    if target is None or not connections.delivers(target.kind):
        return []
    return work.unpaid_online([i for group in groups if group.key for i in group.ids])


def _firsts(group: Group, connection_id: int) -> list[tuple[str, str, routes.First]]:
    """(number, address of its card, the first copy) of the first orders that would be sent by a second route."""
    found = routes.first_copies(group.ids[:NAMED], connection_id)
    known = zip(group.ids[:NAMED], group.named, strict=False)
    return [(number, url, found[i]) for i, (number, url) in known if i in found]


def _send_groups(found: work.Preview) -> list[Group]:
    return [
        Group(_("Will be created"), found.create, "create"),
        Group(_("Will be updated"), found.update, "update"),
        Group(_("There already, unchanged"), found.unchanged, "unchanged", ticked=False,
              note=_("Tick to send them once more.")),
        Group(_("On the way already"), found.working),
        *(Group(str(words.BLOCKS[why]), found.blocked[why], note=_("Not sent."), anchor=words.BLOCK_FIELDS.get(why, ""))
          for why in work.BLOCKS if why in found.blocked and why != "second_route"),
        Group(str(words.BLOCKS["second_route"]), found.blocked.get("second_route", []), "second", ticked=False,
              note=_("Tick and give a reason to send them all the same."), anchor="copies"),
    ]  # fmt: skip


@bp.post("/bulk/send/start")
def start() -> Any:
    """Send the ticked groups; what became impossible meanwhile is left out."""
    context = make_context()
    target = _destination(context, request.form.get("to", ""))
    if target is None:
        return answers.refuse(_("This connection is switched off or removed."), addresses.orders())
    try:
        found = work.preview(_ticked(target.id), target.id)
    except routes.NoReason:
        return _send_preview(unexplained=True), 422
    batch = batches.send(found.sendable + found.unchanged, target.id, actor().name)
    wake.changed()
    db.session.commit()
    if batch is None:
        return answers.refuse(_("Nothing to send any more: reload the list."), addresses.orders())
    return _begun(batch, context)


def _destination(context: Context, to: str) -> Any:
    return next((c for c in context.destinations if str(c.id) == to), None)


def _ticked(connection_id: int) -> list[int]:
    """Of the ticked groups; second copies among them are allowed with the reason given. Raises routes.NoReason."""
    ticked = request.form.getlist("groups")
    if "second" in ticked:
        second = _ids([request.form.get("ids_second", "")])
        routes.allow(second, connection_id, request.form.get("route_reason", ""), actor())
    return _ids([request.form.get(f"ids_{key}", "") for key in ticked])


def _begun(batch: batches.Batch, context: Context) -> Any:
    address = f"/orders/batch/{batch}"
    if not request.htmx:
        return redirect(address)
    answer = make_response(_batch(batch, context))
    answer.headers["HX-Push-Url"] = address
    return answers.trigger(answer, **{answers.CHANGED: True})


@bp.get("/batch/<token>")
def batch(token: str) -> Any:
    """How far a batch is: the drawer asks while it is open."""
    found = batches.Batch.read(token)
    if found is None:
        abort(404)
    if request.htmx:
        return _batch(found, make_context())
    context = make_context()
    values = _batch_values(found, context)
    return render_template("orders/drawer_page.html", fragment="orders/batch.html", **values)


@bp.post("/batch/<token>/cancel")
def cancel(token: str) -> Any:
    """Withdraw what still waits. What is under way, or may have arrived, goes on."""
    found = batches.Batch.read(token)
    if found is None:
        abort(404)
    gone = settle.cancel(batches.withdrawable(found, actor().name), actor().name)
    db.session.commit()
    said = ngettext("%(num)s order is withdrawn", "%(num)s orders are withdrawn", gone)
    if not gone:
        said = _("Nothing waits any more: all is sent or on its way.")
    if not request.htmx:
        return answers.done(said, f"/orders/batch/{found}", "ok" if gone else "info")
    told = answers.toast(said, "ok" if gone else "info")
    return answers.trigger(_batch(found, make_context()), **told, **{answers.CHANGED: True})


def _batch(found: batches.Batch, context: Context) -> str:
    return render_template("orders/batch.html", **_batch_values(found, context))


def _batch_values(found: batches.Batch, context: Context) -> dict[str, Any]:
    target = next((c for c in context.connections if c.id == found.connection_id), None)
    return {
        "batch": found,
        "progress": batches.progress(found, actor().name),
        "target": target,
        "address": addresses,
        "short": advice.title,
    }


# ---- statuses and deletion


@bp.post("/bulk/status")
def status() -> Any:
    """Change the status of the chosen orders: one at once, more after a look at what will happen."""
    chosen = choice()
    wanted = statuses.find(request.form.get("status", 0, int))
    if wanted is None:
        abort(400)
    if not chosen.ids:
        return answers.refuse(_("Choose orders first."), addresses.orders())
    if len(chosen.ids) == 1:
        return _change(chosen.ids, wanted)
    context = make_context()
    groups = _name(_status_groups(chosen.ids, wanted, context))
    _tick_again(groups)
    return _drawer("status_preview.html", chosen=chosen, status=wanted, groups=groups, purge=[])


def _status_groups(ids: Sequence[int], wanted: statuses.StatusLike, context: Context) -> list[Group]:
    now = listing.status_of(ids)
    groups: dict[int, Group] = {}
    for order_id, status_id in now.items():
        name = context.statuses[status_id].name
        fine = status_id != wanted.id and (statuses.may_set_by_hand(wanted))
        title = _("Now: %(status)s", status=name) if fine else str(words.REASONS["same"])
        blank = Group(title, [], f"from{status_id}" if fine else "")
        groups.setdefault(status_id, blank).ids.append(order_id)
    return sorted(groups.values(), key=lambda group: not group.key)


def _change(ids: Sequence[int], wanted: statuses.StatusLike) -> Any:
    deleting = wanted.group == "deleted"
    fates, before = (deletion.fates(ids), deletion.newest()) if deleting else ([], 0)
    result = statuses.change(ids, wanted, actor())
    undo_id = statuses.remember(result, wanted, current_user.id)
    wake.changed()
    db.session.commit()
    done = len(result.changed)
    if not done:
        return answers.refuse(_("Nothing to change: all have this status already."), addresses.orders())
    said = ngettext("%(num)s order: %(status)s", "%(num)s orders: %(status)s", done, status=_(wanted.name))
    undo = f"/orders/undo/{undo_id}"
    more = _of_copies(fates, before) if deleting else {}
    if not request.htmx:
        return render_template("orders/done.html", said=said, undo=undo, **more)
    body = render_template("orders/done_fragment.html", said=said, skipped=len(result.skipped), **more)
    return answers.done(said, addresses.orders(), undo=undo, body=body)


def _of_copies(fates: Sequence[deletion.Fate], before: int) -> dict[str, Any]:
    """What the answer shows of copies in other systems after a deletion."""
    staying = deletion_words.groups([f for f in fates if f.what in deletion_words.STAYING])
    return _deletions(deletion.Deletions(before, deletion.newest())) | {"staying": staying}


def _deletions(asked: deletion.Deletions) -> dict[str, Any]:
    outcomes = deletion.outcomes(asked, actor().name) if asked else []
    return {"asked": asked, "outcomes": outcomes, "address": addresses, "short": advice.title}


@bp.get("/bulk/deletions/<int:after>-<int:last>")
def deletions(after: int, last: int) -> Any:
    """What came of the copies: the drawer asks until all is settled."""
    return _drawer("deletions.html", **_deletions(deletion.Deletions(after, last)))


@bp.post("/bulk/delete")
def delete() -> Any:
    """Move orders to Deleted; those that are there already can be removed for good, if that is ticked."""
    chosen, context = choice(), make_context()
    if not chosen.ids:
        return answers.refuse(_("Choose orders first."), addresses.orders())
    bin_ids = {s.id for s in context.lists.statuses if s.group == "deleted"}
    now = listing.status_of(chosen.ids)
    wanted = context.lists.first_of_group("deleted") or abort(400)
    dead = [i for i, status_id in now.items() if status_id in bin_ids]
    fates = deletion.fates(list(now))
    going = any(fate.what in deletion_words.GOING for fate in fates if fate.order_id not in set(dead))
    if len(chosen.ids) == 1 and not dead and not going:
        return _change(chosen.ids, wanted)
    groups = [Group(_("Will be moved to Deleted"), [i for i in now if i not in set(dead)], "change")]
    purge = [Group(_("Deleted already: remove for good"), dead, "purge", ticked=False)]
    values: dict[str, Any] = {"groups": _name(groups), "purge": _name(purge), "going": going}
    values["fates"] = deletion_words.groups([fate for fate in fates if fate.order_id not in set(dead)])
    values["left"] = ", ".join(dict.fromkeys(fate.name for fate in fates if fate.order_id in set(dead)))
    return _drawer("status_preview.html", chosen=chosen, status=wanted, **values)


@bp.post("/bulk/change")
def change() -> Any:
    """Do what the preview of a status change showed."""
    wanted = statuses.find(request.form.get("status", 0, int))
    if wanted is None:
        abort(400)
    ticked = request.form.getlist("groups")
    if "purge" in ticked:
        return _purge(_ids(request.form.getlist("ids_purge")))
    return _change(_ids([value for key in ticked for value in request.form.getlist(f"ids_{key}")]), wanted)


def _purge(ids: Sequence[int]) -> Any:
    busy = len(removal.busy(ids))
    gone = removal.remove(ids, actor())
    wake.changed()
    db.session.commit()
    said = ngettext("%(num)s order is removed for good", "%(num)s orders are removed for good", len(gone))
    body = render_template("orders/done_fragment.html", said=said, skipped=len(ids) - len(gone) - busy, busy=busy)
    return answers.done(said, addresses.orders(), body=body)


@bp.post("/undo/<int:undo_id>")
def undo(undo_id: int) -> Any:
    """Take a change of statuses back, within a minute."""
    done = statuses.undo(undo_id, current_user.id, actor())
    lost = deletion_words.after_restoring(statuses.undone(undo_id)) if done else ""
    if done is None:
        db.session.rollback()
        return answers.refuse(_("Too late to take it back."), addresses.orders())
    wake.changed()
    db.session.commit()
    said = ngettext("Taken back: %(num)s order", "Taken back: %(num)s orders", done)
    return answers.done(f"{said}. {lost}" if lost else said, addresses.orders(), "warn" if lost else "info")


@bp.post("/bulk/refresh")
def refresh() -> Any:
    """Ask the systems that hold copies of the chosen orders for their statuses."""
    chosen, context = choice(), make_context()
    there = listing.linked_connections(chosen.ids)
    asked = [c for c in context.readable if c.id in there]
    for c in asked:
        runs.request_anew(c.id, "statuses", actor().name)
    wake.changed()
    db.session.commit()
    if not asked:
        return answers.refuse(_("None of these orders has a copy whose status can be read."), addresses.orders())
    names = ", ".join(c.name for c in asked)
    return answers.done(_("Statuses are being read: %(names)s", names=names), addresses.orders(), "info")
