"""Step `preprocess`: opens each control or start image, and each reference, as the service would.

A picture whose own image cannot be read is not made; one whose reference cannot, is."""

from serve_app.errors import ServiceError
from serve_app.jobs.evaluate.load import exists
from serve_app.jobs.evaluate.preprocess import size_of
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders import options
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line


def preprocess(run: Run) -> Left:
    """The rows of `load`: `image` and `reference` are None where they cannot be read too, and
    `makeable` says whether the image is as it should be. Raises Unusable."""
    limits = options.service_settings(run.pipeline.config).limits
    rows: list[Row] = []
    problems: list[Problem] = []
    for loaded in run.read("load").rows:
        row = {**loaded, "makeable": True}
        for name in ("image", "reference"):
            if row[name] is None:
                continue
            place = Place(row[name])
            try:
                if not exists(place):
                    raise FileNotFoundError(f"no such file: {place.uri}")
                size_of(place, limits)
            except (ServiceError, OSError) as error:
                problems.append(Problem("preprocess", row["id"], f"{name}: {one_line(error)}"))
                row[name] = None
                row["makeable"] = row["makeable"] and name != "image"
        rows.append(row)
    return Left(rows, problems)
