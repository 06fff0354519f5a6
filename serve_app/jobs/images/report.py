"""What a run leaves beside its pictures."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from serve_app import __version__
from serve_app.jobs.folders import summary, tables
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record, digest_of
from serve_app.jobs.folders.running import Outcome
from serve_app.jobs.folders.worker import Row
from serve_app.jobs.images import gallery
from serve_app.jobs.images.actor import STAGES
from serve_app.jobs.images.rows import Wanted
from serve_app.model_config import GeneratorModel

_METRICS = [
    "run", "output", "image", "model", "prompt", "seed", "strength", "steps", "width", "height",
    "caption", *(f"{stage}_s" for stage in STAGES), "total_s", "batch_size", "peak_memory_mb",
    "gpu_memory_mb", "node", "finished_at",
]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """All that was to be made, and what came of it."""

    rows: Sequence[Row]
    wanted: Wanted
    outcome: Outcome
    models: Mapping[str, GeneratorModel]

    @property
    def id(self) -> str:
        """Of the inputs and the settings: the same command on the same folder has the same."""
        inputs = [(row["key"], row["name"], row["settings"]) for row in self.rows]
        return digest_of(inputs)[:12]

    @property
    def records(self) -> list[Record]:
        return self.outcome.finished([row["key"] for row in self.rows])

    def described(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "wanted": asdict(self.wanted),
            "models": {name: model.model_dump() for name, model in self.models.items()},
            "versions": {
                "ray-serve-images": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in ("ray", "torch", "diffusers", "transformers")},
            },
            "summary": summary.summary(self.outcome),
        }


def write(run: Run, output: Place, metrics: str) -> str:
    """Write the files and return the summary, a line. Raises OSError."""
    told, records, failures = run.described(), run.records, run.outcome.failures
    rows = [
        {**record, "run": run.id, "output": record["key"], "image": record["name"]}
        for record in records
    ]
    tables.write(output / f"metrics.{metrics}", _METRICS, rows)
    tables.write_failures(output / "failures.csv", failures)
    (output / "run.json").write(json.dumps(told, indent=2, ensure_ascii=False).encode())
    grid = gallery.grid(output, [record["key"] for record in records[: gallery.GRID]])
    if grid is not None:
        (output / "grid.png").write(grid)
    (output / "index.html").write(gallery.page(told, records, failures, output).encode())
    return f"run {run.id}, {summary.in_words(told['summary'], output.uri)}"
