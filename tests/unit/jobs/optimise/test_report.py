"""The record of backends."""

import pytest
import torch

from serve_app.jobs.optimise import report
from serve_app.runtimes import verdicts
from serve_app.runtimes.placement import Placed

CPU = Placed(torch.device("cpu"), torch.float32)


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "RECORD", tmp_path / "backends.json")


def test_a_new_verdict_replaces_its_like_and_those_on_other_weights(record):
    def verdict(weights: str, backend: str, value: float) -> dict[str, object]:
        about = verdicts.key("captioner", weights, backend, CPU)
        return about | {"passed": True, "failures": [], "measured": {"speed_1": value}}

    report.record([verdict("old", "compile", 1.0)])
    report.record([verdict("new", "compile", 2.0)])
    report.record([verdict("new", "onnxruntime", 3.0), verdict("new", "compile", 4.04142)])
    assert verdicts.recorded() == [
        verdict("new", "compile", 4.04),
        verdict("new", "onnxruntime", 3.0),
    ]
