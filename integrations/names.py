"""Splits a full name that came in one field, as people in Ukraine (and in Russian) write it. Pure; loses no word.

A patronymic is told by its ending and tells what stands around it; without one a known first name does, then the ending
of a surname. What stays undecided is read the way documents have it: surname first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple


class FullName(NamedTuple):
    """In the order of the fields of types.Person."""

    last_name: str
    first_name: str
    patronymic: str


#: usual first names and their short forms, Ukrainian and Russian, in lower case
_MEN = """
адам александр алексей анатолий анатолій андрей андрій антон аркадий аркадій арсен арсений арсеній артем артур
богдан борис вадим валентин валерий валерій ваня василий василь вася виктор виталий владимир владислав вова
володимир всеволод вячеслав віктор віталій геннадий геннадій георгий георгій глеб гліб григорий григорій даниил
данил данило денис дима дмитрий дмитро діма евгений егор едуард женя захар зеновій иван игорь илья кирилл кирило
климентій коля константин костянтин лев леонид леонід льоша любомир лёша макар максим марат марк маркіян марян
матвей матвій микита микола мирон мирослав михаил михайло миша міша назар назарій нестор никита николай олег
олександр олексій олесь орест остап павел павло паша петр петро платон пётр родион родіон роман ростислав руслан
рустам саша святослав семен семён сергей сергій сидір соломон станіслав степан тарас тимофей тимофій тимур тихон
толя федор федір фёдор філіп эдуард юліан юрий юрій юхим яків ярема ярослав євген євгеній іван ігор ілля
"""
_WOMEN = """
агата алина алиса алла альбіна аліна аліса анастасія ангеліна анжела анжелика анжеліка анна антонина антоніна аня
валентина валерия валерія варвара василина вера вероника вероніка виктория виолетта владислава віка вікторія
віолетта віра віталіна галина ганна дар'я дарина дарья дарія диана діана ева евгения екатерина елена елизавета жанна
зинаида злата зоряна зоя зінаїда инна ирина карина катерина катя кира кристина ксения ксенія кіра лариса леся лидия
лилия любов любовь людмила лідія ліза лілія ліна майя мар'яна маргарита марина мария марта марьяна марія меланія
милана мирослава надежда надія наталия наталья наталя наталія наташа неля нина ніка ніна оксана олександра олена
олеся ольга оля полина поліна раиса раїса римма роксолана руслана светлана світлана соломія софия софья софія
станіслава таисия тамара таня татьяна таїсія тетяна ульяна уляна федора христина юлия юля юлія юстина яна ярина
ярослава єва євгенія єлизавета іванна інга інна іра ірина
"""


def _bare(word: str) -> str:
    """For comparing: lower case, without apostrophes (of which there are several) and edges that are no letters."""
    return re.sub(r"['’ʼ`]", "", word.casefold()).strip(".,;:-")


_MALE = frozenset(_bare(name) for name in _MEN.split())
_FIRST = _MALE | frozenset(_bare(name) for name in _WOMEN.split())
#: Павл-ович, Микол-айович, Серг-ійович: what is left of a man's name in his children's patronymics
_STEMS = tuple(sorted({re.sub(r"(?:[ійо]|ий|ій|ей|ай|ь|а|я)$", "", name) for name in _MALE}, key=len, reverse=True))
_OF_SON = re.compile(r"(?:(?:[аіїи]й|[йь])?ович|[аеиь]евич|євич|игоревич|ілліч|ильич|кузьмич|лукич|хомич|фомич)$")
_OF_DAUGHTER = re.compile(r"(?:івна|ївна|овна|евна|євна|ічна|інічна|инична)$")
_AFTER_NAME = frozenset(("огли", "оглы", "кизи", "кызы"))  # "Рашид огли"
_SURNAME = re.compile(
    r"(?:енко|[ую]к|чак|[сцз]ьк(?:ий|а)|[сц]кий|[сц]кая|[оеє]ва?|[иі]на?|ло|ів|їв|їна|ян|дзе|швілі|их)$"
)
#: a firm, or a remark: nobody's name in parts
_NO_NAME = re.compile(r"[\d\"«»“”()@/+]|\b(?:тов|пп|прат|ооо|зао|ltd|llc|gmbh)\b", re.IGNORECASE)
_LATIN = re.compile(r"^[A-Za-zÀ-ž'’.\- ]+$")


@lru_cache(maxsize=4096)
def split(given: str) -> FullName:
    """(last name, first name, patronymic). One word is a first name; a firm's name stays whole and stands there too."""
    words = [word for word in (part.strip(",;") for part in given.split()) if word]
    if len(words) < 2 or _NO_NAME.search(given):
        return FullName("", " ".join(given.split()), "")
    words = _joined(words)
    at = _patronymic(words)
    return _around(words, at) if at else _without(words)


def _joined(words: list[str]) -> list[str]:
    """ "Рашид", "огли" as one word: together they are a patronymic."""
    joined: list[str] = []
    for word in words:
        if joined and _bare(word) in _AFTER_NAME and len(joined) > 1:
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _patronymic(words: Sequence[str]) -> int:
    """Where it stands; 0 when there is none, for a name never begins with it."""
    return next((at for at in range(1, len(words)) if _is_patronymic(words, at)), 0)


def _is_patronymic(words: Sequence[str], at: int) -> bool:
    word = _bare(words[at])
    if word.rpartition(" ")[2] in _AFTER_NAME or _OF_DAUGHTER.search(word):
        return True
    if not _OF_SON.search(word):
        return False
    if len(words) > 2:
        return True
    # of two words the second may be a surname like Левкович: only a known man's son has a patronymic for certain
    ends = (word.removeprefix(stem) for stem in _STEMS if word.startswith(stem))
    return _bare(words[0]) in _MALE and (word in ("ілліч", "ильич") or any(map(_OF_SON.fullmatch, ends)))


def _around(words: Sequence[str], at: int) -> FullName:
    """Before the patronymic stands the first name; all else is the surname, wherever it is."""
    rest = [*words[: at - 1], *words[at + 1 :]]
    return FullName(" ".join(rest), words[at - 1], words[at])


def _without(words: Sequence[str]) -> FullName:
    ahead = _run(words)
    behind = _run(words[::-1])
    if ahead and (not behind or (len(words) > 2 and ahead >= behind) or _is_surname(words[-1])):
        return _cut(words, min(ahead, len(words) - 1))
    if behind:
        return _cut_last(words, min(behind, len(words) - 1))
    if _LATIN.match(" ".join(words)) or (_is_surname(words[-1]) and not _is_surname(words[0])):
        return _cut(words, len(words) - 1)
    return FullName(words[0], " ".join(words[1:]), "")


def _cut(words: Sequence[str], firsts: int) -> FullName:
    return FullName(" ".join(words[firsts:]), " ".join(words[:firsts]), "")


def _cut_last(words: Sequence[str], firsts: int) -> FullName:
    return FullName(" ".join(words[:-firsts]), " ".join(words[-firsts:]), "")


def _run(words: Sequence[str]) -> int:
    """How many known first names it begins with."""
    return next((at for at, word in enumerate(words) if _bare(word) not in _FIRST), len(words))


def _is_surname(word: str) -> bool:
    bare = _bare(word)
    return bare not in _FIRST and bool(_SURNAME.search(bare))
