"""Named metrics on rows small enough to count by hand."""

import math

import pytest

from serve_app.jobs.evaluate.scores import DEFAULT, NAMED, NotMeasurable


def row(truth, pred, circle=None):
    each = None if circle is None else {"circle": circle, "star": 1 - circle}
    return {"truth": truth, "pred": pred, "prob": 0.8, "probabilities": each}


ROWS = [
    row("circle", "circle", 0.9),
    row("circle", "star", 0.4),
    row("star", "star", 0.2),
    row("star", "star", 0.3),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.75),
        ("balanced_accuracy", 0.75),
        ("f1_macro", (2 / 3 + 4 / 5) / 2),
        ("f1_micro", 0.75),
        ("precision_macro", (1 + 2 / 3) / 2),
        ("recall_weighted", 0.75),
        ("cohen_kappa", 0.5),
        ("log_loss", -(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.7)) / 4),
        ("roc_auc", 1.0),
        ("top_3_accuracy", 1.0),
        ("brier", (3 * 0.2**2 + 0.8**2) / 4),
    ],
)
def test_classes(name, value):
    assert NAMED["classify"][name](ROWS) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("exact_match", 0.5), ("same_words", 0.5), ("word_error_rate", 2 / 6), ("word_f1", 0.9)],
)
def test_captions(name, value):
    rows = [row("a red circle", "A red circle."), row("a blue star", "a blue big star")]
    rows[1]["pred"] = "a star"
    expected = {"word_error_rate": 1 / 6}.get(name, value)
    assert NAMED["caption"][name](rows) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["log_loss", "roc_auc", "top_5_accuracy"])
def test_without_a_probability_of_each_class_they_say_so(name):
    with pytest.raises(NotMeasurable, match="prob_CLASS"):
        NAMED["classify"][name]([*ROWS, row("star", "star")])


def test_one_class_alone_has_no_auc():
    with pytest.raises(NotMeasurable, match="two classes"):
        NAMED["classify"]["roc_auc"](ROWS[:2])


def picture(pred, prob=None, shown=None, edge_f1=None):
    told = {"truth": "a red star", "pred": pred, "label": "star", "psnr": None}
    return {**told, "prob": prob, "shown": shown, "edge_f1": edge_f1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("word_f1", (1 + 4 / 5) / 2),
        ("word_recall", (1 + 2 / 3) / 2),
        ("same_words", 0.5),
        ("class_probability", 0.55),
        ("class_accuracy", 0.5),
        ("edge_f1", 0.75),
    ],
)
def test_pictures_are_measured_by_what_they_have(name, value):
    rows = [picture("a red star", 0.9, "star"), picture("a star", 0.2, "ring", 0.75), picture(None)]
    assert NAMED["generate"][name](rows) == pytest.approx(value)


@pytest.mark.parametrize("name", NAMED["generate"])
def test_pictures_without_what_a_metric_is_made_of_have_none(name):
    with pytest.raises(NotMeasurable, match="needs"):
        NAMED["generate"][name]([picture(None)])


def test_the_defaults_are_there():
    assert all(set(names) <= NAMED[task].keys() for task, names in DEFAULT.items())
