"""A run made by hand: two pictures, and predictions that are given."""

from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.run_folder import Left, Run
from tests.images import sketch


def run_of(tmp_path, **pipeline):
    folder = tmp_path / "run"
    folder.mkdir(exist_ok=True)
    told = {"task": "classify", "inputs": str(tmp_path / "inputs.csv"), "output": folder}
    return Run(Pipeline.model_validate(told | pipeline), folder)


def pictures(folder, *names):
    for name in names:
        sketch(64, 64).save(folder / name)


def loaded(**truths):
    """What `load` leaves: an id and its truth each."""
    rows = [
        {"id": name, "image": None, "truth": truth, "given": {}} for name, truth in truths.items()
    ]
    return Left(rows, (), {"total": len(rows), "labelled": True})


def problems_of(left):
    return {(each.of, each.problem) for each in left.problems}
