"""The command over predictions that are given: exit codes, and steps alone."""

import json

import pytest
import yaml

from serve_app.jobs.evaluate.__main__ import main
from tests.unit.jobs.evaluate.folder import pictures


@pytest.fixture
def pipeline(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    (tmp_path / "inputs.csv").write_text("image_path,label\na.png,circle\nb.png,star\n")
    (tmp_path / "outputs.csv").write_text("id,pred,prob\na.png,circle,0.9\nb.png,circle,nan\n")

    def write(**change):
        told = {
            "task": "classify",
            "inputs": str(tmp_path / "inputs.csv"),
            "outputs": str(tmp_path / "outputs.csv"),
            "output": str(tmp_path / "run"),
            "metrics": ["accuracy"],
        }
        path = tmp_path / "pipeline.yaml"
        path.write_text(yaml.safe_dump(told | change))
        return str(path)

    return write


@pytest.mark.parametrize(("least", "code"), [(0.5, 0), (0.6, 1)])
def test_the_exit_code_is_the_gates(tmp_path, pipeline, capsys, least, code):
    assert main([pipeline(gate={"accuracy": {"at_least": least}})]) == code
    told = json.loads((tmp_path / "run" / "report.json").read_text())
    assert told["passed"] is (code == 0) and told["metrics"]["accuracy"] == 0.5
    assert [each["problem"] for each in told["problems"]] == ["prob 'nan' is no probability"]
    assert {"report.md", "report.html"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert "accuracy" in capsys.readouterr().out


def test_steps_alone_work_on_what_is_there(tmp_path, pipeline, capsys):
    path = pipeline()
    assert main([path, "--step", "metrics"]) == 2
    assert "run the step join first" in capsys.readouterr().err
    assert main([path]) == 0
    (tmp_path / "outputs.csv").unlink()
    path = pipeline(metrics=["f1_micro"], gate={"f1_micro": {"at_least": 0.9}})
    assert main([path, "--step", "metrics"]) == 0
    assert main([path, "--step", "report"]) == 1
    assert main([path, "--step", "predict"]) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"task": "none"},
        {"metrics": ["none"]},
        {"gate": {"none": {"at_least": 1}}},
        {"inputs": "none.csv"},
        {"outputs": "none.csv"},
    ],
)
def test_a_bad_pipeline_is_2_and_one_line(pipeline, capsys, change):
    assert main([pipeline(**change)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_against_must_be_another_run(tmp_path, pipeline, capsys):
    path = pipeline()
    assert main([path]) == 0
    assert main([path, "--against", str(tmp_path / "run")]) == 2
    assert "own folder" in capsys.readouterr().err
    assert main([path, "--against", str(tmp_path / "none")]) == 2
    assert main([path, "-o", str(tmp_path / "new"), "--against", str(tmp_path / "run")]) == 0
    told = json.loads((tmp_path / "new" / "report.json").read_text())
    assert told["against"]["metrics"]["accuracy"]["change"] == "same"


@pytest.mark.parametrize(("below", "code"), [(0.5, 0), (0.4, 1)])
def test_a_gate_against_an_earlier_run(tmp_path, pipeline, capsys, below, code):
    assert main([pipeline()]) == 0
    (tmp_path / "outputs.csv").write_text("id,pred,prob\na.png,star,1\nb.png,circle,1\n")
    command = [pipeline(gate={"accuracy": {"at_most_below": below}}), "-o", str(tmp_path / "new")]
    assert main(command) == 2
    assert "name it with --against" in capsys.readouterr().err
    assert main([*command, "--step", "load"]) == 0
    assert main([*command, "--against", str(tmp_path / "run")]) == code
    assert f"below 0.5000: {'missed' if code else 'kept'}" in capsys.readouterr().out
