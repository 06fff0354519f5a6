"""What an actor makes of a block of rows."""

import json
import os
from types import SimpleNamespace

import pytest
import ray

from serve_app.jobs.folders import records
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.worker import Worker
from tests.stages import Naming, rows_of


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Runs names through a worker; what it says of each, and what the journal holds."""
    context = SimpleNamespace(get_assigned_resources=lambda: {"GPU": 0.5})
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)

    async def run(*names, **settings):
        worker = Worker(Naming, settings, str(tmp_path))
        batch = {"row": [json.dumps(row) for row in rows_of(*names)]}
        answers = [json.loads(each) for each in (await worker(batch))["told"]]
        return answers, {each["key"]: each for each in records.read(Place.of(tmp_path))}

    return run


async def test_a_row_that_cannot_be_fails_alone(told):
    answers, kept = await told("a", "invalid", "odd", "b")
    assert [each.get("reason") for each in answers] == [None, "truncated", "KeyError: 'odd'", None]
    assert kept.keys() == {"a.png", "b.png"}
    assert kept["a.png"]["called"] == "a" and kept["a.png"]["settings"] == "s"
    assert kept["a.png"]["peak_memory_mb"] > 1 and kept["a.png"]["gpu_memory_mb"] == 0


async def test_a_model_that_cannot_be_loaded_fails_rows_and_not_the_run(told):
    answers, kept = await told("a", "b", broken=True)
    assert [each["reason"] for each in answers] == ["the model cannot be loaded: no such model"] * 2
    assert not kept


async def test_an_actor_whose_device_is_lost_leaves(told, monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    await told("odd")
    assert not left
    await told("lost")
    assert left == [1]
