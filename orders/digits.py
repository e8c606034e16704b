"""How digits stand in the texts that search looks through: each together with the one after it, as one letter.

Both databases find parts of words by trigrams. Three digits in a row are a thousand at most, and each of them is in
tens of thousands of a million orders: a phone's tail or an order's number meant reading all of those. Three such
letters are four digits in a row. Nothing else changes: what is in a text is in the packed text, and nothing else is.
"""

from __future__ import annotations

import re

#: letters of scripts that orders aren't written in, of one case; the database's rules have to know them as letters,
#: or PostgreSQL's index leaves them out
_LETTERS = [chr(code) for code in (*range(0x74D, 0x7A6), *range(0x7CA, 0x7EB))]
_DIGITS = "0123456789"
#: (a digit, the digit after it or "" at the end of a number) -> letter
_PAIRS = {
    (first, after): _LETTERS[11 * place + i]
    for place, first in enumerate(_DIGITS)
    for i, after in enumerate((*_DIGITS, ""))
}
_letter = _PAIRS.__getitem__
#: such a letter of a real text becomes one of a script that nobody writes any more
_AWAY = {ord(letter): 0x12000 + i for i, letter in enumerate(_LETTERS)}
_TO_PACK = re.compile(f"[0-9]+|[{_LETTERS[0]}-{_LETTERS[-1]}]+")
_TWO_LAST = re.compile("[0-9]{2}$")
#: what a trigram index can be asked for
LEAST = 3


def packed(text: str) -> str:
    """The text as it is kept, of as many letters."""
    return _TO_PACK.sub(_packed, text)


def are_packed(letters: str) -> bool:
    """Do all of these letters of a packed text stand for digits?"""
    return all(_LETTERS[0] <= letter <= _LETTERS[-1] for letter in letters)


def _packed(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] > "9":
        return found.translate(_AWAY)
    return "".join(map(_letter, zip(found, [*found[1:], ""], strict=True)))


def parts(word: str) -> tuple[str, ...]:
    """What packed texts hold whose texts hold this word: any one of these. What follows the word's last digit there
    is not known, so its letter is left out; a word that gets too short for the index has each that it can be."""
    found = packed(word)
    if not word or word[-1] not in _DIGITS:
        return (found,)
    known = found[:-1]
    is_enough = len(known) >= LEAST or len(word) < LEAST  # the shortest words are looked for without the index
    return (known,) if is_enough and _TWO_LAST.search(word) else _each(known, word[-1])


def _each(known: str, last: str) -> tuple[str, ...]:
    return tuple(known + _PAIRS[last, after] for after in (*_DIGITS, ""))
