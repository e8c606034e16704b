"""Languages, formats, and what every page's shell shows."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import phonenumbers
from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal
from flask import Flask, current_app, g, has_request_context, request, session
from flask_babel import Babel, get_locale, get_translations, gettext, lazy_gettext
from flask_login import current_user
from markupsafe import Markup

from orders.days import ZONE

LANGUAGES = {"en": "English", "uk": "Українська", "ru": "Русский"}


def init_app(app: Flask) -> None:
    Babel(app, locale_selector=_locale, timezone_selector=lambda: str(ZONE))
    app.jinja_env.filters.update(
        money=money,
        ago=ago,
        dt=full_time,
        minute=full_minute,
        day=day,
        phone=phone,
        num=number,
        t=translated,
        said=said,
        currency_sign=currency_sign,
    )
    app.jinja_env.globals.update(languages=LANGUAGES, initials=initials)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Flask-Babel looks the catalogue up in the context at each text; a page has hundreds of them
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension above
        lambda text: catalogue().ugettext(text), lambda one, more, n: catalogue().ungettext(one, more, n), newstyle=True
    )
    app.jinja_env.globals["_"] = _in_templates
    app.before_request(_forget_catalogue)
    app.teardown_request(_forget_catalogue)
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
    """The reader's language, looked up once a request."""
    found = _language.get()
    if not found:
        found = str(get_locale() or "en")
        if has_request_context():
            _language.set(found)
    return found


def translated(text: Any) -> str:
    """A text marked N_ elsewhere (names of seeded rows, labels of connectors), in the reader's language."""
    return catalogue().ugettext(str(text)) if text else ""


def said(words: Any) -> str:
    """Words about a failure. The vendor's stay as they are; of ours the first line may be a sentence marked N_, with
    names and numbers in the lines below."""
    first, _, rest = str(words or "").partition("\n")
    return " ".join(filter(None, (translated(first), rest)))


_catalogue: ContextVar[Any] = ContextVar("catalogue", default=None)
_language: ContextVar[str] = ContextVar("language", default="")


def catalogue() -> Any:
    """The texts in the reader's language, looked up once a request."""
    found = _catalogue.get()
    if found is None:
        found = get_translations()
        if has_request_context():
            _catalogue.set(found)
    return found


def _forget_catalogue(_error: BaseException | None = None) -> None:
    _catalogue.set(None)
    _language.set("")


def _in_templates(text: str, **values: Any) -> Markup:
    """What Jinja's own `_` does, at a quarter of its cost: a card has dozens of texts, few of them with values."""
    found = Markup(catalogue().ugettext(text))  # noqa: S704 - the catalogues are ours; values are escaped
    return found % values if values or "%" in found else found


_SIGNS = {"UAH": "₴", "RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸", "PLN": "zł"}


def money(amount: Decimal | None, currency: str = "UAH", language: str = "") -> str:
    """1 250,00 ₴ in the reader's form, whole sums with their cents too: columns stay aligned. `language`: for those
    who format many and know it already; asking Flask-Babel each time costs more than the formatting."""
    if amount is None:
        return ""
    before, after, point, group = _money_form(currency, language or locale())
    digits = f"{abs(amount):,.2f}"
    if point != ".":
        digits = digits.translate({44: group, 46: point})
    return f"{'-' if amount < 0 else ''}{before}{digits}{after}"


@lru_cache(maxsize=200)
def _money_form(currency: str, language: str) -> tuple[str, str, str, str]:
    """What stands before and after the digits, the decimal point and the group mark. Found out once from Babel:
    formatting fifty sums with it costs more than reading them from the database."""
    if language == "en":
        return _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}"), "", ".", ","
    sample = format_decimal(Decimal("1000.5"), format="#,##0.00", locale=language)
    return "", f"\N{NO-BREAK SPACE}{_SIGNS.get(currency, currency)}", sample[-3], sample[1]


def currency_sign(currency: str) -> str:
    """₴ for UAH; a currency without a sign of its own keeps its code."""
    return _SIGNS.get(currency, currency)


def number(value: float | Decimal | None) -> str:
    return "" if value is None else _number(value, locale())


@lru_cache(maxsize=5000)
def _number(value: float | Decimal, language: str) -> str:
    return str(format_decimal(value, locale=language))


def ago(moment: datetime | None, language: str = "") -> str:
    """Short and relative within a day, then the date. `language` as in `money`."""
    if moment is None:
        return ""
    passed = (datetime.now(UTC) - moment).total_seconds()
    if abs(passed) < 45:
        return gettext("just now")
    if abs(passed) < 86400:
        step = 60 if abs(passed) < 3600 else 3600
        return _passed(round(passed / step) or 1, step, language or locale())
    return day(moment, language)


@lru_cache(maxsize=500)
def _passed(count: int, step: int, language: str) -> str:
    return str(format_timedelta(timedelta(seconds=-count * step), add_direction=True, format="short", locale=language))


def age(moment: datetime, now: datetime, year: int) -> int:
    """What `ago` makes its words of, as one number; `year`: the one that it is here."""
    passed = (now - moment).total_seconds()
    if abs(passed) < 45:
        return 0
    if abs(passed) < 3600:
        return round(passed / 60)
    return 1000 + round(passed / 3600) if abs(passed) < 86400 else -year


def age_lasts(moment: datetime, now: datetime) -> float:
    """Seconds until `age` changes, at the least."""
    passed = (now - moment).total_seconds()
    if passed < 45:
        return 1 if passed < 0 else 45 - passed
    if passed < 86400:
        step = 60 if passed < 3600 else 3600
        return min((round(passed / step) + 0.5) * step, 3600 if step == 60 else 86400) - passed
    return 3600  # a year may end


def day(moment: datetime, language: str = "") -> str:
    local = moment.astimezone(ZONE)
    return _day(local.date(), local.year == datetime.now(ZONE).year, language or locale())


@lru_cache(maxsize=2000)
def _day(date: date, this_year: bool, language: str) -> str:
    if this_year:
        return str(format_date(date, "d MMM", locale=language)).rstrip(".")
    return str(format_date(date, "dd.MM.yyyy", locale=language))


def full_time(moment: datetime | None) -> str:
    """The same in every language of ours: digits only."""
    return "" if moment is None else moment.astimezone(ZONE).strftime("%d.%m.%Y %H:%M:%S")


def full_minute(moment: datetime | None) -> str:
    """For deadlines, where seconds would only be read past."""
    return full_time(moment)[:-3]


#: mobile numbers, as libphonenumber groups them; asking it costs more than the rest of a row
_MOBILE_UA = re.compile(r"^\+380(39|50|6[36-8]|7[1-3]|9[1-9])(\d{3})(\d{4})$")
_MOBILE_RU = re.compile(r"^\+7(9\d\d)(\d{3})(\d\d)(\d\d)$")


def phone(value: str) -> str:
    """+380 50 111 2233; what can't be read as a phone stays as it is."""
    if found := _MOBILE_UA.match(value):
        return f"+380 {found[1]} {found[2]} {found[3]}"
    if found := _MOBILE_RU.match(value):
        return f"+7 {found[1]} {found[2]}-{found[3]}-{found[4]}"
    return _phone(value)


@lru_cache(maxsize=5000)
def _phone(value: str) -> str:
    try:
        return phonenumbers.format_number(phonenumbers.parse(value, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return value


def initials(text: str) -> str:
    """Two letters for a tile: of the first two words, else the first two capitals, else the first two letters."""
    words = text.replace("-", " ").split()
    if len(words) > 1:
        found = words[0][0] + words[1][0]
    else:
        found = "".join(letter for letter in text if letter.isupper())[:2]
    return (found if len(found) == 2 else text.strip()[:2]).upper()


#: blueprints whose pages belong to an entry of the left bar that is not their own
SETTINGS_PAGES: tuple[str, ...] = (
    *("account", "users", "registries", "integrations", "connect", "mappings", "hook_links"),
    *("api_tokens", "webhooks", "delivery_methods", "retention", "stock", "notices", "shop_options"),
)
CATALOGUE_PAGES = ("product", "categories", "catalogue_matching", "catalogue_files")
ORDER_PAGES = ("orders_bulk", "orders_views", "card", "exports", "imports", "preorders", "prints", "delivery", "held")


@dataclass(frozen=True, eq=False)
class NavItem:
    """An entry of the left bar; `_nav` gives the same ones again."""

    endpoint: str
    key: str  # that leads there after g
    label: str
    icon: str
    badge: int = 0
    active: bool = False


_NAV = (
    ("dashboard.index", "d", lazy_gettext("Dashboard"), "layout-dashboard"),
    ("orders.index", "o", lazy_gettext("Orders"), "shopping-cart"),
    ("problems.index", "p", lazy_gettext("Problems"), "alert-triangle"),
    ("products.index", "c", lazy_gettext("Catalogue"), "package"),
    ("automation.index", "u", lazy_gettext("Automation"), "robot"),
    ("expenses.index", "e", lazy_gettext("Expenses"), "coin"),
    ("activity.index", "a", lazy_gettext("Activity"), "activity"),
    ("settings.index", "s", lazy_gettext("Settings"), "settings"),
)


def _shell() -> dict[str, Any]:
    here = request.blueprint if has_request_context() else ""
    here = "settings" if here in SETTINGS_PAGES else "orders" if here in ORDER_PAGES else here
    here = "products" if here in CATALOGUE_PAGES else here
    there = tuple(endpoint for endpoint, *_ in _NAV if endpoint in current_app.view_functions)
    language = locale()
    return {
        "nav": _nav(language, here or "", g.get("problem_count", 0), there),
        "locale": language,
        "density": getattr(current_user, "density", "compact"),
    }


@lru_cache(maxsize=500)
def _nav(_language: str, here: str, problems: int, there: tuple[str, ...]) -> tuple[NavItem, ...]:
    badges = {"problems.index": problems}
    return tuple(
        NavItem(endpoint, key, str(label), icon, badges.get(endpoint, 0), here == endpoint.split(".")[0])
        for endpoint, key, label, icon in _NAV
        if endpoint in there
    )
