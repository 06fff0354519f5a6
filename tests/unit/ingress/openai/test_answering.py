"""One answer, however it is made: at once, or of a stream's events."""

from dataclasses import replace

from serve_app.ingress.openai.answering import Answering
from serve_app.pipeline import Finished
from tests import fakes
from tests.images import from_base64
from tests.pipelines import pipeline_of
from tests.unit.ingress.jobs.making import work


async def test_the_body_of_a_streams_events_is_that_of_the_whole_answer():
    pipeline, _ = pipeline_of()
    answering = Answering(pipeline, fakes.app_args(), None)
    asked = work(n=3, caption=True)
    at_once, _ = await answering.answer(asked)
    finished = [
        (item, await answering.event(item, asked))
        async for item in answering.items(asked)
        if isinstance(item, Finished)
    ]
    body, timings = answering.answer_of(asked, finished[::-1])
    assert timings.field == body.timings
    assert body.data == at_once.data and set(body.timings) == set(at_once.timings)
    varying = {"created", "timings"}
    assert body.model_dump(exclude=varying) == at_once.model_dump(exclude=varying)


async def test_a_controlnet_request_has_a_body_of_its_own():
    pipeline, _ = pipeline_of()
    answering = Answering(pipeline, fakes.app_args(), None)
    asked = replace(work(), request_id=5)
    assert asked.control_field == "input_image_base64"
    body, timings = await answering.answer(asked)
    assert body.request_id == 5 and from_base64(body.output_image_base64).mode == "RGB"
    assert "generate" in timings.field
