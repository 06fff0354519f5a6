"""Pictures by `jobs.images`, and outputs.csv of what was made."""

from collections.abc import Sequence

from serve_app.config import Defaults
from serve_app.jobs.evaluate.load import IMAGE
from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.predict import OUTPUTS, job_options, settled
from serve_app.jobs.evaluate.run_folder import Problem, Row, Run
from serve_app.jobs.folders import options, tables
from serve_app.jobs.folders.inputs import output_names, read_rows
from serve_app.jobs.folders.places import Place

PASSED_ON = ("negative_prompt", "seed", "strength", "num_inference_steps")
"""Columns of the inputs that say how a picture is made."""
_TASKS = {"control": "controlnet", "start": "image-to-image"}


def made(run: Run, rows: Sequence[Row]) -> tuple[Place, list[Problem]]:
    """outputs.csv, and what could not be made.

    Rows with an image are made with it, the others from text alone. Raises Unusable; SystemExit as
    the job ended.
    """
    made_of: dict[str, str] = {}
    problems: list[Problem] = []
    for task, some in (
        (_TASKS[run.pipeline.image], [row for row in rows if row["image"] is not None]),
        ("text-to-image", [row for row in rows if row["image"] is None]),
    ):
        paths, reasons = _of_one_task(run, task, some) if some else ({}, {})
        made_of |= paths
        problems += [Problem("predict", name, reason) for name, reason in reasons.items()]
    place = Place.of(run.folder / OUTPUTS)
    listed = [{"id": row["id"], IMAGE: made_of[row["id"]]} for row in rows if row["id"] in made_of]
    tables.write(place, ["id", IMAGE], listed)
    return place, problems


def _of_one_task(run: Run, task: str, rows: Sequence[Row]) -> tuple[dict[str, str], dict[str, str]]:
    """By id: paths relative to the run's folder; and why others were not made."""
    from serve_app.jobs.images import __main__ as images
    from serve_app.jobs.images.rows import RESERVED

    manifest, folder = Place.of(run.folder / f"{task}.csv"), run.folder / "images" / task
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{row['id']}.png" for row in rows]
    listed = [
        {"image": row["image"], "prompt": row["truth"], "name": name, **row["given"]}
        for row, name in zip(rows, names, strict=True)
    ]
    tables.write(manifest, ["image", "prompt", "name", *PASSED_ON], listed)
    command = ["--manifest", manifest.uri, "-o", str(folder), "--task", task]
    defaults = options.service_settings(run.pipeline.config).defaults
    command += [*job_options(run.pipeline), *_asked_of(run.pipeline, defaults)]
    settled(images.main(command))
    written = {row["output"] for row in read_rows(Place.of(folder / "metrics.csv"))}
    failures = read_rows(Place.of(folder / "failures.csv"))
    reason_of = {each["path"]: each["reason"] for each in failures}
    paths: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for row, name, stem in zip(rows, names, output_names(names, RESERVED), strict=True):
        if f"{stem}.png" in written:
            paths[row["id"]] = f"images/{task}/{stem}.png"
        else:
            reasons[row["id"]] = reason_of.get(row["image"] or name, "was not made")
    return paths, reasons


def _asked_of(pipeline: Pipeline, defaults: Defaults) -> list[str]:
    """What the pipeline says, and otherwise what a request gets that says nothing."""
    asked = {
        "size": f"{defaults.width}x{defaults.height}",
        "guidance_scale": defaults.guidance_scale,
        "strength": defaults.strength,
        **pipeline.images.model_dump(exclude_none=True),
    }
    return [f"--{name.replace('_', '-')}={value}" for name, value in asked.items()]
