"""The check that guards the languages."""

from __future__ import annotations

import pytest
from babel.messages.catalog import Catalog

from ops import check_translations


def catalogue(*messages: tuple) -> Catalog:
    made = Catalog(locale="uk")
    for message, string, *flags in messages:
        made.add(message, string, flags=flags)
    return made


@pytest.mark.parametrize(
    ("translated", "complaint"),
    [
        (("Sent to %(name)s", "Надіслано до %(name)s"), None),
        (("Something else", "Інше"), "missing"),
        (("Sent to %(name)s", ""), "not translated"),
        (("Sent to %(name)s", "Надіслано до %(name)s", "fuzzy"), "fuzzy"),
        (("Sent to %(name)s", "Надіслано до %(title)s"), "placeholders differ"),
    ],
)
def test_one_message(translated, complaint):
    found = list(check_translations.check(catalogue(("Sent to %(name)s", "")), catalogue(translated)))
    assert len(found) == (complaint is not None)
    assert not complaint or complaint in found[0]


def test_every_plural_form_counts():
    ids = ("%(num)d order", "%(num)d orders")
    source = catalogue((ids, ("", "")))
    whole = ("%(num)d замовлення", "%(num)d замовлення", "%(num)d замовлень")
    assert list(check_translations.check(source, catalogue((ids, whole)))) == []
    assert "not translated" in next(check_translations.check(source, catalogue((ids, (*whole[:2], "")))))


def test_a_missing_language_fails(tmp_path, capsys):
    (tmp_path / "messages.pot").write_text('msgid ""\nmsgstr ""\n\nmsgid "Orders"\nmsgstr ""\n')
    assert check_translations.main([str(tmp_path / "messages.pot"), str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("is missing") == 2


def test_complete_languages_pass(tmp_path, capsys):
    (tmp_path / "messages.pot").write_text('msgid ""\nmsgstr ""\n\nmsgid "Orders"\nmsgstr ""\n')
    for language, word in (("uk", "Замовлення"), ("ru", "Заказы")):
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "messages.po").write_text(
            'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n' + f'msgid "Orders"\nmsgstr "{word}"\n'
        )
    assert check_translations.main([str(tmp_path / "messages.pot"), str(tmp_path)]) == 0
    assert "1 messages complete in uk, ru" in capsys.readouterr().out
