"""Metrics of the pipeline, also those that a user wrote, and wrote wrongly."""

import json

import pytest

from serve_app.jobs.evaluate.metrics import chosen, confusion, custom, measured, metrics, of_each
from serve_app.jobs.evaluate.run_folder import Left
from serve_app.jobs.folders.inputs import Unusable
from tests.unit.jobs.evaluate.folder import run_of

OWN = """
import warnings
from dataclasses import dataclass

@dataclass
class Counted:
    n: int

def share_dark(rows):
    return sum(row["given"].get("light") == "dark" for row in rows) / Counted(len(rows)).n

def both(rows):
    rows.clear()
    return {"a": 1, "b": float("nan")}

def warning(rows):
    warnings.warn("few rows")
    return 1

def raising(rows):
    return rows[0]["none"]

def word(rows):
    return "0.5"

number = 3
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return lambda name: f"{path}:{name}"


def row(truth, pred, **given):
    told = {"truth": truth, "pred": pred, "prob": None, "probabilities": None}
    return {"id": pred, "image": None, "given": given, **told}


ROWS = [row("circle", "circle", light="dark"), row("star", "moon")]


def test_the_step_leaves_values_and_a_confusion(tmp_path, own):
    run = run_of(tmp_path, metrics=["accuracy", "log_loss", own("share_dark")])
    run.write("join", Left(ROWS, (), {"classes": ["star", "circle"], "total": 4}))
    left = metrics(run)
    assert left.more["values"] == {
        "coverage": 0.5,
        "accuracy": 0.5,
        "log_loss": None,
        "share_dark": 0.5,
    }
    assert [each.of for each in left.problems] == ["log_loss"]
    assert left.more["confusion"]["labels"] == ["star", "circle", "moon"]
    assert [each["support"] for each in left.more["classes"]] == [1, 1, 0]
    json.dumps(left.more, allow_nan=False)


def test_without_answers_own_metrics_have_all_rows(tmp_path, own):
    run = run_of(tmp_path, metrics=["accuracy", own("share_dark")])
    rows = [row(None, "circle", light="dark")]
    run.write("join", Left(rows, (), {"classes": [], "total": 1}))
    values = metrics(run).more["values"]
    assert values["accuracy"] is None and values["share_dark"] == 1


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("both", {"both.a": 1.0, "both.b": None}, "both.b is nan, which is no number"),
        ("warning", {"warning": 1.0}, "warns: few rows"),
        ("raising", {"raising": None}, "KeyError: 'none'"),
        ("word", {"word": None}, "word is 0.5, which is no number"),
    ],
)
def test_what_an_own_metric_does_wrong_is_told(own, name, values, problem):
    assert measured(name, custom(own(name)), ROWS) == (values, [problem])
    assert len(ROWS) == 2


def test_a_module_names_a_metric_too():
    assert custom("statistics:fmean")([1, 2]) == 1.5


@pytest.mark.parametrize(
    "name", ["accuraccy", "none_such:f", "os:none", "os:name", "none.py:f", ":f", "a:"]
)
def test_a_metric_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(Unusable, match="metrics:"):
        chosen(run_of(tmp_path, metrics=[name]).pipeline)


def test_a_file_that_does_not_load_is_refused(tmp_path, own):
    (tmp_path / "bad.py").write_text("1 / 0")
    with pytest.raises(Unusable, match="ZeroDivisionError"):
        custom(f"{tmp_path / 'bad.py'}:f")
    with pytest.raises(Unusable, match="is no function"):
        custom(own("number"))
    with pytest.raises(Unusable, match="two are called"):
        chosen(run_of(tmp_path, metrics=["accuracy", "accuracy"]).pipeline)


def test_a_confusion_counts_truths_in_rows():
    found = confusion([row("a", "b"), row("a", "a"), row("a", "b")], ["b", "a", "c"])
    assert found == {"labels": ["b", "a"], "counts": [[0, 0], [2, 1]]}


def test_the_scores_of_each_class_are_scikit_learns():
    from sklearn.metrics import precision_recall_fscore_support

    pairs = ["aa", "ab", "ab", "bb", "ca", "bd"]
    found = confusion([row(*pair) for pair in pairs], "abcd")
    expected = precision_recall_fscore_support(
        [pair[0] for pair in pairs], [pair[1] for pair in pairs], labels=list("abcd"),
        zero_division=0,
    )  # fmt: skip
    told = [
        [each[name] or 0 for name in ("precision", "recall", "f1", "support")]
        for each in of_each(**found)
    ]
    assert told == [pytest.approx(list(each)) for each in zip(*expected, strict=True)]
    assert of_each(**found)[2]["precision"] is None and of_each(**found)[3]["recall"] is None
