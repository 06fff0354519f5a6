"""A warm-up ends in time, whatever a step takes."""

import pytest
import torch

from serve_app.config import Defaults
from serve_app.denoise.batcher import Batcher, Row
from serve_app.denoise.sampler import SAMPLERS
from serve_app.denoise.warm_up import warm_up
from tests.denoising import TinyModel, work


class SlowMachine:
    """Each lane takes so many seconds, the first call some more; so does decoding."""

    def __init__(self, lane_s, decode_s=0.0, first_s=0.0):
        self.now, self.lane_s, self.decode_s, self.first_s = 0.0, lane_s, decode_s, first_s
        self.model = TinyModel(self._step)
        self.decoded = 0

    def _step(self, prompts):
        self.now += len(prompts) * self.lane_s + self.first_s
        self.first_s = 0.0

    def _decode(self, latents):
        assert all(isinstance(each, torch.Tensor) for each in latents)
        self.decoded += 1
        self.now += self.decode_s

    def warm_up(self, **fields):
        defaults = Defaults(width=64, height=64, **fields)
        return warm_up(self.model, self._decode, defaults, 20.0, lambda: self.now)

    def forecast_s(self, forecast, **fields):
        row = Row(work(size=(64, 64), **fields), (1, 8, 8), 0.0)
        batcher = Batcher(lambda shape: 4)
        batcher.add(row)
        self.now += 1000  # the usual load is forgotten
        forecast.changed(())
        return forecast.seconds_until(row, batcher.groups)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_quick_machine_runs_every_kind_of_work(sampler):
    machine = SlowMachine(lane_s=0.01, decode_s=0.5, first_s=1.5)
    warm = machine.warm_up(sampler=sampler)
    assert not warm.left_out and warm.decode_s == pytest.approx(0.5) and machine.decoded == 2
    assert machine.now < 20
    assert max(map(len, machine.model.batches)) == 8
    # The first call's own time is not taken for a step's.
    assert machine.forecast_s(warm.forecast, steps=10) == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("lane_s", [1.0, 4.0, 30.0])
def test_a_slow_machine_stops_in_time_and_says_what_it_left_out(lane_s):
    machine = SlowMachine(lane_s, decode_s=lane_s)
    warm = machine.warm_up()
    assert machine.now <= max(20.0, 3 * lane_s), "a guided step and its decoding at the least"
    assert "timing of 4 images together" in warm.left_out
    assert machine.model.conditioned[0] == 2, "the first is guided and with edges"
    assert warm.decode_s == pytest.approx(lane_s)
    forecast_s = machine.forecast_s(warm.forecast, steps=5, guidance_scale=2.0)
    assert forecast_s == pytest.approx(10 * lane_s, rel=0.7), "from what was seen"
