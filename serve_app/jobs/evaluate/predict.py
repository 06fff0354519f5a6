"""Step `predict`: outputs.csv by the configured model on Ray Data, or the one that is given."""

import sys

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
        place = Place.of(run.pipeline.outputs)
        try:
            there = place.exists()
        except OSError as error:
            raise Unusable(f"{place.uri}: {one_line(error)}") from error
        if not there:
            raise Unusable(f"{place.uri} is missing")
        return Left(more={"outputs": place.uri})
    images = run.read("preprocess").rows
    place = Place.of(run.folder / OUTPUTS)
    if not images:
        tables.write(place, ["id", "pred", "prob", "caption"], [])
        return Left(more={"outputs": place.uri})
    code = _job(run)
    if code > 1:  # not even a table was written
        sys.exit(code)
    failures = read_rows(Place.of(run.folder / "outputs.failures.csv"))
    ids = {row["image"]: row["id"] for row in images}
    problems = [
        Problem("predict", ids.get(each["path"], each["path"]), each["reason"]) for each in failures
    ]
    return Left((), problems, {"outputs": place.uri})


def _job(run: Run) -> int:
    from serve_app.jobs.caption import CAPTION
    from serve_app.jobs.classify import CLASSIFY

    pool = run.pipeline.predict.model_dump(exclude_none=True)
    command = ["--manifest", str(run.folder / MANIFEST), "-o", str(run.folder / OUTPUTS)]
    command += ["--config", str(run.pipeline.config)]
    for name, value in pool.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    if run.pipeline.task == "classify":
        return CLASSIFY.main([*command, "--probabilities"])
    return CAPTION.main(command)
