"""Mean batch sizes from the replicas' logs on this machine, since responses do not carry them.

Not from the metrics: those of a process are exported every ten seconds, by node.
A batch's line is written before its answers are sent.
"""

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

LOGS = Path("/tmp/ray/session_latest/logs/serve")
_BATCH = re.compile(r"batch stage=(\w+) size=(\d+)|(denoised) steps=\d+ batch_size=(\d+)")

Positions = dict[Path, int]


def positions(logs: Path = LOGS) -> Positions:
    """How long each replica's log is now, in bytes."""
    return {path: path.stat().st_size for path in logs.glob("replica_*.log")}


def means_since(before: Positions, logs: Path = LOGS) -> dict[str, float] | None:
    """The mean batch size of each stage since `before`; None if no batch was logged here.

    For `generate`, whose every step is a batch: the mean over images of the rows in their steps.
    """
    sizes: dict[str, list[int]] = defaultdict(list)
    for path in positions(logs):
        with path.open("rb") as log:
            log.seek(before.get(path, 0))
            text = log.read().decode(errors="replace")
        for stage, size, denoised, rows in _BATCH.findall(text):
            sizes["generate" if denoised else stage].append(int(rows if denoised else size))
    return {stage: mean(each) for stage, each in sizes.items()} or None
