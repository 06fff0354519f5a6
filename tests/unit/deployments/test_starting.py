"""How a stage's replica starts, without Ray."""

import os
from types import SimpleNamespace

import pytest
import ray

from serve_app.deployments.starting import gpu_share, load_runtime, lower_priority, warming_up

RUNTIME = SimpleNamespace(device="cpu", dtype="float32")


@pytest.fixture(autouse=True)
def replica(monkeypatch, caplog):
    """A replica that has a quarter of a GPU; what it asks of the system in order."""
    caplog.set_level("INFO", "ray.serve")
    asked = []
    monkeypatch.setattr(os, "nice", lambda by: asked.append(f"nice {by}"))
    context = SimpleNamespace(get_assigned_resources=lambda: {"CPU": 1.0, "GPU": 0.25})
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
    return asked


def test_a_runtime_is_imported_and_loaded_at_low_priority_on_its_share(replica, caplog):
    def load(settings, share):
        replica.append(f"load {settings} {share}")
        return RUNTIME

    def imported():
        replica.append("import")
        return load

    assert load_runtime("caption", imported, "settings", model="x") is RUNTIME
    assert replica == ["nice 15", "import", "load settings 0.25"]
    steps = [message.split(" seconds=")[0] for message in caplog.messages]
    assert steps == [
        'import begins stage=caption why="only the model stages import torch"',
        "import done stage=caption",
        "load begins stage=caption model=x",
        "load done stage=caption",
    ]


def test_a_failed_load_is_not_told_as_done(caplog):
    def load(settings, share):
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        load_runtime("caption", lambda: load, "settings")
    assert "load begins" in caplog.text and "load done" not in caplog.text


def test_the_warm_up_says_where_it_runs(caplog):
    with warming_up("caption", RUNTIME):
        pass
    begins, done = caplog.messages
    assert "warm-up begins stage=caption" in begins
    assert "device=cpu dtype=float32" in begins and "warm-up done" in done


def test_without_a_gpu_the_share_is_none(monkeypatch):
    assert gpu_share() == 0.25
    context = SimpleNamespace(get_assigned_resources=lambda: {"CPU": 1.0})
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
    assert gpu_share() == 0.0


def test_a_stage_runs_below_the_proxy_and_the_ingress(replica):
    lower_priority()
    assert replica == ["nice 15"]
