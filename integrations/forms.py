"""What the settings forms of connectors are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar

from wtforms import Form, SelectChoice, SelectField, StringField, URLField
from wtforms.meta import DefaultMeta
from wtforms.validators import URL, InputRequired, Optional, ValidationError
from wtforms.widgets import DateInput, PasswordInput

from .text import N_

MASK = "••••••••"


class SecretField(StringField):
    """A secret setting. Goes out as a mask; a mask that comes back means "unchanged"."""

    widget = PasswordInput(hide_value=False)

    def _value(self) -> str:
        return MASK if self.data else ""


NONE_CHOSEN = SelectChoice("", "—")


class ListField(SelectField):
    """A setting chosen from one of the connection's reference lists (see OffersLists). The page fills in the choices:
    they are there once the lists were fetched. Holds the entry's code, "" for none."""

    def __init__(self, list_key: str, label: str, **kwargs: Any) -> None:
        super().__init__(label, choices=[NONE_CHOSEN], default="", validate_choice=False, **kwargs)
        self.list_key = list_key

    def offer(self, entries: Iterable[tuple[str, str]]) -> None:
        """Fill in the entries (code, name). What is chosen stays, though it may be gone from the list."""
        known = dict(entries)
        gone = {self.data: self.data} if self.data and self.data not in known else {}
        self.choices = [NONE_CHOSEN, *(SelectChoice(code, name) for code, name in (known | gone).items())]


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def required(message: str = N_("This field is required.")) -> InputRequired:
    return InputRequired(message=message)


def an_address() -> URL:
    return URL(require_tld=False, message=N_("This is not an address: it starts with https://"))


def _a_day(_form: Form, field: StringField) -> None:
    try:
        date.fromisoformat(field.data or "")
    except ValueError:
        raise ValidationError(N_("Write the day as 2030-12-31.")) from None


class SettingsForm(Form):
    """Base of every connector's settings: the address it calls can point at a sandbox or a proxy."""

    class Meta(DefaultMeta):
        """Blanks around what was pasted are dropped: a token with one looks right and is refused."""

        def bind_field(self, form: Any, unbound_field: Any, options: Any) -> Any:
            if issubclass(unbound_field.field_class, StringField):
                options = {**options, "filters": (*unbound_field.kwargs.get("filters", ()), _stripped)}
            return super().bind_field(form, unbound_field, options)

    #: names of fields shown folded away under "Advanced"
    advanced: ClassVar[tuple[str, ...]] = ("api_url",)
    #: names of fields that only show once there is a connection, e.g. those chosen from the system's own lists
    once_connected: ClassVar[tuple[str, ...]] = ()

    api_url = URLField(
        N_("API address"),
        [Optional(), an_address()],
        description=N_("Change it only to go through a proxy or to try a sandbox."),
    )
    valid_until = StringField(
        N_("Key valid until"),
        [Optional(), _a_day],
        default="",
        widget=DateInput(),
        description=N_("If the system told you when its key runs out: staff are reminded 14, 7 and 1 days before."),
    )

    def merged(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The values to store: a secret that came back as its mask keeps the one in `stored`."""
        kept = {f.name for f in self if isinstance(f, SecretField) and f.data == MASK}
        return {name: stored.get(name, "") if name in kept else value for name, value in self.data.items()}
