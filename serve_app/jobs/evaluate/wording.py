"""Words that report.md, report.html and the command share."""

from collections.abc import Mapping
from typing import Any

CHANGES = {
    "newly_wrong": "Right before, wrong now",
    "newly_right": "Wrong before, right now",
    "only_now": "Only in this run",
    "only_before": "Only in the earlier run",
}


def bounds(each: Mapping[str, Any]) -> str:
    named = {"at_least": "at least", "at_most": "at most"}
    return ", ".join(f"{text} {each[key]:g}" for key, text in named.items() if key in each)


def kept(each: Mapping[str, Any]) -> str:
    return "kept" if each["passed"] else "missed"


def shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
