"""Texts by their words."""

import pytest

from serve_app.jobs import words


def test_words_have_no_case_and_no_stops():
    assert words.words("A red ring, a star.") == ["a", "red", "ring", "a", "star"]


@pytest.mark.parametrize(
    ("text", "other", "same", "f1", "recall"),
    [
        ("a b", "B, a.", True, 1, 1),
        ("a a b", "a b", False, 0.8, 2 / 3),
        ("a", "a b c", False, 0.5, 1),
        ("a", "", False, 0, 0),
        ("", "", True, 1, 1),
    ],
)
def test_pairs(text, other, same, f1, recall):
    assert words.same(text, other) is same
    assert words.f1(text, other) == pytest.approx(f1)
    assert words.recall(text, other) == pytest.approx(recall)


def test_pooled_words_weigh_the_same_whichever_pair_they_are_of():
    assert words.pooled_f1(["a b c", "d"], ["a b c", "e"]) == pytest.approx(6 / 8)
