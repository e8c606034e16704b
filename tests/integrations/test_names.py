"""Full names in one field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.names import split

CASES = """
Шевченко Олена Іванівна       | Шевченко, Олена, Іванівна
Олена Іванівна Шевченко       | Шевченко, Олена, Іванівна
ШЕВЧЕНКО ОЛЕНА ІВАНІВНА       | ШЕВЧЕНКО, ОЛЕНА, ІВАНІВНА
Дем'янчук Мар'яна Іллівна     | Дем'янчук, Мар'яна, Іллівна
Мар’яна Дем’янчук             | Дем’янчук, Мар’яна,
Олена Шевченко                | Шевченко, Олена,
Шевченко, Олена               | Шевченко, Олена,
Левицька Соломія              | Левицька, Соломія,
Сергеев Сергей Сергеевич      | Сергеев, Сергей, Сергеевич
Наталья Сергеевна Игнатьева   | Игнатьева, Наталья, Сергеевна
Кузьменко Ілля Ілліч          | Кузьменко, Ілля, Ілліч
Петрович Іван Васильович      | Петрович, Іван, Васильович
Іван Васильович Петрович      | Петрович, Іван, Васильович
Юшкевич Андрій Миколайович    | Юшкевич, Андрій, Миколайович
Нечуй Левицький Іван Семенович| Нечуй Левицький, Іван, Семенович
Олена Іванівна Коваль Зубенко | Коваль Зубенко, Олена, Іванівна
Мамедов Ельчин Рашид огли     | Мамедов, Ельчин, Рашид огли
Іван Петрович                 | , Іван, Петрович
Микола Миколайович            | , Микола, Миколайович
Петро Павлович                | , Петро, Павлович
Илья Ильич                    | , Илья, Ильич
Олена Петрівна                | , Олена, Петрівна
Андрій Левкович               | Левкович, Андрій,
Олена Петрович                | Петрович, Олена,
Борис Гуревич                 | Гуревич, Борис,
Абрамович Роман               | Абрамович, Роман,
Роман Іван                    | Роман, Іван,
Марія Анна Коваль             | Коваль, Марія Анна,
Коваль Марія Анна             | Коваль, Марія Анна,
Анна Марія                    | Анна, Марія,
Ванга Зубенко                 | Зубенко, Ванга,
Зубр Куст                     | Зубр, Куст,
Зубр Куст Третій              | Зубр, Куст Третій,
John Smith                    | Smith, John,
Anna Maria de Boer            | Boer, Anna Maria de,
Олена                         | , Олена,
ТОВ «Ромашка плюс»            | , ТОВ «Ромашка плюс»,
Олена (під'їзд 3)             | , Олена (під'їзд 3),
"""


@pytest.mark.parametrize("row", [row for row in CASES.splitlines() if row])
def test_names_as_customers_type_them(row: str) -> None:
    whole, parts = row.split("|")
    assert ", ".join(split(whole.strip())).strip() == parts.strip()


def test_nothing_is_an_empty_name() -> None:
    assert split("  ") == ("", "", "")


@given(st.text(st.sampled_from("абвгдіїєьйо’'-,; \t()7aбz"), max_size=40))
def test_whatever_is_typed_no_word_is_lost_or_made(typed: str) -> None:
    words = [word for part in split(typed) for word in part.split()]
    bare = [word for word in (part.strip(",;") for part in typed.split()) if word]
    assert sorted(words) == sorted(bare) or sorted(words) == sorted(typed.split())


_LAST = st.sampled_from(("Шевченко", "Юшкевич", "Дем'янчук", "Петрович", "Коваль", "Абрамович", "Сорока", "Іванів"))
_FIRST = st.sampled_from((("Олена", "Іванівна"), ("Ілля", "Ілліч"), ("Пилип", "Орестович"), ("Дар'я", "Сергіївна")))


@given(_LAST, _FIRST)
def test_a_whole_name_means_the_same_in_both_orders(last: str, given_names: tuple[str, str]) -> None:
    first, patronymic = given_names
    wanted = (last, first, patronymic)
    assert split(f"{last} {first} {patronymic}") == split(f"{first} {patronymic} {last}") == wanted
