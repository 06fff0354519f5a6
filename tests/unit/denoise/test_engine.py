"""Rows join, leave, fail and finish, on a model of a few numbers."""

import numpy as np
import pytest
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.forecast import finish_times
from serve_app.denoise.offline import denoise
from serve_app.errors import DeadlineUnmet, InvalidRequest
from tests.denoising import TinyModel, run, work

EDGES = np.zeros((16, 16), np.uint8)


def finished(outcome):
    return [row for row, _ in outcome.finished]


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


def test_no_guidance_takes_no_unconditional_lane_and_no_edges_no_control():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("plain", 1))
    engine.add(work("guided", 1, guidance_scale=2.0))
    engine.add(work("conditioned", 1, guidance_scale=2.0, edges=EDGES))
    engine.step()
    assert model.batches == [["not", "conditioned", "plain", "not", "guided"]]
    assert model.conditioned == [2]


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


def test_fewer_places_than_running_rows_rotate():
    model = TinyModel()
    engine = Engine(model, 4)
    rows = [engine.add(work(prompt, 3)) for prompt in "abcd"]
    engine.step()
    engine.resize(2)
    engine.step()
    engine.step()
    assert {row.steps_done for row in rows} == {2}


def test_shapes_take_turns():
    model = TinyModel()
    engine = Engine(model, 8)
    engine.add(work("wide", 3, size=(32, 16)))
    for _ in range(3):
        engine.add(work("small", 3))
    run(engine)
    assert [batch[0] for batch in model.batches] == ["wide", "small"] * 3


def test_priority_goes_ahead_by_ten_seconds_a_point():
    clock = [0.0]
    model = TinyModel()
    engine = Engine(model, 1, clock=lambda: clock[0])
    engine.add(work("running", 1))
    engine.step()
    for clock[0], prompt, priority in (
        (0, "first", 0),
        (9, "soon", 1),
        (15, "late", 1),
        (16, "low", -1),
    ):
        row = engine.add(work(prompt, 1), priority=priority)
    assert engine.position(row) == 4
    run(engine)
    assert [batch[0] for batch in model.batches] == ["running", "soon", "first", "late", "low"]


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


# failing


def test_a_failed_row_fails_alone():
    def fail(prompts):
        if "bad" in prompts:
            raise ValueError("bad")

    model = TinyModel(fail)
    engine = Engine(model, 8)
    rows = [engine.add(work(prompt, 2)) for prompt in ("a", "bad", "c")]
    outcomes = run(engine)
    assert [row for row, _ in outcomes[0].failed] == [rows[1]]
    assert isinstance(outcomes[0].failed[0][1], ValueError)
    assert finished(outcomes[1]) == [rows[0], rows[2]]


def test_a_row_that_cannot_start_fails_alone():
    engine = Engine(TinyModel(), 8)
    bad = [engine.add(work(steps=60, sampler="lcm")), engine.add(work(sampler="no such"))]
    weak = work(steps=4, strength=0.1, image=np.zeros((16, 16, 3), np.uint8))
    bad.append(engine.add(weak))
    good = engine.add(work(steps=1))
    outcome = engine.step()
    assert [row for row, _ in outcome.failed] == bad
    assert [error.param for _, error in outcome.failed] == [
        "num_inference_steps", "sampler", "strength",
    ]  # fmt: skip
    assert all(isinstance(error, InvalidRequest) for _, error in outcome.failed)
    assert finished(outcome) == [good]


def test_a_rows_error_is_told_with_its_traceback_once_and_kept_without():
    def fail(prompts):
        if "bad" in prompts:
            raise ValueError("bad") from KeyError("cause")

    told = []
    engine = Engine(
        TinyModel(fail), 8, on_error=lambda error: told.append((error, error.__traceback__))
    )
    for prompt in ("a", "bad", "c"):
        engine.add(work(prompt, 1))
    engine.add(work(sampler="no such"))  # the client's fault: not told
    failed = [error for _, error in engine.step().failed]
    ((error, traceback),) = told
    assert traceback is not None
    assert error in failed and len(failed) == 2
    assert all(each.__traceback__ is None for each in [*failed, error.__cause__])


def test_a_lost_device_fails_all_rows_without_trying_each():
    def lose(prompts):
        calls.append(prompts)
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    calls, told = [], []
    engine = Engine(TinyModel(lose), 8, on_error=told.append)
    for prompt in "abc":
        engine.add(work(prompt))
    assert len(engine.step().failed) == 3
    assert len(calls) == len(told) == 1


# watching and foreseeing


@pytest.mark.parametrize(("count", "steps"), [(0, []), (1, [6]), (3, [3, 6, 9])])
def test_previews_come_evenly(count, steps):
    engine = Engine(TinyModel(), 8)
    engine.add(work(steps=12), previews=count)
    shown = [len(outcome.previews) for outcome in run(engine)]
    assert [step + 1 for step, previews in enumerate(shown) if previews] == steps


def test_every_step_can_be_watched_offline():
    seen = []
    denoise(Engine(TinyModel(), 8), [work(steps=4)], lambda index, step, _: seen.append(step))
    assert seen == [1, 2, 3]


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
    assert engine.counts() == (0, 2)


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
