import numpy as np
import pytest

from serve_app.denoise.forecast import Forecast, Group, Load, Remaining, StepTimes, finish_times

SHAPE, WIDE = (4, 16, 16), (4, 16, 32)


def learnt(seconds, shape=SHAPE, noise=0.0):
    times, rng = StepTimes(), np.random.default_rng(0)
    for _ in range(200):
        lanes = int(rng.integers(1, 17))
        conditioned = int(rng.integers(0, lanes + 1))
        exact = seconds(lanes, conditioned)
        times.observe(shape, Load(lanes, conditioned), exact * (1 + noise * rng.standard_normal()))
    return times


def test_learns_the_cost_of_a_lane_through_noise():
    times = learnt(lambda lanes, conditioned: 0.02 + 0.01 * lanes + 0.004 * conditioned, noise=0.1)
    assert times.seconds(SHAPE, Load(8, 8)) == pytest.approx(0.132, rel=0.08)
    assert times.seconds(SHAPE, Load(2, 0)) == pytest.approx(0.04, rel=0.25)


def test_forgets_what_the_machine_was_like():
    times = learnt(lambda lanes, conditioned: 0.01 * lanes)
    for _ in range(200):
        times.observe(SHAPE, Load(4, 0), 0.1)
    assert times.seconds(SHAPE, Load(4, 0)) == pytest.approx(0.1, rel=0.05)


def test_a_shape_never_seen_is_guessed_by_its_area():
    times = learnt(lambda lanes, conditioned: 0.01 * lanes)
    assert times.seconds(WIDE, Load(4)) == pytest.approx(2 * times.seconds(SHAPE, Load(4)))


def finishes(groups, usual=None):
    times = learnt(lambda lanes, conditioned: float(lanes))
    times.observe(WIDE, Load(1), 1.0)  # a shape of the same cost
    return dict(finish_times(groups, usual or {}, times))


def rows(**steps):
    return [Remaining(name, [(count, Load(1))]) for name, count in steps.items()]


def test_waiting_rows_take_the_places_that_are_freed():
    predicted = finishes({SHAPE: Group(rows(a=2, b=4), rows(c=3), 2)})
    # Two together cost 2 a step: a at 4, b at 8, then c alone for a last step.
    assert predicted == pytest.approx({"a": 4, "b": 8, "c": 9}, rel=0.05)


def test_shapes_slow_each_other_down():
    alone = finishes({SHAPE: Group(rows(a=4), [], 2)})
    both = finishes({SHAPE: Group(rows(a=4), [], 2), WIDE: Group(rows(b=4), [], 2)})
    assert both["a"] > 1.5 * alone["a"]


def test_the_usual_load_is_the_least_that_is_expected():
    group = Group(rows(a=4), [], 4)
    assert finishes({SHAPE: group}, {SHAPE: Load(3)})["a"] == pytest.approx(12, rel=0.05)


def test_a_row_that_gets_lighter_on_its_way():
    row = Remaining("a", [(2, Load(2)), (3, Load(1))])
    assert finishes({SHAPE: Group([row], [], 4)})["a"] == pytest.approx(7, rel=0.05)


def test_each_shape_has_places_of_its_own():
    groups = {
        SHAPE: Group(rows(a=2), rows(b=2), 2),
        WIDE: Group(rows(c=2), rows(d=2), 1),
    }
    predicted = finishes(groups)
    assert predicted["a"] == predicted["b"] < predicted["d"]


def test_rows_that_start_and_batches_of_another_size_take_longer_once():
    times = StepTimes()
    for number in range(200):
        lanes, started = (1 if number % 10 < 5 else 8), (2 if number % 10 == 0 else 0)
        once = (0.1 if number % 5 == 0 else 0.0) + 0.2 * started
        times.observe(SHAPE, Load(lanes), 0.01 * lanes + once, started)
    assert times.seconds(SHAPE, Load(8)) == pytest.approx(0.08, rel=0.05)
    assert times.seconds_of_change(SHAPE, 0) == pytest.approx(0.1, rel=0.1)
    assert times.seconds_of_change(SHAPE, 3) == pytest.approx(0.7, rel=0.1)
    groups = {SHAPE: Group(rows(a=10), rows(b=20), 1)}
    predicted = dict(finish_times(groups, {}, times))
    assert predicted["b"] - predicted["a"] == pytest.approx(20 * 0.01 + 0.3, rel=0.2)


def test_no_cost_is_negative():
    times, rng = StepTimes(), np.random.default_rng(0)
    for _ in range(100):
        lanes = int(rng.integers(4, 9))
        times.observe(SHAPE, Load(lanes, lanes), 0.5 - 0.02 * lanes, int(rng.integers(0, 2)))
        assert times.seconds(SHAPE, Load(1, 0)) > 0.001
        assert times.seconds_of_change(SHAPE, 5) >= 0


def test_a_guess_is_from_the_nearest_shape():
    times = learnt(lambda lanes, conditioned: 0.01 * lanes)
    large = (4, 64, 64)
    for _ in range(50):
        times.observe(large, Load(4), 0.4)  # ten times as long, and not sixteen times
    assert times.seconds((4, 64, 128), Load(4)) == pytest.approx(0.8, rel=0.1)


def test_places_are_taken_again_only_while_rows_arrive():
    now = 0.0
    forecast = Forecast(lambda: now)
    for _ in range(100):
        forecast.learn(SHAPE, Load(8), 0.8)

    def seconds():
        forecast.changed({SHAPE})
        return forecast.seconds_until("a", lambda: {SHAPE: Group(rows(a=10), [], 8)})

    forecast.arrived()
    assert seconds() == pytest.approx(8, rel=0.1), "as if others came in"
    now = 20.0
    assert seconds() == pytest.approx(1, rel=0.3), "nobody did"
