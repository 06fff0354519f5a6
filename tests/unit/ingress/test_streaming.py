"""What goes wrong before a stream and in it."""

import pytest

from serve_app import errors
from serve_app.ingress.streaming import start_stream
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


# without the API


async def told(*items, error=None):
    """Events as a route yields them, and whether it was left before its end."""
    try:
        for item in items:
            yield item
        if error:
            raise error
    finally:
        told.ended = True


async def sent(stream):
    """What goes over the wire."""
    text = ""

    async def send(message):
        nonlocal text
        text += message.get("body", b"").decode()

    await stream.stream_response(send)
    return text


async def test_none_begins_a_stream_and_is_not_sent():
    stream = await start_stream(told(None, {"type": "x.a", "n": 1}, None, {"type": "x.b"}))
    assert await sent(stream) == (
        'event: x.a\ndata: {"type": "x.a", "n": 1}\n\nevent: x.b\ndata: {"type": "x.b"}\n\n'
    )
    assert stream.media_type == "text/event-stream"
    assert stream.headers["cache-control"] == "no-cache", "nor may a proxy in between keep it"


async def test_an_error_before_the_first_event_is_the_answer():
    with pytest.raises(errors.QueueFull):
        await start_stream(told(error=errors.QueueFull("full")))


async def test_a_client_that_leaves_ends_the_work():
    told.ended = False
    stream = await start_stream(told({"type": "a"}, {"type": "b"}))

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await stream.stream_response(send)
    assert told.ended
