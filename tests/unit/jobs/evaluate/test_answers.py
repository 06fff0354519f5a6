"""Worst cases come first."""

from serve_app.jobs.evaluate.answers import worst


def row(name, truth, pred, prob=0.5):
    return {"id": name, "truth": truth, "pred": pred, "prob": prob}


def test_the_surest_mistakes_are_worst():
    rows = [row("a", "x", "x", 1), row("b", "x", "y", 0.6), row("c", "x", "y", 0.9)]
    rows += [row("d", "x", "y", None), row("e", None, "y", 0.99)]
    assert [each["id"] for each in worst(rows, "classify")] == ["c", "b", "d"]


def test_the_captions_with_the_fewest_right_words_are_worst():
    rows = [row("a", "a red star", "red a star"), row("b", "a red star", "a red ring")]
    rows += [row("c", "a red star", "blue")]
    assert [each["id"] for each in worst(rows, "caption")] == ["c", "b"]
