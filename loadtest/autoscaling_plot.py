"""A picture of a deployment that grows and shrinks: replicas, requests in flight, latencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.client import OK, Answer
from loadtest.plots import COLOURS, plt, saved, tidy


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment, in seconds from the start."""

    s: float
    running: int  # replicas that take work
    target: int  # and those being started
    in_flight: int


def draw(samples: Sequence[Sample], answers: Sequence[Answer], deployment: str, path: Path) -> Path:
    """Three panels over one time axis; a request stands where it was sent."""
    figure, (top, middle, bottom) = plt.subplots(
        3, figsize=(8, 6.4), sharex=True, height_ratios=(1, 1, 1.6), layout="constrained"
    )
    seconds = [sample.s for sample in samples]
    target = [sample.target for sample in samples]
    running = [sample.running for sample in samples]
    top.step(seconds, target, where="post", color=COLOURS[1], linestyle="--", label="wanted")
    top.step(seconds, running, where="post", color=COLOURS[0], label="running")
    top.set_ylim(0, max(target) + 0.5)
    top.set_yticks(range(max(target) + 1))
    top.legend(frameon=False, loc="upper right", ncols=2)
    tidy(top, f"{deployment} under load and after it", "", "replicas")
    in_flight = [sample.in_flight for sample in samples]
    middle.step(seconds, in_flight, where="post", color=COLOURS[2])
    middle.set_ylim(bottom=0)
    tidy(middle, "", "", "requests in flight")
    kinds = (("answered", True, COLOURS[0], "."), ("failed", False, COLOURS[5], "x"))
    for label, good, colour, marker in kinds:
        shown = [answer for answer in answers if (answer.outcome == OK) == good]
        if shown:
            bottom.scatter(
                [answer.sent_s for answer in shown], [answer.seconds for answer in shown],
                s=14, color=colour, marker=marker, linewidths=0.8, label=f"{label}: {len(shown)}",
            )  # fmt: skip
    bottom.set_ylim(bottom=0)
    bottom.legend(frameon=False, loc="upper right")
    tidy(bottom, "", "time (s)", "latency (s)")
    return saved(figure, path)
