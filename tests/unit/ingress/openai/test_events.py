"""The events of a stream: previews, progress, finished images."""

from tests.images import from_base64
from tests.service import events_of


def test_a_stream_shows_previews_and_ends_with_the_image(service):
    response = service.generate(stream=True, partial_images=1, seed=7, output_format="jpeg")
    assert response.headers["content-type"].startswith("text/event-stream")
    (partial, preview), (completed, image) = events_of(response)
    assert partial == preview["type"] == "image_generation.partial_image"
    assert set(preview) >= {
        "b64_json", "created_at", "size", "quality", "background", "output_format",
        "partial_image_index", "step", "num_inference_steps", "eta_s", "seed",
    }  # fmt: skip
    assert completed == image["type"] == "image_generation.completed"
    assert image["usage"]["output_tokens"] == 8 and image["seed"] == 7
    assert from_base64(image["b64_json"]).format == "JPEG"
    assert service.terms.partial_images == 1 and not service.terms.every_step


def test_a_stream_tells_every_step_to_who_asks(service):
    kinds = [kind for kind, _ in events_of(service.generate(stream=True, progress=True, n=2))]
    assert sorted(set(kinds)) == [
        "image_generation.completed",
        "image_generation.partial_image",
        "image_generation.progress",
    ]
    assert kinds.count("image_generation.completed") == 2


def test_an_edit_streams_under_its_own_name(service):
    kinds = [kind for kind, _ in events_of(service.edit(stream="true"))]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]
