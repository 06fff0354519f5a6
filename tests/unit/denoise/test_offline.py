"""The engine in a plain call."""

from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from tests.denoising import TinyModel, work


def test_every_step_can_be_watched_offline():
    seen = []
    denoise(Engine(TinyModel(), 8), [work(steps=4)], lambda index, step, _: seen.append(step))
    assert seen == [1, 2, 3]
