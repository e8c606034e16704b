"""Reading answers as a browser would: a small tree of elements, and what a form in it would send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "path", "use", "wbr"}
_STEP = re.compile(r"([\w-]+)?((?:[#.][\w-]+|\[[\w-]+\])*)")


class Node:
    def __init__(self, tag: str, attributes: dict[str, str], parent: Node | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Node | str] = []

    def get(self, name: str, default: str | None = None) -> str | None:
        return self.attributes.get(name, default)

    @property
    def text(self) -> str:
        return " ".join("".join(c if isinstance(c, str) else f" {c.text} " for c in self.children).split())

    def walk(self) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.walk()

    def all(self, selector: str) -> list[Node]:
        """By tags, #ids, .classes and [attributes], descendants by spaces, alternatives by commas."""
        ways = [way.split() for way in selector.split(",")]
        return [node for node in self.walk() if any(node._fits(way) for way in ways)]

    def one(self, selector: str) -> Node:
        (found,) = self.all(selector)
        return found

    def _fits(self, way: list[str]) -> bool:
        if not self._is(way[-1]):
            return False
        if len(way) == 1:
            return True
        above = self.parent
        while above is not None and not above._fits(way[:-1]):
            above = above.parent
        return above is not None

    def _is(self, step: str) -> bool:
        tag, rest = _STEP.fullmatch(step).groups()
        marks = re.findall(r"[#.][\w-]+|\[[\w-]+\]", rest)
        return (not tag or tag == self.tag) and all(self._has(mark) for mark in marks)

    def _has(self, mark: str) -> bool:
        if mark[0] == "#":
            return self.get("id") == mark[1:]
        if mark[0] == ".":
            return mark[1:] in (self.get("class") or "").split()
        return mark[1:-1] in self.attributes


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top = self.at = Node("", {}, None)

    def handle_starttag(self, tag, attributes):
        node = Node(tag, {name: value if value is not None else "" for name, value in attributes}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_endtag(self, tag):
        node = self.at
        while node.parent is not None and node.tag != tag:
            node = node.parent
        if node.parent is not None:
            self.at = node.parent

    def handle_data(self, data):
        self.at.children.append(data)


def parse(answer) -> Node:
    """The tree of an answer of the test client, or of a piece of HTML."""
    reader = _Reader()
    reader.feed(answer if isinstance(answer, str) else answer.get_data(as_text=True))
    return reader.top


def form_of(answer, selector: str = "#order-form") -> MultiDict:
    """What a browser would send from this form, as it stands and without pressing a named button."""
    page = parse(answer)
    form = page.one(selector)
    sent: MultiDict = MultiDict()
    for field in page.all("input, select, textarea"):
        name = field.get("name")
        mine = any(node is field for node in form.walk()) or (field.get("form") == form.get("id") is not None)
        ticked = field.get("type") not in ("checkbox", "radio") or "checked" in field.attributes
        if mine and name and ticked and "disabled" not in field.attributes:
            sent.add(name, _value(field))
    return sent


def _value(field: Node) -> str:
    if field.tag == "textarea":
        written = "".join(child for child in field.children if isinstance(child, str))
        return written.removeprefix("\n").removeprefix("\r\n")
    if field.tag == "select":
        options = field.all("option")
        chosen = next((o for o in options if "selected" in o.attributes), options[0] if options else None)
        return (chosen.get("value") or "") if chosen else ""
    return field.get("value") or ("on" if field.get("type") == "checkbox" else "")
