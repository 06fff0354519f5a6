"""Worst cases come first."""

from serve_app.jobs.evaluate.answers import adherence, right, worst


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


def made(name, caption, prob=None, edge_f1=None):
    return {**row(name, "a red star", caption, prob), "edge_f1": edge_f1}


def test_pictures_that_are_least_what_was_asked_for_are_worst():
    rows = [made("a", "a red star"), made("b", "a red star", 0.9, 0.1), made("c", None, 0.9)]
    assert [each["id"] for each in worst(rows, "generate")] == ["c", "b", "a"]
    assert adherence(rows[1]) == 2 / 3


def test_a_picture_is_right_where_its_caption_says_all_that_was_asked_for():
    captions = ("a big red star on white", "a star", None)
    assert [right(made("a", each), "generate") for each in captions] == [True, False, False]
