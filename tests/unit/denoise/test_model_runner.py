"""Rows that fail together, and who is to blame."""

import threading

import numpy as np
import pytest
import torch

from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.device import memory
from serve_app.device.memory import DeviceMemory
from serve_app.errors import InvalidRequest, NotEnoughMemory, StageFailed
from tests.denoising import TinyModel, finished, run, work


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


# memory: a device that holds so many rows of a shape


SMALL, LARGE = (64, 64), (128, 128)


class SmallDevice(TinyModel):
    """Takes so many rows at a time of images of a width, and so many texts and edges."""

    def __init__(self, room, starts=1000):
        super().__init__()
        self.room, self.starts = room, starts
        self.tried = []

    def encode_prompts(self, prompts):
        _require(len(prompts) <= self.starts)
        return super().encode_prompts(prompts)

    def predict(self, sample, *others):
        width = 8 * sample.shape[-1]
        self.tried.append((width, len(sample)))
        _require(len(sample) <= self.room.get(width, 1000))
        return super().predict(sample, *others)

    def sizes(self, width):
        """Of the batches of this width that ran or failed, without repetitions."""
        sizes = [size for tried, size in self.tried if tried == width]
        return [size for at, size in enumerate(sizes) if at == 0 or sizes[at - 1] != size]


def _require(room):
    if not room:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_large_shape_settles_while_a_small_one_keeps_its_batch():
    works = [work(f"{i}", 6, size=LARGE, seed=i) for i in range(8)]
    works += [work(f"small {i}", 6, size=SMALL, seed=i) for i in range(8)]
    undisturbed = denoise(Engine(TinyModel(), 8), works)
    model = SmallDevice({128: 2})
    engine = Engine(model, 8, clock=lambda: 0.0)
    for made, expected in zip(denoise(engine, works), undisturbed, strict=True):
        torch.testing.assert_close(made, expected)
    assert model.sizes(128) == [8, 4, 2]
    assert model.sizes(64) == [8]


def test_each_lowering_is_told_with_the_size_in_pixels():
    engine = Engine(SmallDevice({128: 2}), 8, clock=lambda: 0.0)
    for _ in range(8):
        engine.add(work(size=LARGE))
    told = [outcome.overflow for outcome in run(engine) if outcome.overflow]
    assert [(each.rows, each.limit, each.size) for each in told] == [
        (8, 4, "128x128"), (4, 2, "128x128"),
    ]  # fmt: skip


def test_the_limit_recovers_by_trying_one_more():
    now = [0.0]
    model = SmallDevice({128: 2})
    engine = Engine(model, 4, clock=lambda: now[0])
    for _ in range(4):
        engine.add(work(steps=1000, size=LARGE))

    def tried_after(seconds):
        now[0] += seconds
        first = len(model.tried)
        engine.step()
        engine.step()
        return [size for _, size in model.tried[first:]]

    assert tried_after(0) == [4, 2]
    assert tried_after(9) == [2, 2]
    assert tried_after(2) == [3, 2], "still no room: what held is kept"
    assert tried_after(11) == [2, 2], "and the next try comes later"
    model.room = {}
    assert tried_after(11) == [3, 3]
    assert tried_after(11) == [4, 4]


def test_the_general_limit_is_changed_without_forgetting_what_fits():
    model = SmallDevice({128: 2})
    engine = Engine(model, 8, clock=lambda: 0.0)
    for size in (LARGE, SMALL):
        for _ in range(8):
            engine.add(work(steps=50, size=size))
    for limit, large, small in ((8, 2, 8), (1, 1, 1), (6, 2, 6)):
        engine.resize(limit)
        for _ in range(8):
            engine.step()
        assert model.tried[-2:] in ([(128, large), (64, small)], [(64, small), (128, large)])


def test_rows_that_do_not_start_together_start_in_smaller_parts():
    works = [work(f"{i}", 2, seed=i) for i in range(8)]
    undisturbed = denoise(Engine(TinyModel(), 8), works)
    made = denoise(Engine(SmallDevice({}, starts=3), 8), works)
    for each, expected in zip(made, undisturbed, strict=True):
        torch.testing.assert_close(each, expected)


@pytest.mark.parametrize("model", [SmallDevice({128: 0}), SmallDevice({}, starts=0)])
def test_a_row_that_can_never_fit_is_refused_by_its_size(model):
    engine = Engine(model, 8)
    engine.add(work(size=LARGE))
    ((_, error),) = run(engine)[0].failed
    assert isinstance(error, InvalidRequest) and error.param == "size"
    assert str(error) == "an image of 128x128 pixels does not fit this device's memory"
    assert error.__traceback__ is None and error.__context__ is None


def test_where_others_hold_the_memory_it_may_fit_later(monkeypatch):
    monkeypatch.setattr(memory, "held_by_others", lambda: True)
    engine = Engine(SmallDevice({128: 0}), 8)
    refused, served = engine.add(work(size=LARGE)), engine.add(work(size=SMALL))
    outcomes = run(engine)
    assert [row for outcome in outcomes for row, _ in outcome.finished] == [served]
    ((row, error),) = [each for outcome in outcomes for each in outcome.failed]
    assert row is refused and isinstance(error, NotEnoughMemory)


def test_a_row_waits_for_the_memory_that_decoding_holds():
    shared = DeviceMemory()
    decoding, refused = threading.Event(), threading.Event()

    class Beside(SmallDevice):
        def predict(self, sample, *others):
            self.room = {128: 0 if decoding.is_set() else 1}
            try:
                return super().predict(sample, *others)
            except torch.OutOfMemoryError:
                refused.set()
                raise

    def decode():
        decoding.set()
        refused.wait(10)
        decoding.clear()

    decoder = threading.Thread(target=lambda: shared.attempt(decode, last=True))
    decoder.start()
    decoding.wait(10)
    engine = Engine(Beside({}), 8, memory=shared)
    engine.add(work(steps=2, size=LARGE))
    outcomes = run(engine)
    decoder.join()
    assert refused.is_set() and outcomes[-1].finished and not outcomes[0].failed


def test_edges_and_pictures_of_several_rows_start_in_parts_too():
    class NoRoom(TinyModel):
        def embed_edges(self, edges):
            _require(len(edges) <= 1)
            return super().embed_edges(edges)

    edges = np.zeros((16, 16), np.uint8)
    assert len(denoise(Engine(NoRoom(), 8), [work(steps=1, edges=edges) for _ in range(5)])) == 5


def test_a_mistake_of_ours_that_has_a_name_is_told_with_its_traceback_too():
    def fail(prompts):
        raise StageFailed("not a number")

    told = []
    engine = Engine(TinyModel(fail), 8, on_error=lambda error: told.append(error.__traceback__))
    engine.add(work())
    ((_, error),) = engine.step().failed
    assert isinstance(error, StageFailed) and error.__traceback__ is None
    assert len(told) == 1 and told[0] is not None
