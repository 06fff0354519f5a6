"""Step `predict`: makes the pictures, or takes those that are there; says what each shows."""

from collections.abc import Mapping, Sequence

from serve_app.jobs.evaluate.generation.making import made
from serve_app.jobs.evaluate.join import matched
from serve_app.jobs.evaluate.load import IMAGE, read_table
from serve_app.jobs.evaluate.predict import job_options, ready, settled
from serve_app.jobs.evaluate.run_folder import Left, Problem, Row, Run
from serve_app.jobs.folders import tables
from serve_app.jobs.folders.places import Place

_PICTURES = "pictures.csv"


def predict(run: Run) -> Left:
    """Leaves no rows but the tables' names: `outputs` (id, image_path), `captions` (id, caption)
    and `classes` (id, pred, prob, a column for each class), which is None where no row has a label.

    Raises Unusable; SystemExit as a job ended.
    """
    rows = run.read("preprocess").rows
    problems: Sequence[Problem] = ()
    if run.pipeline.outputs is not None:
        outputs = ready(run.pipeline.outputs)
    else:
        outputs, problems = made(run, [row for row in rows if row["makeable"]])
    found = matched([row["id"] for row in rows], read_table(outputs, "id"), IMAGE, lambda *_: None)
    pictures = {name: outputs.folder.joined(str(row[IMAGE]).strip()) for name, row in found.items()}
    return Left((), problems, {"outputs": outputs.uri, **_described(run, pictures, rows)})


def _described(
    run: Run, pictures: Mapping[str, Place], rows: Sequence[Row]
) -> dict[str, str | None]:
    from serve_app.jobs.caption import CAPTION
    from serve_app.jobs.classify import CLASSIFY

    listed = [{"id": name, "image": place.uri} for name, place in pictures.items()]
    tables.write(Place.of(run.folder / _PICTURES), ["id", "image"], listed)
    captions, classes = (Place.of(run.folder / name) for name in ("captions.csv", "classes.csv"))
    labelled = any(row["label"] for row in rows)
    if not pictures:
        tables.write(captions, ["id", "caption"], [])
        tables.write(classes, ["id", "pred", "prob"], [])
    else:
        command = ["--manifest", str(run.folder / _PICTURES), *job_options(run.pipeline)]
        settled(CAPTION.main([*command, "-o", captions.uri]))
        if labelled:
            settled(CLASSIFY.main([*command, "-o", classes.uri, "--probabilities"]))
    return {"captions": captions.uri, "classes": classes.uri if labelled else None}
