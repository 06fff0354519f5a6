"""Which rows are right, and which are worst."""

from collections.abc import Callable, Sequence
from typing import Any

from serve_app.jobs import words
from serve_app.jobs.evaluate.run_folder import Row

_RIGHT: dict[str, Callable[[Row], bool]] = {
    "classify": lambda row: bool(row["truth"] == row["pred"]),
    "caption": lambda row: words.same(row["truth"], row["pred"]),
}
_WORST_FIRST: dict[str, Callable[[Row], Any]] = {
    "classify": lambda row: -(row["prob"] or 0.0),  # the surest mistakes
    "caption": lambda row: words.f1(row["truth"], row["pred"]),
}


def right(row: Row, task: str) -> bool | None:
    """None where no answer is known."""
    return None if row["truth"] is None else _RIGHT[task](row)


def worst(rows: Sequence[Row], task: str) -> list[Row]:
    """The wrong ones: classes by how sure the model was, captions by how few words are right."""
    return sorted((row for row in rows if right(row, task) is False), key=_WORST_FIRST[task])
