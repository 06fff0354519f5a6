"""What becomes of the work that a request asks for."""

import time
from functools import partial

import pytest

from serve_app import errors
from serve_app.admission import Admission
from serve_app.calls import call, stream
from serve_app.messages import Terms
from serve_app.metrics.requests import publish_pending, publish_request, work_counted
from serve_app.pipeline import Composition
from tests.fakes import FakeHandle
from tests.pipelines import REQUEST, pipeline_of


def test_images_are_counted_where_all_are_finished(published):
    with work_counted("caption", 3, None):
        pass
    with pytest.raises(errors.StageFailed), work_counted("caption", 5, None):
        raise errors.StageFailed("it failed")
    assert published.sums("image_images") == {"caption": 3}
    assert published.of("image_deadlines") == {}, "there was none"


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (None, "met"),
        (errors.DeadlineUnmet("late"), "refused"),
        (errors.QueueFull("full"), "refused"),
        (errors.TimedOut("over"), "missed"),
        (errors.StageFailed("it failed"), None),
    ],
)
def test_what_becomes_of_a_deadline(published, raised, outcome):
    try:
        with work_counted("generate", 1, time.time() + 9):
            if raised:
                raise raised
    except errors.ServiceError:
        pass
    assert published.sums("image_deadlines") == ({outcome: 1} if outcome else {})


def test_what_is_finished_after_its_deadline_has_missed_it(published):
    with work_counted("generate", 1, time.time() - 0.1):
        pass
    assert published.sums("image_deadlines") == {"missed": 1}


async def test_a_refusal_at_the_door_is_counted_with_its_reason(published):
    pipeline, _ = pipeline_of({"max_pending_images": 1})
    with pytest.raises(errors.QueueFull):
        await pipeline.caption([b"an image", b"another"])
    assert published.of("image_refused") == {("caption", "queue_full"): [1]}


async def test_a_stages_refusal_is_too(published):
    pipeline, _ = pipeline_of(generator=lambda *given: errors.DeadlineUnmet("late"))
    with pytest.raises(errors.DeadlineUnmet):
        terms = Terms(finish_by=time.time() + 9)
        await pipeline.generate(REQUEST, Composition(), terms=terms)
    assert published.of("image_refused") == {("generate", "deadline_unmet"): [1]}
    assert published.of("image_errors") == {("generate", "deadline_unmet"): [1]}
    assert published.of("image_deadlines") == {"refused": [1]}


async def test_a_call_is_counted_once_with_what_it_ended_in(published):
    handle = FakeHandle(lambda *given: errors.InvalidImage("truncated"))
    with pytest.raises(errors.InvalidImage):
        await call("caption", partial(handle.remote, b"an image"))
    with pytest.raises(errors.InvalidImage):
        _ = [item async for item in stream("generate", partial(handle.remote))]
    assert published.sums("image_errors") == {
        ("caption", "invalid_image"): 1,
        ("generate", "invalid_image"): 1,
    }


def test_images_in_progress_and_how_many_there_may_be(published):
    work = {"caption": Admission(lambda: 5), "generate": Admission(lambda: 4)}
    with work["caption"].admitted(2):
        publish_pending(work)
    assert published.last("image_pending") == {"caption": 2, "generate": 0}
    publish_pending(work)
    assert published.last("image_pending") == {"caption": 0, "generate": 0}
    assert published.last("image_capacity") == {"caption": 5, "generate": 4}


def test_classes_of_statuses(published):
    for status in (200, 204, 404, 499, 503):
        publish_request("/a", "GET", status, 0.5)
    counts = {key[1]: len(each) for key, each in published.of("image_request_seconds").items()}
    assert counts == {"2xx": 2, "4xx": 2, "5xx": 1}
