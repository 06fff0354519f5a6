"""The measured backends as a table, a plot, and the record that runtimes look into."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from serve_app.jobs import whole
from serve_app.runtimes import verdicts

_COLUMNS = {
    "speed_1": "speed, batch 1",
    "speed_8": "speed, batch 8",
    "file_mb": "weights, MB",
    "memory_mb": "memory, MB",
    "first_load_s": "first load, s",
    "load_s": "load, s",
}


def record(path: Path, made: dict[str, Any]) -> None:
    """Put a verdict in the place of the one on the same; a reader never meets half a file."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    about = [made[name] for name in verdicts.ABOUT]
    with _alone_in(path.parent):
        known = verdicts.recorded(path)
        kept = [each for each in known if [each[name] for name in verdicts.ABOUT] != about]
        lines = sorted(json.dumps(each) for each in [*kept, _rounded(made)])
        whole.write(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two jobs at once lose none of each other's verdicts."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def table(verdicts_made: Sequence[dict[str, Any]]) -> str:
    """Markdown; speeds are ratios over eager in float32."""
    names = ["model", "backend", "dtype", *_COLUMNS.values(), "quality", "gate"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for each in verdicts_made:
        measured = _rounded(each)["measured"]
        numbers = [f"{measured[name]:g}" for name in _COLUMNS]
        quality = [f"{name} {measured[name]:g}" for name in measured if name not in _COLUMNS]
        about = [each["model"], each["backend"], each["dtype"]]
        gate = "passed" if each["passed"] else f"failed: {'; '.join(each['failures'])}"
        lines.append(f"| {' | '.join([*about, *numbers, ', '.join(quality), gate])} |")
    return "\n".join(lines)


def plot(verdicts_made: Sequence[dict[str, Any]], path: Path) -> None:
    """Speed against quality, a panel a model; a cross is a backend that failed its gate.

    Raises ImportError without matplotlib, which nothing else of the service needs.
    """
    from matplotlib.figure import Figure

    kinds = sorted({each["model"] for each in verdicts_made})
    figure = Figure(figsize=(4.5 * len(kinds), 4), layout="constrained")
    for kind, axes in zip(kinds, figure.subplots(1, len(kinds), squeeze=False)[0], strict=True):
        for each in [each for each in verdicts_made if each["model"] == kind]:
            measured = each["measured"]
            quality = "psnr_db" if "psnr_db" in measured else "same_captions"
            at = measured["speed_1"], measured[quality]
            axes.plot(*at, "o" if each["passed"] else "x", color="C0")
            name = f" {each['backend']} {each['dtype']}"
            axes.annotate(name, at, fontsize=7, rotation=30)
            axes.set_ylabel("PSNR to eager, dB" if quality == "psnr_db" else "same captions, %")
        axes.set_title(kind)
        axes.set_xlabel("speed over eager, batch of one")
        axes.margins(x=0.55, y=0.3)
        if quality == "same_captions":
            axes.set_ylim(top=101)
    figure.savefig(path, dpi=120)


def _rounded(verdict: dict[str, Any]) -> dict[str, Any]:
    measured = {name: float(f"{value:.3g}") for name, value in verdict["measured"].items()}
    return verdict | {"measured": measured}
