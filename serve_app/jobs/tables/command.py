"""The command of a job that makes a table of a folder's images."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from serve_app.jobs.folders import execution, options, running, summary, tables
from serve_app.jobs.folders.inputs import Input, Unusable
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record, digest_of
from serve_app.jobs.folders.running import Failure, Part
from serve_app.jobs.folders.worker import Row
from serve_app.model_config import Models, Settings


@dataclass(frozen=True)
class Table:
    """A job: its stage, the model that it runs, and the columns after `id` of a record."""

    name: str
    about: str
    stage: type
    model: Callable[[Models], Settings]
    columns: Sequence[str]

    def main(self, argv: Sequence[str] | None = None) -> int:
        args = self._parser().parse_args(argv)
        try:
            return self._run(args)
        except (Unusable, OSError) as error:
            print(error, file=sys.stderr)
            return 2

    def _run(self, args: argparse.Namespace) -> int:
        execution.require_ray_data()
        settings = options.service_settings(args.config)
        output = Place.of(args.output)
        tables.check_suffix(output)
        listing = options.listing(args, frozenset({"id"}))
        model = self.model(settings.models).model_dump()
        rows, refused = rows_of(
            listing.inputs, digest_of([self.name, model]), settings.limits.max_body_bytes
        )
        execution.connect(args.address)
        pool = options.pool(args)
        output.folder.make_folder()
        part = Part(
            {"model": model, "limits": settings.limits.model_dump(), "batch_size": args.batch_size},
            rows,
        )
        journal = output.folder / f".{output.name}.records"
        outcome = running.carry_out([part], refused, self.stage, journal, pool)
        records = outcome.finished([row["key"] for row in rows])
        columns = [*self.columns]
        if args.probabilities and records:
            columns += [f"prob_{label}" for label in records[0]["probabilities"]]
        tables.write(output, ["id", *columns], [self._cells(record) for record in records])
        stem = output.name.rpartition(".")[0]
        tables.write_failures(output.folder / f"{stem}.failures.csv", outcome.failures)
        told: dict[str, Any] = {
            "id": digest_of([(row["key"], row["settings"]) for row in rows])[:12],
            "model": model,
            "summary": summary.summary(outcome),
        }
        (output.folder / f"{stem}.run.json").write(json.dumps(told, indent=2).encode())
        print(f"run {told['id']}, {summary.in_words(told['summary'], output.uri)}")
        return outcome.exit_code

    def _cells(self, record: Record) -> dict[str, Any]:
        cells = {name: record[name] for name in self.columns}
        each = {f"prob_{label}": p for label, p in record.get("probabilities", {}).items()}
        return {"id": record["key"].partition("\0")[0], **cells, **each}

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"python -m serve_app.jobs.{self.name}",
            description=self.about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        options.add_inputs(parser, "the table: .csv, .jsonl or .parquet; a path or a URI")
        parser.add_argument("--config", type=Path, default=options.DEFAULT_CONFIG, metavar="FILE")
        if "prob" in self.columns:
            parser.add_argument(
                "--probabilities", action="store_true", help="a column for each class, too"
            )
        else:
            parser.set_defaults(probabilities=False)
        options.add_pool(parser)
        return parser


def rows_of(
    inputs: Sequence[Input], settings: str, max_bytes: int
) -> tuple[list[Row], list[Failure]]:
    """A row for each input, in order; and those whose file is too large.

    `id` is a manifest's, or the file's base name.
    """
    rows: list[Row] = []
    refused: list[Failure] = []
    for each in inputs:
        if each.size_bytes is not None and each.size_bytes > max_bytes:
            refused.append((each.name, f"the file is over the limit of {max_bytes} bytes"))
            continue
        assert each.image is not None
        name = str(each.given.get("id", PurePosixPath(each.name).name))
        rows.append(
            {
                "key": f"{name}\0{each.name}",
                "name": each.name,
                "image": each.image.uri,
                "settings": settings,
            }
        )
    return rows, refused
