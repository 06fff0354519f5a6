"""Rows join, leave and finish, on a model of a few numbers."""

import numpy as np
import pytest
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.forecast import finish_times
from serve_app.denoise.offline import denoise
from serve_app.errors import DeadlineUnmet, NeverInTime
from tests.denoising import TinyModel, finished, run, work

EDGES = np.zeros((16, 16), np.uint8)


def test_rows_of_different_lengths_leave_as_they_finish():
    model = TinyModel()
    engine = Engine(model, 8)
    rows = [engine.add(work(prompt, steps)) for prompt, steps in (("a", 2), ("b", 4), ("c", 3))]
    outcomes = run(engine)
    assert model.batches == [["a", "b", "c"]] * 2 + [["b", "c"], ["b"]]
    assert [finished(outcome) for outcome in outcomes] == [[], [rows[0]], [rows[2]], [rows[1]]]


def test_a_row_joins_at_the_next_step():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("a", 3))
    engine.step()
    engine.add(work("b", 3))
    run(engine)
    assert model.batches == [["a"], ["a", "b"], ["a", "b"], ["b"]]


def test_company_does_not_change_the_latents():
    one = work("one", 5, guidance_scale=3.0, edges=EDGES, sampler="euler_a")
    others = [
        work("x", 2, guidance_scale=3.0),
        work("yy", 9, edges=EDGES, sampler="lcm"),
        work("zzz", 5, sampler="dpmpp_2m", guidance_scale=2.0, guidance_rescale=0.5),
    ]
    (alone,) = denoise(Engine(TinyModel(), 8), [one])
    for place in range(4):
        together = denoise(Engine(TinyModel(), 8), [*others[:place], one, *others[place:]])
        torch.testing.assert_close(together[place], alone)


def test_the_batch_is_bounded_and_resized_live():
    model = TinyModel()
    engine = Engine(model, 2)
    for prompt in "abc":
        engine.add(work(prompt, 2))
    engine.step()
    assert model.batches == [["a", "b"]] and engine.counts() == (2, 1)
    engine.resize(3)
    engine.step()
    assert model.batches[-1] == ["a", "b", "c"]
    engine.resize(1)
    run(engine)
    assert model.batches[-1] == ["c"]


# leaving


def test_a_cancelled_row_is_out_before_the_next_step_and_the_rest_are_unharmed():
    (alone,) = denoise(Engine(TinyModel(), 8), [work("b", 4)])
    model = TinyModel()
    engine = Engine(model, 8)
    leaving, staying = engine.add(work("a", 10)), engine.add(work("b", 4))
    engine.step()
    assert engine.cancel(leaving) == 9
    assert engine.cancel(leaving) == 0
    run(engine)
    assert model.batches == [["a", "b"]] + [["b"]] * 3
    torch.testing.assert_close(staying.trajectory.latents, alone)


def test_cancelled_while_a_step_runs():
    def leave(prompts):
        if len(model.batches) == 1:
            engine.cancel(leaving)

    model = TinyModel(leave)
    engine = Engine(model, 8)
    leaving, staying = engine.add(work("a", 2)), engine.add(work("b", 3))
    outcomes = run(engine)
    assert model.batches == [["a", "b"], ["a", "b"], ["b"]]
    assert [row for outcome in outcomes for row in finished(outcome)] == [staying]


def test_cancelled_before_it_began():
    engine = Engine(TinyModel(), 1)
    engine.add(work("a", 2))
    waiting = engine.add(work("b", 5))
    engine.step()
    assert engine.cancel(waiting) == 5
    assert len(run(engine)) == 1


# watching and foreseeing


@pytest.mark.parametrize(("count", "steps"), [(0, []), (1, [6]), (3, [3, 6, 9])])
def test_previews_come_evenly(count, steps):
    engine = Engine(TinyModel(), 8)
    engine.add(work(steps=12), previews=count)
    shown = [len(outcome.previews) for outcome in run(engine)]
    assert [step + 1 for step, previews in enumerate(shown) if previews] == steps


class Clock:
    """Each step of the model takes as long as it has lanes."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def step(self, prompts):
        self.now += len(prompts)


def taught_engine(places=2):
    clock = Clock()
    engine = Engine(TinyModel(clock.step), places, clock)
    for lanes in (1, 2) * 20:
        for _ in range(lanes):
            engine.add(work(steps=1))
        run(engine)
    clock.now += 1000  # the usual load is forgotten
    return engine, clock


def test_says_when_a_row_will_be_finished():
    engine, clock = taught_engine()
    rows = [engine.add(work(steps=10)), engine.add(work(steps=5)), engine.add(work(steps=5))]
    predicted = [engine.eta_s(row) for row in rows]
    assert predicted == pytest.approx([20, 10, 20], rel=0.05)
    began = clock.now
    done = [row for outcome in run(engine) for row in finished(outcome)]
    assert set(done) == set(rows)
    assert clock.now - began == pytest.approx(20, rel=0.05)


def test_steady_traffic_is_expected_to_go_on():
    engine, _ = taught_engine(places=4)
    for _ in range(40):
        for _ in range(3):
            engine.add(work(steps=1))
        engine.step()
    row = engine.add(work(steps=10))
    assert engine.eta_s(row) > 25  # with three others most of the time, not 10 s alone


def test_a_deadline_that_cannot_be_met_is_refused_at_once():
    engine, _ = taught_engine()
    engine.add(work(steps=10), finish_within_s=12)
    engine.add(work(steps=10), finish_within_s=25)
    with pytest.raises(DeadlineUnmet) as refused:
        engine.add(work(steps=10), finish_within_s=20)
    assert refused.value.retry_after_s == pytest.approx(10, abs=2)
    assert type(refused.value) is DeadlineUnmet, "alone it would be in time"
    with pytest.raises(NeverInTime):
        engine.add(work(steps=30), finish_within_s=20)
    assert engine.counts() == (0, 2)


def test_a_row_whose_steps_take_longer_than_guessed_fails_early():
    engine, clock = taught_engine()  # a step takes a second, as far as it knows
    row = engine.add(work(steps=20), finish_within_s=40)
    in_time = engine.add(work(steps=5), finish_within_s=400)
    failed = []
    while not failed:
        clock.now += 9  # of which the engine's own step has a part
        failed = engine.step().failed
    assert [each for each, _ in failed] == [row] and row.steps_done == 3
    assert isinstance(failed[0][1], NeverInTime)
    run(engine)
    assert in_time.steps_done == 5


def test_a_step_makes_one_forecast_for_all_who_ask(monkeypatch):
    made = []

    def counted(*args):
        made.append(1)
        return finish_times(*args)

    monkeypatch.setattr("serve_app.denoise.forecast.finish_times", counted)
    engine, clock = taught_engine(places=4)
    rows = [engine.add(work(steps=10)) for _ in range(8)]
    for expected in (1, 2, 3):
        engine.step()
        first = [engine.eta_s(row) for row in rows]
        clock.now += 2  # while the next step runs
        assert [engine.eta_s(row) for row in rows] == pytest.approx([eta - 2 for eta in first])
        assert len(made) == expected
    for change in (lambda: engine.add(work()), lambda: engine.cancel(rows[0])):
        change()
        engine.eta_s(rows[1])
        expected += 1
        assert len(made) == expected


def test_a_step_says_who_began_and_how_many_lanes_it_had():
    engine = Engine(TinyModel(), 8)
    first = engine.add(work("a", 3, guidance_scale=3.0))
    outcome = engine.step()
    assert outcome.started == [first] and outcome.lanes == 2
    second = engine.add(work("b", 3))
    engine.add(work(sampler="no such"))
    outcome = engine.step()
    assert outcome.started == [second] and outcome.lanes == 3
    outcome = engine.step()
    assert outcome.started == [] and outcome.lanes == 3


def test_who_waits_by_priority():
    engine = Engine(TinyModel(), 1)
    for priority in (0, 5, 0, -1):
        engine.add(work(), priority=priority)
    assert engine.waiting() == {0: 2, 5: 1, -1: 1}
    engine.step()
    assert engine.waiting() == {0: 2, -1: 1} and engine.slots == 1
    engine.abort()
    assert engine.waiting() == {}


def test_the_wait_of_a_row_that_came_now():
    engine, _ = taught_engine(places=2)
    assert engine.wait_s() == 0
    rows = [engine.add(work(steps=steps)) for steps in (4, 8)]
    assert engine.wait_s() == pytest.approx(engine.eta_s(rows[0])), "when a slot is free"
    rows.append(engine.add(work(steps=1)))
    assert engine.wait_s() == pytest.approx(sorted(map(engine.eta_s, rows))[1])
    engine.add(work(steps=50, size=(32, 32)))  # of another shape, which has slots
    assert engine.wait_s() == pytest.approx(sorted(map(engine.eta_s, rows))[1])


def test_the_work_ahead_is_until_the_last_is_finished():
    engine = Engine(TinyModel(), 1, clock=lambda: 0.0)
    assert engine.work_s() == 0
    rows = [engine.add(work(steps=steps)) for steps in (4, 20, 4)]
    assert engine.work_s() == max(map(engine.eta_s, rows)) > engine.eta_s(rows[0])
    for row in rows:
        engine.cancel(row)
    assert engine.work_s() == 0
