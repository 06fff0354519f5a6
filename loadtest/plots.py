"""Pictures of runs, for people: sorted latencies, latency over rate, and where the time goes."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from loadtest.report import described

# Okabe and Ito's, which the colour-blind can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#666666", "#F0E442")

Run = dict[str, Any]


def draw(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Draw what the runs have to show, a PNG each, and return their paths."""
    drawn = []
    for route in dict.fromkeys(run["route"] for run in runs):
        ours = [run for run in runs if run["route"] == route and run["latencies_ms"]]
        open_loop = [run for run in ours if run["arrivals"] == "poisson"]
        for what, shown, picture in (
            ("sorted", ours, _sorted),
            ("where-time-goes", ours, _where_time_goes),
            ("over-rate", open_loop, _over_rate),
        ):
            if shown:
                figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
                picture(axes, route, shown)
                drawn.append(saved(figure, folder / f"{route}-{what}.png"))
    return drawn


def tidy(axes: Axes, title: str, x: str, y: str) -> None:
    """Title, labels and a quiet frame."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)


def saved(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, making its folder, and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def _sorted(axes: Axes, route: str, runs: Sequence[Run]) -> None:
    """As ApacheBench's users plot it: how many requests were answered within a time."""
    for (label, latencies), colour in zip(_by_arrivals(runs).items(), COLOURS, strict=False):
        axes.plot(
            np.arange(1, len(latencies) + 1), np.sort(latencies) / 1000,
            marker=".", markersize=4, color=colour, label=label,
        )  # fmt: skip
    tidy(axes, f"{route}: latency, sorted", "request, from the fastest", "latency (s)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def _over_rate(axes: Axes, route: str, runs: Sequence[Run]) -> None:
    by_rate: dict[float, list[float]] = defaultdict(list)
    for run in runs:
        by_rate[run["rate"]] += run["latencies_ms"]
    rates = sorted(by_rate)
    for share, colour in ((95, COLOURS[1]), (50, COLOURS[0])):
        seconds = [np.percentile(by_rate[rate], share) / 1000 for rate in rates]
        axes.plot(rates, seconds, marker="o", color=colour, label=f"p{share}")
    title = f"{route}: latency over offered rate, Poisson arrivals"
    tidy(axes, title, "offered rate (requests/s)", "latency (s)")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.legend(frameon=False)


def _where_time_goes(axes: Axes, route: str, runs: Sequence[Run]) -> None:
    """Means, because the means of the stages add up to the mean latency."""
    labels = list(dict.fromkeys(described(run) for run in runs))
    stages = list(dict.fromkeys(stage for run in runs for stage in run["time"]))
    # What no stage accounts for goes on top.
    stages.sort(key=lambda stage: stage == "http")
    below = np.zeros(len(labels))
    for stage, colour in zip(stages, COLOURS, strict=False):
        heights = np.array([_mean_s(stage, label, runs) for label in labels])
        axes.bar(labels, heights, bottom=below, width=0.55, color=colour, label=stage)
        below += heights
    tidy(axes, f"{route}: where the time goes", "", "mean latency (s)")
    axes.set_xmargin(0.1)
    axes.legend(frameon=False, reverse=True, loc="center left", bbox_to_anchor=(1, 0.5))


def _mean_s(stage: str, label: str, runs: Sequence[Run]) -> float:
    """Seconds of a stage in the mean answer of the runs of a label."""
    return float(np.mean([
        np.mean(run["latencies_ms"]) / 1000 * run["time"].get(stage, {"share": 0.0})["share"]
        for run in runs if described(run) == label
    ]))  # fmt: skip


def _by_arrivals(runs: Sequence[Run]) -> dict[str, list[float]]:
    """Latencies in milliseconds, those of all rounds together."""
    latencies: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        latencies[described(run)] += run["latencies_ms"]
    return latencies
