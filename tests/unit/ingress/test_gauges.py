"""What an ingress replica says of itself every second."""

from serve_app.ingress import gauges
from tests.pipelines import pipeline_of


def test_all_kinds_of_work_and_its_memory(published, monkeypatch):
    made = []
    monkeypatch.setattr(gauges.Readings, "keep_taking", lambda readings: made.append(readings))
    pipeline, _ = pipeline_of({"max_pending_images": 8}, share=lambda limit: limit // 2)
    gauges.keep_gauges(pipeline)
    with pipeline.work["caption"].admitted(3):
        made[0].take()
    kinds = {"generate", "canny", "upscale", "caption", "classify"}
    assert published.last("image_capacity") == dict.fromkeys(kinds, 4)
    assert published.last("image_pending") == dict.fromkeys(kinds, 0) | {"caption": 3}
    assert "ingress" in published.last("image_process_memory_bytes")
