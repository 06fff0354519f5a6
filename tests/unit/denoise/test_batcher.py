"""Whose turn it is."""

import numpy as np
import pytest

from serve_app.denoise.batcher import Batcher, Row
from serve_app.denoise.engine import Engine
from serve_app.denoise.forecast import Load
from tests.denoising import TinyModel, run, work


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


# the batcher alone, without an engine

SHAPE, WIDE = (4, 8, 8), (4, 8, 16)


def row(prompt="a", shape=SHAPE, arrived=0.0, priority=0, **fields):
    return Row(work(prompt, **fields), shape, arrived, priority)


def filled(limit, *rows):
    batcher = Batcher(lambda shape: limit)
    for each in rows:
        batcher.add(each)
    return batcher


def test_waiting_rows_are_in_the_order_of_arrival_and_head_start():
    late, early, urgent = row(arrived=2), row(arrived=1), row(arrived=9, priority=1)
    batcher = filled(1, late, early, urgent)
    assert [batcher.ahead_of(each) for each in (urgent, early, late)] == [1, 2, 3]
    assert batcher.next_rows() == [urgent]
    assert [batcher.ahead_of(each) for each in (urgent, early, late)] == [0, 1, 2]


@pytest.mark.parametrize("of", ["running", "waiting"])
def test_a_row_is_taken_out_wherever_it_is_and_its_shape_with_the_last(of):
    running, waiting, wide = row(arrived=0), row(arrived=1), row(shape=WIDE)
    batcher = filled(1, running, waiting, wide)
    batcher.next_rows()
    gone, left = (running, waiting) if of == "running" else (waiting, running)
    batcher.remove(gone)
    batcher.remove(gone)
    assert gone.gone and not left.gone
    assert list(batcher.rows()) == [wide, left]
    batcher.remove(wide)
    assert set(batcher.shapes) == {SHAPE} and batcher.ahead_of(wide) == 0


def test_nobody_is_next_where_nobody_is():
    assert filled(4).next_rows() == []


def test_what_a_row_still_carries():
    edges = np.zeros((16, 16), np.uint8)
    plain, guided = row(steps=5), row(steps=5, guidance_scale=2.0, guidance_end=0.4, edges=edges)
    assert (plain.load, guided.load) == (Load(1, 0), Load(2, 2))
    left = plain.remaining()
    assert (left.steps, left.load) == (5, Load(1, 0))
    left = guided.remaining()
    assert (left.steps, left.load) == (2, Load(2, 2))
    left.advance(2)
    assert (left.steps, left.load, left.finished) == (3, Load(1, 1), False)
    left.advance(3)
    assert left.finished


def test_edges_that_steer_some_steps_weigh_in_those_alone():
    edges = np.zeros((16, 16), np.uint8)
    share = {"control_guidance_start": 0.2, "control_guidance_end": 0.8}
    one = row(steps=5, guidance_scale=2.0, guidance_end=0.4, edges=edges, **share)
    assert one.load == Load(2, 0)
    left = one.remaining()
    for steps, load in ((1, Load(2, 0)), (1, Load(2, 2)), (2, Load(1, 1)), (1, Load(1, 0))):
        assert (left.steps, left.load, left.finished) == (steps, load, False)
        left.advance(steps)
    assert left.finished


def test_the_forecast_sees_every_row_and_the_limit_of_its_shape():
    running, waiting = row(arrived=0), row(arrived=1)
    batcher = filled(1, running, waiting)
    batcher.next_rows()
    (group,) = batcher.groups().values()
    assert [each.key for each in group.running] == [running]
    assert [each.key for each in group.waiting] == [waiting]
    assert group.slots == 1


def test_a_row_remembers_where_its_batch_changed_size():
    now = [0.0]
    engine = Engine(TinyModel(), 4, lambda: now[0])
    first = engine.add(work("a", 5))
    engine.step()
    engine.step()
    now[0] = 7.0
    second = engine.add(work("b", 2))
    run(engine)
    of_first = [(each.step, each.batch_size, each.moment) for each in first.batch_sizes]
    assert of_first == [(1, 1, 0.0), (3, 2, 7.0), (5, 1, 7.0)]
    assert [(each.step, each.batch_size) for each in second.batch_sizes] == [(1, 2)]
    assert first.batch_size_sum == 7
