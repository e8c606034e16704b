"""Saved views: filters with a name, the user's own or everybody's."""

from __future__ import annotations

from collections.abc import Sequence

from models import SavedView, db, insert_into

NAME_LENGTH = 60


def of_user(user_id: int) -> Sequence[SavedView]:
    """Everybody's and the user's own, in the order of the tabs."""
    mine = db.or_(SavedView.user_id.is_(None), SavedView.user_id == user_id)
    return db.session.scalars(db.select(SavedView).where(mine).order_by(SavedView.position, SavedView.id)).all()


def save(name: str, query: str, user_id: int | None) -> None:
    """Keep a filter under a name; the same name again replaces it. `user_id` None = for everybody."""
    name, query = " ".join(name.split())[:NAME_LENGTH], query[:500]
    last = db.session.scalar(db.select(db.func.coalesce(db.func.max(SavedView.position), 0)))
    values = {"user_id": user_id, "name": name, "query": query, "position": (last or 0) + 1}
    if user_id is None:  # the database doesn't hold two rows without a user for the same
        same = db.update(SavedView).where(SavedView.user_id.is_(None), SavedView.name == name).values(query=query)
        if db.session.execute(same).rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
            return
    insert = insert_into(SavedView).values(values)
    db.session.execute(insert.on_conflict_do_update(index_elements=["user_id", "name"], set_={"query": query}))


def find(view_id: int, user_id: int) -> SavedView | None:
    """A view that this user may see: their own or everybody's."""
    view = db.session.get(SavedView, view_id)
    return view if view and view.user_id in (None, user_id) else None


def rename(view: SavedView, name: str) -> bool:
    """False when another view of the same owner has the name."""
    name = " ".join(name.split())[:NAME_LENGTH]
    owner = SavedView.user_id.is_(None) if view.user_id is None else SavedView.user_id == view.user_id
    taken = db.session.scalar(db.select(SavedView.id).where(owner, SavedView.name == name, SavedView.id != view.id))
    if not name or taken:
        return False
    view.name = name
    return True


def move(view: SavedView, user_id: int, by: int, among_own: bool = False) -> None:
    """One place to the left (-1) or right (1) among the tabs that the user sees. `among_own`: past everybody's, whose
    places stay as they are."""
    ordered = [each for each in of_user(user_id) if not among_own or each.user_id == user_id]
    places = sorted(each.position for each in ordered) if among_own else range(len(ordered))
    at = ordered.index(view)
    to = max(0, min(len(ordered) - 1, at + by))
    ordered.insert(to, ordered.pop(at))
    for position, each in zip(places, ordered, strict=True):
        each.position = position


def remove(view: SavedView) -> None:
    db.session.delete(view)
