"""Predictions meet their inputs by base name; what does not fit is told."""

import pytest

from serve_app.jobs.evaluate.join import joined, probability
from tests.unit.jobs.evaluate.folder import loaded, problems_of

CLASSES = ["circle", "star"]


def prediction(name, pred, prob="0.9", **each):
    return {"id": name, "pred": pred, "prob": prob, **each}


def test_joined_on_base_names():
    table = [prediction("deep/b.png", "star"), prediction("a.png", "circle", "0.75")]
    left = joined(loaded(**{"a.png": "circle", "b.png": "circle"}), table, "pred", CLASSES)
    assert [(row["id"], row["pred"], row["prob"]) for row in left.rows] == [
        ("a.png", "circle", 0.75),
        ("b.png", "star", 0.9),
    ]
    assert not left.problems and left.more == {"classes": CLASSES, "total": 2}


def test_what_does_not_fit_is_told():
    truths = {"a": "circle", "b": "star", "c": "sun", "d": "star", "e": "star"}
    table = [
        prediction("a", "circle"),
        prediction("a", "star"),
        prediction("b", "moon"),
        prediction("c", "star"),
        prediction("d", ""),
        prediction("z", "star"),
        prediction(None, "star"),
    ]
    left = joined(loaded(**truths), table, "pred", CLASSES)
    assert [(row["id"], row["pred"]) for row in left.rows] == [("a", "circle"), ("b", "moon")]
    assert problems_of(left) == {
        ("a", "a second prediction: the first counts"),
        ("b", "unknown class 'moon': counts as wrong"),
        ("c", "unknown class 'sun' in the inputs: left out"),
        ("d", "no pred"),
        ("e", "no prediction"),
        ("z", "a prediction for what is not among the inputs"),
        ("row 7", "no id"),
    }


@pytest.mark.parametrize("prob", ["nan", "inf", "1.01", "-0.1", "sure", "", None, "0x1"])
def test_a_prob_that_is_none_leaves_the_row(prob):
    left = joined(loaded(a="star"), [prediction("a", "star", prob)], "pred", CLASSES)
    assert left.rows[0]["prob"] is None
    ((of, problem),) = problems_of(left)
    assert of == "a" and "is no probability" in problem


@pytest.mark.parametrize(
    ("circle", "star", "told"),
    [("0.25", "0.75", ""), ("0.9", "0.9", "add up to 1.8"), ("nan", "0.5", "prob_circle 'nan'")],
)
def test_probabilities_of_each_class(circle, star, told):
    row = prediction("a", "star", prob_circle=circle, prob_star=star)
    left = joined(loaded(a="star"), [row], "pred", CLASSES)
    expected = None if told else {"circle": 0.25, "star": 0.75}
    assert left.rows[0]["probabilities"] == expected
    assert [told in problem for _, problem in problems_of(left)] == ([True] if told else [])


def test_captions_have_no_probabilities():
    left = joined(loaded(a="a red circle"), [{"id": "a", "caption": ""}], "caption", None)
    assert left.rows[0]["pred"] == "" and "prob" not in left.rows[0] and not left.problems


@pytest.mark.parametrize(("value", "number"), [("1", 1.0), (0, 0.0), (True, 1.0), ([], None)])
def test_probability(value, number):
    assert probability(value) == number
