"""Which rows are right, and which are worst.

A made picture is right where its caption has every word of the prompt."""

from collections.abc import Callable, Sequence
from typing import Any

from serve_app.jobs import words
from serve_app.jobs.evaluate.run_folder import Row

_RIGHT: dict[str, Callable[[Row], bool]] = {
    "classify": lambda row: bool(row["truth"] == row["pred"]),
    "caption": lambda row: words.same(row["truth"], row["pred"]),
    "generate": lambda row: words.recall(row["truth"], row["pred"] or "") == 1,
}
_WORST_FIRST: dict[str, Callable[[Row], Any]] = {
    "classify": lambda row: -(row["prob"] or 0.0),  # the surest mistakes
    "caption": lambda row: words.f1(row["truth"], row["pred"]),
    "generate": lambda row: adherence(row),
}


def right(row: Row, task: str) -> bool | None:
    """None where no answer is known."""
    return None if row["truth"] is None else _RIGHT[task](row)


def worst(rows: Sequence[Row], task: str) -> list[Row]:
    """The wrong ones: classes by how sure the model was, captions by how few words are right. Of
    made pictures all, by how little they are what was asked for."""
    some = [row for row in rows if task == "generate" or right(row, task) is False]
    return sorted(some, key=_WORST_FIRST[task])


def adherence(row: Row) -> float:
    """The mean of what a made picture has of word F1, the label's probability and edge F1."""
    scores = [words.f1(row["truth"], row["pred"] or ""), row["prob"], row["edge_f1"]]
    known = [score for score in scores if score is not None]
    return float(sum(known) / len(known))
