"""Every task has every step."""

from typing import get_args

from serve_app.jobs.evaluate.pipeline import Pipeline
from serve_app.jobs.evaluate.steps import NAMES, STEPS
from serve_app.jobs.evaluate.verdict import STEPS as BEFORE_THE_REPORT


def test_every_task_has_every_step_in_one_order():
    assert set(STEPS) == set(get_args(Pipeline.model_fields["task"].annotation))
    assert all(tuple(steps) == NAMES for steps in STEPS.values())
    assert (*BEFORE_THE_REPORT, "report") == NAMES
