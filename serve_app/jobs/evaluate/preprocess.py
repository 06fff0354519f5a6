"""Step `preprocess`: opens each image as the service would, and leaves those that can be read."""

from serve_app.config import Limits
from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders import options, tables
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line

MANIFEST = "manifest.csv"


def preprocess(run: Run) -> Left:
    """Rows of `id`, `image`, `width` and `height`; for the next step also as manifest.csv."""
    limits = options.service_settings(run.pipeline.config).limits
    rows: list[Row] = []
    problems: list[Problem] = []
    for row in run.read("load").rows:
        if row["image"] is None:
            continue
        try:
            height, width = size_of(Place(row["image"]), limits)
        except (ServiceError, OSError) as error:
            problems.append(Problem("preprocess", row["id"], one_line(error)))
        else:
            rows.append({"id": row["id"], "image": row["image"], "width": width, "height": height})
    tables.write(Place.of(run.folder / MANIFEST), ["id", "image"], rows)
    return Left(rows, problems)


def size_of(image: Place, limits: Limits) -> tuple[int, int]:
    """Height and width of what the service would read. Raises ServiceError, OSError."""
    data = image.read()
    if len(data) > limits.max_body_bytes:
        raise OSError(f"the file is over the limit of {limits.max_body_bytes} bytes")
    height, width = codec.decode(data, limits.max_image_pixels).shape[:2]
    return height, width
