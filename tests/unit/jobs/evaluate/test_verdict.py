"""Gate, worst cases, and the comparison with an earlier run."""

import pytest

from serve_app.jobs.evaluate.bounds import Bounds
from serve_app.jobs.evaluate.run_folder import Left, Run
from serve_app.jobs.evaluate.verdict import check_against, check_gate, compared, gated
from serve_app.jobs.folders.inputs import Unusable
from tests.unit.jobs.evaluate.folder import run_of


def row(name, truth, pred, prob=0.5):
    return {"id": name, "truth": truth, "pred": pred, "prob": prob}


def test_a_gate_says_what_is_missed():
    gate = {
        "accuracy": Bounds(at_least=0.9),
        "log_loss": Bounds(at_most=1),
        "own": Bounds(at_most=1),
    }
    found = gated(gate, {"accuracy": 0.8, "log_loss": 0.5}, {})
    assert [each["passed"] for each in found] == [False, True, False]
    assert found[0] == {"metric": "accuracy", "at_least": 0.9, "value": 0.8, "passed": False}


def test_a_gate_on_what_is_not_measured_is_refused(tmp_path):
    bounds = {"at_least": 1}
    check_gate(run_of(tmp_path, gate={"coverage": bounds, "accuracy": bounds}).pipeline)
    own = run_of(tmp_path, metrics=["statistics:mean"], gate={"mean.a": bounds})
    check_gate(own.pipeline)
    with pytest.raises(Unusable, match="gate: 'brier'"):
        check_gate(run_of(tmp_path, gate={"brier": bounds}).pipeline)


def test_a_gate_on_an_earlier_run_needs_one(tmp_path):
    pipeline = run_of(tmp_path, gate={"accuracy": {"at_most_below": 0.01}}).pipeline
    with pytest.raises(Unusable, match="gate: accuracy is bounded by an earlier run"):
        check_against(pipeline, None, tmp_path)
    with pytest.raises(Unusable, match="own folder"):
        check_against(pipeline, tmp_path / "run" / "..", tmp_path)
    with pytest.raises(Unusable, match=r"metrics.json is missing"):
        check_against(pipeline, tmp_path, tmp_path / "run")


def test_a_gate_on_an_earlier_run_tells_its_value():
    gate = {"accuracy": Bounds(at_most_below=0.01), "new": Bounds(at_most_above=1)}
    kept, new = gated(gate, {"accuracy": 0.97, "new": 1}, {"accuracy": 0.98})
    assert kept["passed"] and (kept["value"], kept["before"]) == (0.97, 0.98)
    assert not new["passed"] and new["before"] is None


def test_against_an_earlier_run(tmp_path):
    pipeline = run_of(tmp_path, gate={"own": {"at_most": 1}}).pipeline
    before = Run(pipeline, tmp_path)
    old = [row("a", "x", "x"), row("b", "x", "y"), row("c", "x", "x"), row("gone", "x", "x")]
    before.write("join", Left(old))
    values = {"accuracy": 0.75, "log_loss": 0.5, "own": 2.0, "old": 1.0}
    before.write("metrics", Left(more={"values": values}))
    now = [row("a", "x", "y"), row("b", "x", "x"), row("c", "x", "x"), row("new", "x", "x")]
    values = {"accuracy": 0.5, "log_loss": 0.7, "own": 1.0, "new": 1.0}
    found = compared(tmp_path, now, values, pipeline)
    assert (found["newly_wrong"], found["newly_right"]) == (["a"], ["b"])
    assert (found["only_now"], found["only_before"]) == (["new"], ["gone"])
    changes = {name: each["change"] for name, each in found["metrics"].items()}
    expected = {"accuracy": "worse", "log_loss": "worse", "own": "better"}
    assert changes == expected | {"new": None, "old": None}
    assert found["metrics"]["accuracy"]["difference"] == -0.25


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(Unusable, match="metrics"):
        compared(tmp_path / "none", [], {}, run_of(tmp_path).pipeline)
