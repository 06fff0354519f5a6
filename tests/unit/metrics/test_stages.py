"""What a stage publishes."""

import pytest

from serve_app.messages import StageReport
from serve_app.metrics import stages
from serve_app.metrics.stages import QueueDepth


def test_an_item_has_waited_and_run(published):
    stages.publish_item(StageReport("caption", queue_s=0.5, run_s=2.0, batch_size=4))
    assert published.of("image_queue_seconds") == {("caption", "0"): [0.5]}
    assert published.of("image_stage_seconds") == {"caption": [2.0]}
    assert published.of("image_batch_size") == {}, "a batch is counted once, by itself"


def test_a_step_is_counted_once_with_its_lanes(published):
    stages.publish_step(12, 0.25)
    assert published.of("image_step_seconds") == {(): [0.25]}
    assert published.of("image_step_lanes") == {(): [12]}


@pytest.mark.parametrize(("took_s", "direction"), [(1.5, "early"), (2.5, "late")])
def test_an_eta_is_off_in_one_direction(published, took_s, direction):
    stages.publish_eta_error(2.0, took_s)
    assert published.of("image_eta_error_seconds") == {direction: [0.5]}


def test_where_nobody_waits_any_more_the_depth_is_set_to_zero(published):
    depth = QueueDepth("generate")
    depth.publish({})
    assert published.last("image_queue_depth") == {("generate", "0"): 0}
    depth.publish({5: 2, 0: 1})
    depth.publish({})
    assert published.last("image_queue_depth") == {("generate", "0"): 0, ("generate", "5"): 0}


def test_an_overflow_is_logged_and_counted(published, caplog):
    caplog.set_level("INFO", "ray.serve")
    stages.log_overflow("upscale", 8, 4, (64, 64))
    assert published.sums("image_out_of_memory") == {"upscale": 1}
    assert "out of memory stage=upscale batch_size=8 batch_size_now=4" in caplog.text


def test_a_process_knows_its_memory(published, monkeypatch):
    stages.publish_process_memory("caption")
    assert published.last("image_process_memory_bytes")["caption"] > 2**24
    monkeypatch.setattr(stages, "resident_bytes", lambda: None)
    stages.publish_process_memory("canny")
    assert "canny" not in published.of("image_process_memory_bytes")
