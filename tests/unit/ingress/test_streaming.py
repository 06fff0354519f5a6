"""What goes wrong before a stream and in it."""

import pytest

from serve_app import errors
from tests.images import in_base64, jpeg
from tests.service import assert_refused, events_of


def test_what_is_refused_before_a_stream_begins_has_a_status(service):
    assert_refused(service.generate(stream=True, n=99), 400, param="n")
    truncated = in_base64(jpeg()[:5000])
    service.handles["canny"].answer = lambda request: errors.InvalidImage("truncated")
    response = service.generate(stream=True, control_image=truncated)
    assert_refused(response, 400, "invalid_image", "control_image")


def test_an_error_in_a_stream_is_its_last_event(service):
    service.handles["captioner"].answer = lambda picture: errors.StageFailed("it failed")
    response = service.generate(stream=True, caption=True)
    assert response.status_code == 200
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "stage_failed"


@pytest.mark.parametrize("failing", ["generator", "captioner"])
def test_a_stage_that_raises_ends_a_stream_with_an_error(service, failing):
    """By gRPC its exception comes bare."""

    def broken(*args):
        raise RuntimeError("out of memory")

    handle = service.handles[failing]
    handle.answer, handle.grpc = broken, True
    response = service.generate(stream=True, caption=True)
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "stage_failed"
    assert "out of memory" not in response.text


def test_a_mistake_of_ours_ends_a_stream_with_an_error(service, caplog):
    service.handles["captioner"].answer = lambda picture: None
    response = service.generate(stream=True, caption=True)
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "internal_error"
    assert caplog.text.count("Traceback") == 1
