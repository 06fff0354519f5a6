"""A picture of two autoscaling policies under the same load: waits and replicas over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from loadtest.plots import COLOURS, plt, saved, tidy


class Series(Protocol):
    replicas: list[tuple[float, int]]
    waits: list[tuple[float, float]]


def draw(
    seen: Mapping[str, Series], phases: Sequence[str], phase_s: float, target_s: float, path: Path
) -> Path:
    """Two panels over one time axis; an image stands where it was finished."""
    figure, (top, bottom) = plt.subplots(2, figsize=(8, 5.6), sharex=True, layout="constrained")
    most = max(count for each in seen.values() for _, count in each.replicas)
    for (name, each), colour in zip(seen.items(), COLOURS, strict=False):
        label = f"by {name}"
        top.step(*zip(*each.replicas, strict=True), where="post", color=colour, label=label)
        bottom.scatter(*zip(*each.waits, strict=True), s=3, color=colour, label=label)
    for number, phase in enumerate(phases):
        top.text(number * phase_s + 1, most + 0.6, phase, va="top", fontsize=9)
        for axes in (top, bottom):
            axes.axvline(number * phase_s, color="#999999", linewidth=0.8)
    bottom.axhline(target_s, color="#333333", linewidth=0.8, linestyle="--", label="target")
    top.set_ylim(0, most + 0.7)
    top.set_yticks(range(most + 1))
    top.legend(frameon=False, loc="center right")
    bottom.set_ylim(bottom=0)
    bottom.legend(frameon=False, loc="upper left")
    tidy(top, "Autoscaling by the wait for a slot, and by the number of requests", "", "replicas")
    tidy(bottom, "", "time (s)", "wait for a slot (s)")
    return saved(figure, path)
