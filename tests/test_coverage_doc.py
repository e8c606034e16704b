"""docs/coverage.md names only tests that are there, and a test in each of its rows."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent.parent
TEXT = (HERE / "docs/coverage.md").read_text(encoding="utf-8")
NAMED = re.compile(r"tests/[\w/]+\.py(?:::\w+)*")
SHORT = re.compile(r"`::\w+`")


@cache
def _known(path: str) -> frozenset[str]:
    file = HERE / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))


def rows() -> list[str]:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    return [line for line in lines if not re.match(r"\|(-|\s*(What|Passage)\b[^|]*\|\s*(Row|Test)\s*\|)", line)]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 100
    gone = {one for one in named if "::" in one and one.rsplit("::", 1)[1] not in _known(one.split("::")[0])}
    gone |= {one for one in named if "::" not in one and not _known(one)}
    assert not gone, sorted(gone)
    assert not SHORT.findall(TEXT), "write the file too: a row may be moved"


def test_every_row_names_a_test() -> None:
    assert len(rows()) > 60
    bare = [row for row in rows() if not NAMED.search(row)]
    assert not bare, bare
