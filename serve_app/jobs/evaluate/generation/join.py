"""Step `join`: each prompt with its picture, what that shows, and how near it is to what was asked
for."""

from collections.abc import Mapping
from typing import Any

from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.jobs.evaluate.generation import likeness
from serve_app.jobs.evaluate.join import CLASS_COLUMN, Tell, matched, probability
from serve_app.jobs.evaluate.load import IMAGE, read_table
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders import options
from serve_app.jobs.folders.inputs import read_rows
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line

Cells = Mapping[str, Any]


def join(run: Run) -> Left:
    """Rows of `id`, `truth` (the prompt), `image` (the picture) and `pred` (its caption); `control`
    or `start`, and `reference`; `label`, `prob` of the label and `shown`, the class that the
    classifier sees; `edge_f1` in 0 to 1, `psnr` in dB; `given`.

    None stands for whatever there is not. Raises Unusable.
    """
    settings = options.service_settings(run.pipeline.config)
    predicted, problems = run.read("predict").more, list[Problem]()

    def tell(of: str, problem: str) -> None:
        problems.append(Problem("join", of, problem))

    inputs = {row["id"]: row for row in run.read("preprocess").rows}
    outputs = Place(predicted["outputs"])
    found = matched([*inputs], read_table(outputs, "id"), IMAGE, tell)
    captions, classes = (_described(predicted[name]) for name in ("captions", "classes"))
    rows: list[Row] = []
    for name in [name for name in inputs if name in found]:
        row, place = inputs[name], outputs.folder.joined(str(found[name][IMAGE]).strip())
        try:
            picture = codec.decode(place.read(), settings.limits.max_image_pixels)
        except (ServiceError, OSError, ValueError) as error:
            tell(name, f"the picture cannot be read: {one_line(error)}")
            continue
        if name not in captions:
            tell(name, "the captioner said nothing of it")
        control = row["image"] if run.pipeline.image == "control" else None
        measured, wrong = likeness.measured(picture, control, row["reference"], settings)
        for problem in wrong:
            tell(name, problem)
        rows.append(
            {
                "id": name,
                "image": place.uri,
                "truth": row["truth"],
                "pred": captions.get(name, {}).get("caption"),
                "control": control,
                "start": row["image"] if run.pipeline.image == "start" else None,
                "reference": row["reference"],
                **_seen(row, classes, tell),
                **measured,
                "given": row["given"],
            }
        )
    return Left(rows, problems, {"classes": None, "total": run.read("load").more["total"]})


def _described(uri: str | None) -> dict[str, Cells]:
    return {} if uri is None else {str(row["id"]): row for row in read_rows(Place(uri))}


def _seen(row: Row, classes: Mapping[str, Cells], tell: Tell) -> dict[str, Any]:
    """What the classifier says of the class that the picture should show."""
    label, said = row["label"], classes.get(row["id"])
    prob = None
    if label is not None and said is None:
        tell(row["id"], "the classifier said nothing of it")
    elif label is not None and said is not None:
        prob = probability(said.get(f"{CLASS_COLUMN}{label}"))
        if prob is None:
            tell(row["id"], f"{label!r} is no class of the classifier")
    return {"label": label, "shown": said["pred"] if said else None, "prob": prob}
