"""What a replica says of itself every second."""

import sys
from types import SimpleNamespace

from serve_app import __version__
from serve_app.denoise.engine import Engine
from serve_app.deployments import gauges
from serve_app.deployments.gauges import engine_load, model_info, publish_device_memory
from serve_app.model_config import Source
from tests.denoising import TinyModel, run, work


def fake_torch(initialized):
    cuda = SimpleNamespace(
        is_initialized=lambda: initialized,
        mem_get_info=lambda: (20, 100),
        memory_allocated=lambda: 11,
        memory_reserved=lambda: 17,
        get_per_process_memory_fraction=lambda: 0.45,
    )
    return SimpleNamespace(cuda=cuda)


def test_the_memory_of_a_replicas_share_of_a_gpu(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch(initialized=True))
    publish_device_memory("upscale")
    assert published.last("image_memory_bytes") == {
        ("upscale", "allocated"): 11,
        ("upscale", "reserved"): 17,
        ("upscale", "limit"): 45,
    }


def test_without_a_gpu_nothing_is_said_of_its_memory(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch(initialized=False))
    publish_device_memory("upscale")
    assert published.of("image_memory_bytes") == {}


def test_a_series_for_each_model_without_this_machines_paths(published):
    runtime = SimpleNamespace(device="cpu", dtype="torch.float32")
    sources = [Source("/home/me/weights/upscaler-x2"), Source("caidas/swin2SR")]
    model_info("upscale", runtime, sources, "openvino")()
    assert published.last("image_model_info") == {
        ("upscale", model, "openvino", "cpu", "float32", __version__): 1
        for model in ("upscaler-x2", "caidas/swin2SR")
    }


def test_how_busy_the_engine_is_until_all_have_left(published):
    engine = Engine(TinyModel(), 2)
    publish = engine_load(engine, lambda: 0.5)

    def load():
        publish()
        depth = published.last("image_queue_depth")
        return (
            published.last("image_slots_running")[()],
            {priority: count for (_, priority), count in depth.items()},
            published.last("image_work_seconds")[()],
        )

    assert load() == (0, {"0": 0}, 0)
    rows = [engine.add(work(steps=9), priority=priority) for priority in (0, 0, 3, 3)]
    running, waiting, work_s = load()
    assert (running, waiting) == (0, {"0": 2, "3": 2}) and work_s > 0.5
    engine.step()
    assert load()[:2] == (2, {"0": 2, "3": 0})
    for row in rows:  # as clients that leave
        engine.cancel(row)
    assert load() == (0, {"0": 0, "3": 0}, 0)
    engine.add(work(), priority=3)
    engine.abort()
    assert load() == (0, {"0": 0, "3": 0}, 0)
    engine.add(work())
    run(engine)
    assert load() == (0, {"0": 0, "3": 0}, 0)
    assert published.last("image_slots") == {(): 2}


def test_a_replica_takes_all_of_its_readings(published, monkeypatch):
    made = []
    monkeypatch.setattr(gauges.Readings, "keep_taking", lambda readings: made.append(readings))
    gauges.keep_gauges("caption", lambda: published.record(gauges.SLOTS, 4, {}))
    made[0].take()
    assert published.last("image_slots") == {(): 4}
    assert "caption" in published.last("image_process_memory_bytes")
