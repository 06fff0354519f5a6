"""What a job needs before it starts."""

import pytest

from serve_app.jobs.folders import execution
from serve_app.jobs.folders.inputs import Unusable


def test_the_extra_is_asked_for_in_one_line(monkeypatch):
    monkeypatch.setattr(execution, "find_spec", lambda name: None)
    with pytest.raises(Unusable, match="pip install") as caught:
        execution.require_ray_data()
    assert "\n" not in str(caught.value)
