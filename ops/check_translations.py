"""Whether every text of the hub is there in every language: `make translations`.

Compares the catalogues in translations/ with what is in the source now (a fresh .pot file): each message present,
translated in all its plural forms, not marked fuzzy, with the same placeholders.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

LANGUAGES = ("uk", "ru")
PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|%%")


def main(argv: list[str]) -> int:
    """argv: the .pot file, the translations folder. Prints each complaint; returns 1 when there is any."""
    source, folder = _read(Path(argv[0]), None), Path(argv[1])
    complaints = []
    for language in LANGUAGES:
        path = folder / language / "LC_MESSAGES" / "messages.po"
        if not path.exists():
            complaints.append(f"{path} is missing")
            continue
        complaints += [f"{path}: {text}" for text in check(source, _read(path, language))]
    print("\n".join(complaints) or f"translations: {len(source)} messages complete in {', '.join(LANGUAGES)}")
    return 1 if complaints else 0


def check(source: Catalog, translated: Catalog) -> Iterator[str]:
    """What is wrong with one language, a sentence each."""
    for message in source:
        if not message.id:
            continue
        found = translated.get(message.id, message.context)
        if problem := _problem(message, found):
            yield f"{_name(message)!r}: {problem}"


def _problem(message: Message, found: Message | None) -> str:
    if found is None:
        return "missing"
    forms = found.string if isinstance(found.string, (tuple, list)) else (found.string,)
    if not all(forms):
        return "not translated"
    if found.fuzzy:
        return "fuzzy"
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    wanted = set(PLACEHOLDER.findall(ids[-1]))
    if any(set(PLACEHOLDER.findall(form or "")) != wanted for form in forms):
        return f"placeholders differ from {sorted(wanted)}"
    return ""


def _name(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _read(path: Path, language: str | None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
