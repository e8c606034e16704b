"""The tree of categories as people keep it: made, renamed, moved under another one, deleted once empty.

Its names make the paths by which imports find their categories, so no two children of one parent may share a name, and
no name may hold what stands between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from models import Category, Product, db

from . import categories

#: levels, the top one included
DEEPEST = 10
LONGEST = 200


class Refused(Exception):
    """`why`: blank | long | slash | taken | itself | deep | gone | parent_gone | full."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Node:
    """A category as the page lists it. `own`: products in it, hidden ones too; `all`: with those below."""

    id: int
    parent_id: int | None
    name: str
    path: str
    depth: int
    own: int
    all: int
    children: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.own and not self.children


def listed(part: str = "") -> list[Node]:
    """All, each followed by those below it; or those whose path has `part`, whatever the case."""
    own = dict(
        db.session.execute(
            db.select(Product.category_id, db.func.count())
            .where(Product.category_id.is_not(None))
            .group_by(Product.category_id)
        ).all()
    )
    rows = {row.id: row for row in db.session.execute(db.select(Category.id, Category.parent_id, Category.name))}
    nodes: dict[int, Node] = {}
    for identity, path in categories.paths().items():
        if row := rows.get(identity):
            n, depth = own.get(identity, 0), path.count(categories.BETWEEN)
            nodes[identity] = Node(identity, row.parent_id, row.name, path, depth, n, n)
    for node in sorted(nodes.values(), key=lambda one: -one.depth):  # from the leaves up
        if above := nodes.get(node.parent_id or 0):
            above.all += node.all
            above.children += 1
    wanted = " ".join(part.split()).casefold()
    ordered = sorted(nodes.values(), key=lambda one: one.path.casefold().split(categories.BETWEEN))
    return [node for node in ordered if wanted in node.path.casefold()]


def make(name: str, parent_id: int | None) -> Category:
    """A new category, in the caller's transaction. Raises Refused."""
    categories.lock()
    row = Category(name=_checked(name, parent_id, None), parent_id=parent_id)
    _not_too_deep(parent_id, 1)
    db.session.add(row)
    db.session.flush()
    return row


def change(category_id: int, name: str, parent_id: int | None) -> Category:
    """Rename it, or move it with all below it; in the caller's transaction. Raises Refused."""
    categories.lock()
    row = db.session.get(Category, category_id, populate_existing=True)
    if row is None:
        raise Refused("gone")
    if parent_id is not None and parent_id in categories.below(category_id):
        raise Refused("itself")
    found = _checked(name, parent_id, category_id)
    if parent_id != row.parent_id:
        _not_too_deep(parent_id, _levels(category_id))
    row.name, row.parent_id = found, parent_id
    db.session.flush()
    return row


def delete(category_id: int) -> str:
    """Delete an empty one, in the caller's transaction; returns its name. Raises Refused."""
    categories.lock()
    row = db.session.get(Category, category_id, populate_existing=True)
    if row is None:
        raise Refused("gone")
    products = db.select(Product.id).where(Product.category_id == category_id).limit(1)
    children = db.select(Category.id).where(Category.parent_id == category_id).limit(1)
    if db.session.scalar(products) is not None or db.session.scalar(children) is not None:
        raise Refused("full")
    name = row.name
    db.session.delete(row)
    db.session.flush()
    return name


def _checked(name: str, parent_id: int | None, category_id: int | None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST:
        raise Refused("long" if name else "blank")
    if categories.BETWEEN in f" {name} ":
        raise Refused("slash")
    if parent_id is not None and db.session.get(Category, parent_id) is None:
        raise Refused("parent_gone")
    same = db.select(Category.id, Category.name).where(Category.parent_id.is_not_distinct_from(parent_id))
    if any(row.name.casefold() == name.casefold() and row.id != category_id for row in db.session.execute(same)):
        raise Refused("taken")
    return name


def _levels(category_id: int) -> int:
    """Of the category and what is below it."""
    levels, at = 0, [category_id]
    while at and levels <= DEEPEST:
        levels += 1
        at = list(db.session.scalars(db.select(Category.id).where(Category.parent_id.in_(at))))
    return levels


def _not_too_deep(parent_id: int | None, levels: int) -> None:
    while parent_id is not None and levels <= DEEPEST:
        levels += 1
        parent_id = db.session.scalar(db.select(Category.parent_id).where(Category.id == parent_id))
    if levels > DEEPEST:
        raise Refused("deep")
