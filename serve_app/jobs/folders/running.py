"""One run of a job: what is done already is left alone, the rest is done, and a bar shows it."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from serve_app.jobs.folders import execution, records
from serve_app.jobs.folders.execution import Pool
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record
from serve_app.jobs.folders.worker import Row

Failure = tuple[str, str]
"""The path of an input as it was written, and the reason."""


@dataclass(frozen=True)
class Part:
    """Rows that one pool of actors does, all by the same settings of the stage."""

    settings: Mapping[str, Any]
    rows: Sequence[Row]


@dataclass
class Outcome:
    """Where a run ended. `made` are the records of this start, `found` those of starts before."""

    made: list[Record] = field(default_factory=list)
    found: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    def finished(self, order: Sequence[str]) -> list[Record]:
        """All records in the order of these keys."""
        by_key = {record["key"]: record for record in (*self.found, *self.made)}
        return [by_key[key] for key in order if key in by_key]

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 1 where nothing was made; failures among others are no error."""
        return 130 if self.interrupted else int(not (self.made or self.found))


def carry_out(
    parts: Sequence[Part],
    refused: Sequence[Failure],
    stage: type,
    journal: Place,
    pool: Pool,
    output: Callable[[str], Place] | None = None,
) -> Outcome:
    """Do the rows that were not finished before; `refused` ones failed already.

    `output(key)` is a file that a finished row has left. Raises Unusable, OSError.
    """
    rows = [row for part in parts for row in part.rows]
    told = records.read(journal)
    outcome = Outcome(found=records.finished(rows, told, output), failures=list(refused))
    done = {record["key"] for record in outcome.found}
    began = time.monotonic()
    with (
        tqdm(total=len(rows), initial=len(done), unit="image", dynamic_ncols=True) as bar,
        _terminated_as_interrupted(),
    ):
        try:
            for part in parts:
                left = [row for row in part.rows if row["key"] not in done]
                for record in execution.processed(left, stage, part.settings, journal, pool):
                    if reason := record.get("reason"):
                        outcome.failures.append((record["name"], reason))
                        bar.write(f"{record['name']}: {reason}", file=sys.stderr)
                        bar.set_postfix(failed=len(outcome.failures))
                    else:
                        outcome.made.append(record)
                    bar.update()
        except KeyboardInterrupt:
            outcome.interrupted = True
    outcome.seconds = time.monotonic() - began
    if outcome.interrupted:  # blocks that were not finished have finished rows all the same
        wanted = {row["key"]: row["settings"] for row in rows if row["key"] not in done}
        now = records.read(journal)
        outcome.made = [each for each in now if wanted.get(each["key"]) == each["settings"]]
    return outcome


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: with its files written."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
