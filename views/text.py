"""Languages, formats, and what every page's shell shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_decimal
from flask import Flask, g, has_request_context, request, session
from flask_babel import Babel, get_locale, gettext
from flask_login import current_user

LANGUAGES = {"en": "English", "uk": "Українська", "ru": "Русский"}
ZONE = ZoneInfo("Europe/Kyiv")


def init_app(app: Flask) -> None:
    Babel(app, locale_selector=_locale, timezone_selector=lambda: str(ZONE))
    app.jinja_env.filters.update(money=money, ago=ago, dt=full_time, day=day, phone=phone, num=number, t=translated)
    app.jinja_env.globals.update(languages=LANGUAGES, initials=initials)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.context_processor(_shell)


def _locale() -> str:
    """By user, then by what was chosen before login, then by browser."""
    if not has_request_context():
        return "en"
    chosen = getattr(current_user, "language", "") or session.get("language", "")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(list(LANGUAGES)) or "en"


def locale() -> str:
    return str(get_locale() or "en")


def translated(text: Any) -> str:
    """A text marked N_ elsewhere (names of seeded rows, labels of connectors), in the reader's language."""
    return gettext(str(text)) if text else ""


_SIGNS = {"UAH": "₴", "RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸", "PLN": "zł"}


def money(amount: Decimal | None, currency: str = "UAH") -> str:
    """1 250,00 ₴ in the reader's form, whole sums with their cents too: columns stay aligned."""
    if amount is None:
        return ""
    if locale() == "en":
        return str(format_currency(amount, currency, locale="en"))
    digits = format_decimal(amount, format="#,##0.00", locale=locale())
    return f"{digits} {_SIGNS.get(currency, currency)}"


def number(value: float | Decimal | None) -> str:
    return "" if value is None else str(format_decimal(value, locale=locale()))


def ago(moment: datetime | None) -> str:
    """Short and relative within a day, then the date."""
    if moment is None:
        return ""
    passed = datetime.now(UTC) - moment
    if abs(passed.total_seconds()) < 45:
        return gettext("just now")
    if abs(passed.total_seconds()) < 86400:
        return str(format_timedelta(-passed, add_direction=True, format="narrow", locale=locale()))
    return day(moment)


def day(moment: datetime) -> str:
    local = moment.astimezone(ZONE)
    same_year = local.year == datetime.now(ZONE).year
    if same_year:
        return str(format_date(local, "d MMM", locale=locale())).rstrip(".")
    return str(format_date(local, "dd.MM.yyyy", locale=locale()))


def full_time(moment: datetime | None) -> str:
    return "" if moment is None else str(format_datetime(moment, "dd.MM.yyyy HH:mm:ss", tzinfo=ZONE, locale=locale()))


def phone(value: str) -> str:
    """+380 50 111 2233; what can't be read as a phone stays as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(value, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return value


def initials(text: str) -> str:
    words = [word for word in text.replace("-", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper()


@dataclass
class NavItem:
    """An entry of the left bar."""

    endpoint: str
    label: str
    icon: str
    badge: int = 0
    active: bool = False


def _shell() -> dict[str, Any]:
    from flask import current_app

    entries = [
        ("dashboard.index", gettext("Dashboard"), "layout-dashboard"),
        ("orders.index", gettext("Orders"), "shopping-cart"),
        ("problems.index", gettext("Problems"), "alert-triangle"),
        ("products.index", gettext("Catalogue"), "box"),
        ("automation.index", gettext("Automation"), "robot"),
        ("activity.index", gettext("Activity"), "activity"),
        ("settings.index", gettext("Settings"), "settings"),
    ]
    here = request.blueprint if has_request_context() else ""
    badges = {"problems.index": g.get("problem_count", 0)}
    nav = [
        NavItem(endpoint, label, icon, badges.get(endpoint, 0), here == endpoint.split(".")[0])
        for endpoint, label, icon in entries
        if endpoint in current_app.view_functions
    ]
    return {"nav": nav, "locale": locale()}
