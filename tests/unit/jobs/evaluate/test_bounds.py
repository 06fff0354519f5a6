"""What holds, and what does not."""

import pytest
from pydantic import ValidationError

from serve_app.jobs.evaluate.bounds import Bounds


@pytest.mark.parametrize(
    ("bounds", "value", "held"),
    [
        ({"at_least": 0.5}, 0.5, True),
        ({"at_least": 0.5}, 0.4, False),
        ({"at_most": 0.5}, 0.6, False),
        ({"at_least": 0, "at_most": 1}, 0.5, True),
        ({"at_least": 0}, None, False),
        ({"at_most_below": 0.01}, 0.97, True),
        ({"at_most_below": 0.01}, 0.9699, False),
        ({"at_most_below": 0.01}, 1, True),
        ({"at_most_above": 0}, 0.98, True),
        ({"at_most_above": 0.1}, 1.09, False),
        ({"at_most_below": 0.01, "at_least": 0.975}, 0.97, False),
        ({"at_most_below": 0.01}, None, False),
    ],
)
def test_bounds_against_a_run_with_98_percent(bounds, value, held):
    assert Bounds(**bounds).hold(value, 0.98) is held


def test_what_the_earlier_run_had_not_is_missed():
    assert not Bounds(at_most_below=1).hold(1, None)
    assert Bounds(at_least=0).hold(1, None)


@pytest.mark.parametrize("bounds", [{}, {"at_most_below": -1}, {"above": 1}])
def test_what_bounds_nothing_is_refused(bounds):
    with pytest.raises(ValidationError):
        Bounds(**bounds)


def test_better_is_the_side_that_is_not_bounded():
    assert Bounds(at_most=1).lower_is_better and Bounds(at_most_above=1).lower_is_better
    assert not Bounds(at_most_below=1, at_most=2).lower_is_better
