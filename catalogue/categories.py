"""The tree of categories, as paths: " / " between the names from the top down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import text

from models import Category, db

BETWEEN = " / "
_LOCK = 4_150_001  # any number that nothing else locks


def paths() -> dict[int, str]:
    """Id -> path, of all, in the order of the paths."""
    rows = {row.id: row for row in db.session.execute(db.select(Category.id, Category.parent_id, Category.name))}
    found: dict[int, str] = {}
    for identity in rows:
        names: list[str] = []
        at: int | None = identity
        while at in rows and len(names) < 20:
            names.insert(0, rows[at].name)
            at = rows[at].parent_id
        found[identity] = BETWEEN.join(names)
    return dict(sorted(found.items(), key=lambda pair: pair[1].casefold()))


def below(category_id: int) -> list[int]:
    """The category and all under it."""
    found, todo = [category_id], [category_id]
    while todo:
        todo = list(db.session.scalars(db.select(Category.id).where(Category.parent_id.in_(todo))))
        todo = [one for one in todo if one not in found]
        found += todo
    return found


def lock() -> None:
    """One at a time changes the tree, until the transaction ends: two runs would make the same category twice. SQLite
    has only one writer anyway."""
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})


@dataclass
class Known:
    """What a run knows of the tree. `ids` makes what is missing, in the caller's transaction."""

    by_path: dict[str, int] = field(default_factory=dict)

    def ids(self, wanted: Iterable[str]) -> dict[str, int]:
        missing = {path for path in wanted if path} - self.by_path.keys()
        if missing:
            lock()
            self.load()
            for path in sorted(missing - self.by_path.keys()):
                self._make(path)
        return self.by_path

    def load(self) -> None:
        self.by_path = {path: identity for identity, path in paths().items()}

    def _make(self, path: str) -> None:
        parent: int | None = None
        at = ""
        for name in path.split(BETWEEN):
            at = f"{at}{BETWEEN}{name}" if at else name
            if at not in self.by_path:
                row = Category(name=name[:200], parent_id=parent)
                db.session.add(row)
                db.session.flush()
                self.by_path[at] = row.id
            parent = self.by_path[at]
