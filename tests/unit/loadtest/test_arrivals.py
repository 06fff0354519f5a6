"""When requests are sent."""

from itertools import pairwise
from statistics import mean

import pytest

from loadtest import arrivals


def gaps(moments):
    return [later - moment for moment, later in pairwise(moments)]


def test_a_closed_loop_sends_as_soon_as_a_client_is_free():
    loop = arrivals.closed(5, 2)
    assert loop.moments == (0.0,) * 5
    assert loop.in_flight == 2
    assert arrivals.closed(5, 16).in_flight == 5


def test_poisson_arrivals_keep_their_rate_and_are_uneven():
    between = gaps(arrivals.poisson(4000, 20.0, seed=1).moments)
    assert mean(between) == pytest.approx(1 / 20, rel=0.05)
    # A third of exponential gaps, and none of even ones, is over the mean.
    assert mean(gap > 1 / 20 for gap in between) == pytest.approx(0.37, abs=0.03)


def test_the_same_seed_gives_the_same_moments():
    assert arrivals.poisson(50, 3.0, seed=7) == arrivals.poisson(50, 3.0, seed=7)
    assert arrivals.poisson(50, 3.0, seed=7) != arrivals.poisson(50, 3.0, seed=8)


def test_an_open_loop_waits_for_nobody():
    assert arrivals.poisson(50, 3.0, seed=0).in_flight == 50


def test_waves_are_apart_and_so_are_their_requests():
    two = arrivals.waves(6, 2, gap_s=10.0, apart_s=0.5)
    assert two.moments == (0.0, 0.5, 1.0, 10.0, 10.5, 11.0)


def test_a_count_that_does_not_divide_makes_the_last_wave_smaller():
    moments = arrivals.waves(7, 3, gap_s=10.0, apart_s=0.0).moments
    assert [moments.count(start) for start in (0.0, 10.0, 20.0)] == [3, 3, 1]
