"""Streams: events in pieces, errors on the way, results put together."""

import httpx
import pytest

from serve_app.client import (
    AsyncClient,
    Completed,
    PartialImage,
    Progress,
    Refused,
    Unreachable,
)
from tests.unit.client.service import FAILED, PNG, Service, client_of, event, refusal, streaming

STREAM = (event("progress"), event("partial_image", step=2), event("completed", step=4))


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_events_arrive_whole_however_they_are_cut(size):
    service = Service(streaming(*STREAM, size=size))
    events = list(client_of(service).stream("x", previews=2))
    assert [type(item) for item in events] == [Progress, PartialImage, Completed]
    assert events[0] == Progress(7, 1, 4, 1.5, 0)
    assert (events[1].step, events[1].data, events[1].size) == (2, PNG, (128, 64))
    assert (events[2].image.data, events[2].request_id) == (PNG, "r1")
    asked = service.bodies[0]
    assert (asked["stream"], asked["progress"], asked["partial_images"]) == (True, True, 2)


def test_what_other_events_say_is_left_out():
    text = ": a comment\n\n" + event("heartbeat") + "".join(STREAM).replace("\n", "\r\n")
    assert len(list(client_of(Service(streaming(text))).stream("x"))) == 3


def test_data_over_several_lines_is_one_event():
    text = 'data: {"type": "x.progress", "seed": 1, "step": 2,\n'
    text += 'data:"num_inference_steps": 4, "eta_s": 0.5, "queue_position": 0}\n\n'
    assert list(client_of(Service(streaming(text))).stream("x")) == [Progress(1, 2, 4, 0.5, 0)]


def test_an_error_in_the_stream_is_a_refusal():
    events = client_of(Service(streaming(STREAM[0], FAILED))).stream("x")
    assert isinstance(next(events), Progress)
    with pytest.raises(Refused) as refused:
        next(events)
    error = refused.value
    assert (error.status, error.code, error.request_id) == (200, "timed_out", "r1")


def test_a_refusal_before_the_stream_is_tried_again():
    service = Service(refusal(429, 2), streaming(*STREAM))
    assert len(list(client_of(service).stream("x"))) == 3
    assert len(service.slept) == 1


def test_a_stream_that_breaks_is_not_tried_again():
    service = Service(streaming(*STREAM[:2], error=httpx.ReadError("reset")))
    with pytest.raises(Unreachable, match="lost"):
        list(client_of(service).stream("x"))
    assert len(service.requests) == 1


def test_leaving_the_loop_closes_the_connection():
    answer = streaming(*STREAM)
    events = client_of(Service(answer)).stream("x")
    next(events)
    events.close()
    assert answer.is_closed


def test_a_watched_generation_is_the_events_result():
    several = (event("progress"), event("completed", seed=8, step=4), event("completed", step=2))
    service = Service(streaming(*several))
    seen = []
    made = client_of(service).generate("x", n=2, seed=7, on_progress=seen.append)
    assert [image.seed for image in made.images] == [7, 8]
    assert made.timings == {"generate": 1.0} and made.size == (128, 64)
    assert [type(item) for item in seen] == [Progress]


def test_an_image_that_is_missing_is_no_result():
    with pytest.raises(Unreachable, match="ended before"):
        client_of(Service(streaming(STREAM[2]))).generate("x", n=2, on_progress=lambda _: None)


def test_what_is_no_event_is_not_ours():
    with pytest.raises(Unreachable, match="not from this service"):
        list(client_of(Service(streaming("data: {]\n\n"))).stream("x"))


async def test_the_same_without_blocking():
    answers = [streaming(*STREAM), streaming(*STREAM), streaming(STREAM[0], FAILED)]
    service = Service(*answers)
    async with AsyncClient("http://x", transport=service.transport) as client:
        kinds = [type(item) async for item in client.stream("x", edit=PNG)]
        assert kinds == [Progress, PartialImage, Completed]
        assert service.requests[0].url.path == "/v1/images/edits"
        seen = []
        made = await client.edit(PNG, "x", on_progress=seen.append, previews=1)
        assert made.image.data == PNG and len(seen) == 2
        with pytest.raises(Refused):
            await client.generate("x", on_progress=seen.append)
    assert all(answer.is_closed for answer in answers)
