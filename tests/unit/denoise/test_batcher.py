"""Whose turn it is."""

from serve_app.denoise.engine import Engine
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
