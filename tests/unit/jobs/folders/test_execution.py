"""What a job needs before it starts."""

import pytest
import ray

from serve_app.jobs.folders import execution
from serve_app.jobs.folders.inputs import Unusable


def test_the_extra_is_asked_for_in_one_line(monkeypatch):
    monkeypatch.setattr(execution, "find_spec", lambda name: None)
    with pytest.raises(Unusable, match="pip install") as caught:
        execution.require_ray_data()
    assert "\n" not in str(caught.value)


def test_a_ray_that_does_not_start_is_one_line(monkeypatch):
    def init(*args, **options):
        raise Exception("The current node timed out\nduring startup.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(execution.os, "environ", {})
    with pytest.raises(Unusable, match=r"no Ray at local: The current node timed out during"):
        execution.connect(None)
