"""One transaction for what several threads of a process want to keep at the same moment.

With a transaction each they would wait for the database in turns, SQLite's one writer above all. Here whoever comes
while nobody writes keeps what all have handed in until then; each goes on when its own is committed, never before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import DataError, IntegrityError

Given = TypeVar("Given")
#: what one of them does wrong by itself: a letter that no column holds, a row whose connection is gone
OWN = (DataError, IntegrityError, ValueError, OverflowError)


class NotKept(RuntimeError):
    """The transaction that this was to be part of failed."""


class _Part(Generic[Given]):
    __slots__ = ("error", "given", "kept", "over")

    def __init__(self, given: Given) -> None:
        self.given = given
        self.over = self.kept = False
        self.error: Exception | None = None


class Together(Generic[Given]):
    """Called with one thing to keep; returns when that is committed. Raises what was wrong with it, or NotKept.

    `keep` keeps all that it is given in one transaction, commits it, and can be called again with the same; it drops
    what an earlier call has left unfinished."""

    def __init__(self, keep: Callable[[Sequence[Given]], None]) -> None:
        self._keep = keep
        self._turn = threading.Condition()
        self._waiting: list[_Part[Given]] = []
        self._busy = False

    def __call__(self, given: Given) -> None:
        part = _Part(given)
        with self._turn:
            self._waiting.append(part)
            self._turn.wait_for(lambda: part.over or not self._busy)
            mine = [] if part.over else self._take()
        if mine:
            self._carry_out(mine)
        if part.error is not None:
            raise part.error
        if not part.kept:
            raise NotKept

    def _take(self) -> list[_Part[Given]]:
        self._busy = True
        taken, self._waiting = self._waiting, []
        return taken

    def _carry_out(self, parts: Sequence[_Part[Given]]) -> None:
        try:
            self._try(parts)
        finally:
            with self._turn:
                self._busy = False
                for part in parts:
                    part.over = True
                self._turn.notify_all()

    def _try(self, parts: Sequence[_Part[Given]]) -> None:
        """Once for all; where something is wrong with one of them, once for each."""
        try:
            self._keep([part.given for part in parts])
        except OWN as error:
            if len(parts) == 1:
                parts[0].error = error
                return
            for part in parts:
                self._try([part])
        else:
            for part in parts:
                part.kept = True
