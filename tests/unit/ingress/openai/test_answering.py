"""One answer, however it is made: at once, or of a stream's events."""

from serve_app.ingress.openai.answering import Answering
from serve_app.pipeline import Finished
from tests import fakes
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
    body = answering.answer_of(asked, finished[::-1])
    assert body.data == at_once.data and set(body.timings) == set(at_once.timings)
    varying = {"created", "timings"}
    assert body.model_dump(exclude=varying) == at_once.model_dump(exclude=varying)
