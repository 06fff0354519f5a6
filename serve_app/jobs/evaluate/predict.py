"""Step `predict`: outputs.csv by the configured model on Ray Data, or the one that is given."""

import sys

from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.preprocess import MANIFEST
from serve_app.jobs.evaluate.run_folder import Left, Problem, Run
from serve_app.jobs.folders import tables
from serve_app.jobs.folders.inputs import Unusable, read_rows
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line

OUTPUTS = "outputs.csv"


def predict(run: Run) -> Left:
    """Leaves no rows but the file's name. Raises Unusable; SystemExit as the job ended."""
    if run.pipeline.outputs is not None:
        return Left(more={"outputs": ready(run.pipeline.outputs).uri})
    images = run.read("preprocess").rows
    place = Place.of(run.folder / OUTPUTS)
    if not images:
        tables.write(place, ["id", "pred", "prob", "caption"], [])
        return Left(more={"outputs": place.uri})
    settled(_job(run))
    failures = read_rows(Place.of(run.folder / "outputs.failures.csv"))
    ids = {row["image"]: row["id"] for row in images}
    problems = [
        Problem("predict", ids.get(each["path"], each["path"]), each["reason"]) for each in failures
    ]
    return Left((), problems, {"outputs": place.uri})


def ready(outputs: str) -> Place:
    """The table that the pipeline names. Raises Unusable where there is none."""
    place = Place.of(outputs)
    try:
        there = place.exists()
    except OSError as error:
        raise Unusable(f"{place.uri}: {one_line(error)}") from error
    if not there:
        raise Unusable(f"{place.uri} is missing")
    return place


def job_options(pipeline: Pipeline) -> list[str]:
    """What a job's command line has of the pipeline."""
    command = ["--config", str(pipeline.config)]
    for name, value in pipeline.predict.model_dump(exclude_none=True).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def settled(code: int) -> None:
    """Raises SystemExit for a job that ended without its tables."""
    if code > 1:
        sys.exit(code)


def _job(run: Run) -> int:
    from serve_app.jobs.caption import CAPTION
    from serve_app.jobs.classify import CLASSIFY

    command = ["--manifest", str(run.folder / MANIFEST), "-o", str(run.folder / OUTPUTS)]
    command += job_options(run.pipeline)
    if run.pipeline.task == "classify":
        return CLASSIFY.main([*command, "--probabilities"])
    return CAPTION.main(command)
