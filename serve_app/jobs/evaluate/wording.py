"""Words that report.md, report.html and the command share."""

from collections.abc import Mapping
from typing import Any

CHANGES = {
    "newly_wrong": "Right before, wrong now",
    "newly_right": "Wrong before, right now",
    "only_now": "Only in this run",
    "only_before": "Only in the earlier run",
}

CASES = {
    "classify": {"truth": "true", "pred": "predicted", "prob": "probability"},
    "caption": {"truth": "true", "pred": "predicted"},
    "generate": {
        "truth": "prompt",
        "pred": "caption",
        "label": "class",
        "shown": "classified as",
        "prob": "probability of the class",
        "edge_f1": "edge F1",
        "psnr": "PSNR in dB",
    },
}
"""What is told of one row, and its name, by task."""
CLASS_SCORES = ("precision", "recall", "f1", "support")


def case(row: Mapping[str, Any], task: str) -> dict[str, str]:
    """What is told of a row by its name; "none" for what it has not."""
    told = {name: row.get(key) for key, name in CASES[task].items()}
    return {name: v if isinstance(v, str) else shown(v) for name, v in told.items()}


def class_cells(each: Mapping[str, Any]) -> list[str]:
    """A class and its scores."""
    scores = [shown(each[name]) for name in CLASS_SCORES if name != "support"]
    return [each["class"], *scores, str(each["support"])]


def bounds(each: Mapping[str, Any]) -> str:
    named = {"at_least": "at least", "at_most": "at most"}
    parts = [f"{text} {each[key]:g}" for key, text in named.items() if key in each]
    for key, text in (("at_most_below", "below"), ("at_most_above", "above")):
        if key in each:
            parts.append(f"at most {each[key]:g} {text} {shown(each['before'])}")
    return ", ".join(parts)


def kept(each: Mapping[str, Any]) -> str:
    return "kept" if each["passed"] else "missed"


def shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
