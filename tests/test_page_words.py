"""The model camera page has words for all that the API may answer to it, in both languages."""

import re

import pytest

from tests.browser.words import CODES, WORDS, Problem, problems

EN, VI = WORDS["en"], WORDS["vi"]
FACTS = {"name", "time", "minutes", "wait"}


def facts(words: list[str]) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", " ".join(words)))


def test_there_are_words_for_each_refusal_of_the_two_calls_and_for_no_other() -> None:
    assert set(CODES) == set(problems())


@pytest.mark.parametrize(("code", "problem"), sorted(problems().items()))
def test_who_is_refused_is_told_how_long_to_wait_where_the_api_says_so(code: str, problem: Problem) -> None:
    for words in (EN, VI):
        assert facts(words["outcomes"][CODES[code]]) == ({"wait"} if problem.has_wait else set())


def test_both_languages_say_the_same_things() -> None:
    assert EN.keys() == VI.keys()
    assert EN["outcomes"].keys() == VI["outcomes"].keys()


@pytest.mark.parametrize("outcome", EN["outcomes"])
def test_an_outcome_has_a_title_and_what_to_do_in_both_languages(outcome: str) -> None:
    english, vietnamese = EN["outcomes"][outcome], VI["outcomes"][outcome]
    for said in (english, vietnamese):
        title, text = said
        assert title
        assert text.endswith(".")
    assert facts(english) == facts(vietnamese) <= FACTS
    assert not set(english) & set(vietnamese)
