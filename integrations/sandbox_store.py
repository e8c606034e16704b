"""What a sandbox keeps: accounts with their objects in memory, and one SQLite file a vendor on disk."""

import json
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

Thing = dict[str, Any]
META = "_meta"
Keys = Callable[[str, Thing], Iterable[tuple[str, Hashable]]]
Row = tuple[str, str, int, str | None]


class Window:
    """A sliding window: at most `most` requests within any `seconds`; None counts nothing."""

    def __init__(self, most: int | None, seconds: float = 1.0) -> None:
        self.most = most
        self.seconds = seconds
        self._times: deque[float] = deque()

    def admit(self) -> bool:
        if self.most is None:
            return True
        now = time.monotonic()
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        if len(self._times) >= self.most:
            return False
        self._times.append(now)
        return True

    def wait(self) -> float:
        """Seconds until one more is admitted."""
        if self.most is None or len(self._times) < self.most:
            return 0.0
        return max(0.0, self._times[0] + self.seconds - time.monotonic())


class Account:
    """One shop at the vendor, opened by one token.

    `tables[kind][id]` holds objects in ascending order of id; `keys(kind, thing)` names the other keys (index, value)
    under which `find` gives the object. `options` may be changed at any time: `expired` (bool), `denied` (sections the
    token has no right to) and whatever the vendor adds.
    """

    def __init__(self, token: str, number: int, options: Thing, window: Window, keys: Keys) -> None:
        self.token = token
        self.number = number
        self.options: Thing = {"expired": False, "denied": [], **options}
        self.window = window
        self.tables: dict[str, dict[int, Thing]] = {}
        self.changed: set[tuple[str, int]] = set()
        self._keys = keys
        self._index: dict[tuple[str, Hashable], int] = {}
        self._held: dict[tuple[str, int], list[tuple[str, Hashable]]] = {}
        self._counters: dict[str, int] = {}

    def table(self, kind: str) -> dict[int, Thing]:
        return self.tables.setdefault(kind, {})

    def next_id(self, counter: str, start: int = 1) -> int:
        """The next number of `counter`; the first is `start`."""
        self._counters[counter] = self._counters.get(counter, start - 1) + 1
        self.changed.add((META, 0))
        return self._counters[counter]

    def put(self, kind: str, identity: int, thing: Thing) -> None:
        self.table(kind)[identity] = thing
        for key in self._held.get((kind, identity), ()):
            self._index.pop(key, None)
        held = list(self._keys(kind, thing))
        if held:
            self._held[kind, identity] = held
            self._index.update(dict.fromkeys(held, identity))
        self.changed.add((kind, identity))

    def find(self, index: str, value: Hashable) -> int | None:
        return self._index.get((index, value))

    def note_options(self) -> None:
        self.changed.add((META, 0))

    def take_changes(self) -> Iterator[Row]:
        """Rows to save since the last call."""
        changed, self.changed = self.changed, set()
        for kind, identity in changed:
            thing = {"counters": self._counters, "options": self.options}
            if kind != META:
                thing = self.tables[kind][identity]
            yield self.token, kind, identity, json.dumps(thing, ensure_ascii=False)

    def load(self, kind: str, identity: int, body: str) -> None:
        """Take one saved row back in."""
        thing = json.loads(body)
        if kind == META:
            self._counters, self.options = thing["counters"], thing["options"]
        else:
            self.put(kind, identity, thing)
            self.changed.discard((kind, identity))


class Snapshot:
    """One SQLite file: a row an object, only changed rows are written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS thing"
            " (account TEXT, kind TEXT, id INTEGER, body TEXT, PRIMARY KEY (account, kind, id)) WITHOUT ROWID"
        )

    def rows(self) -> Iterator[tuple[str, str, int, str]]:
        yield from self._db.execute("SELECT account, kind, id, body FROM thing ORDER BY account, kind, id")

    def save(self, rows: Iterable[Row]) -> None:
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO thing VALUES (?, ?, ?, ?)", rows)

    def clear(self) -> None:
        with self._db:
            self._db.execute("DELETE FROM thing")

    def close(self) -> None:
        self._db.close()
