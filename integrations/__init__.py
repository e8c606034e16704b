"""The connectors. A folder with a connector.py is found here by itself; nothing else is edited to add one."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from .base import Connector, SettingsForm


class BadConnector(Exception):
    """A connector that can't be used; the message names its folder and what is wrong."""


@cache
def connectors() -> dict[str, type[Connector]]:
    """All connectors by key, sorted by title. Raises BadConnector for a malformed one: the start stops there."""
    found: dict[str, type[Connector]] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg and _has_connector(module.name):
            found[module.name] = _checked(module.name)
    return dict(sorted(found.items(), key=lambda item: item[1].title.casefold()))


def connector(key: str) -> type[Connector]:
    """The connector class with this key. Raises KeyError: the folder was removed while connections remain."""
    return connectors()[key]


def _has_connector(folder: str) -> bool:
    package = import_module(f"{__name__}.{folder}")
    return any(module.name == "connector" for module in pkgutil.iter_modules(package.__path__))


def _checked(folder: str) -> type[Connector]:
    module = import_module(f"{__name__}.{folder}.connector")
    own = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, Connector) and c.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise BadConnector(f"integrations/{folder}/connector.py must define exactly one Connector, it has {len(own)}")
    cls = own[0]
    for name in ("key", "title", "api_url"):
        if not isinstance(getattr(cls, name, None), str):
            raise BadConnector(f"integrations/{folder}: {cls.__name__}.{name} is missing")
    if cls.key != folder:
        raise BadConnector(f"integrations/{folder}: its key is {cls.key!r}; it must be the folder's name")
    if cls.test is Connector.test:
        raise BadConnector(f"integrations/{folder}: {cls.__name__}.test() is missing")
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        raise BadConnector(f"integrations/{folder}: {cls.__name__} has no {', '.join(missing)}")
    if not issubclass(cls.Settings, SettingsForm):
        raise BadConnector(f"integrations/{folder}: Settings must inherit from SettingsForm")
    return cls
