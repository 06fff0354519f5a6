"""What a slow reader of a stream still finds."""

import asyncio

from serve_app.messages import Progress, Terms
from serve_app.pipeline import Composition, Finished, InProgress
from tests import fakes
from tests.pipelines import REQUEST, pipeline_of


async def test_a_slow_reader_finds_the_latest_progress_every_preview_and_every_image():
    count = 200

    class Chatty:
        async def __aiter__(self):
            for step in range(count):
                preview = step // 50 if step % 50 == 0 else None
                yield Progress(step, count, 0.5, 0, preview, preview)
            yield fakes.generated(REQUEST, Terms())

        def cancel(self):
            pass

    pipeline, handles = pipeline_of()
    handles["generator"].remote = lambda *args: Chatty()
    stream = pipeline.generate_streaming(REQUEST, Composition(), 2, Terms(every_step=True))
    events = [await anext(stream)]
    while pipeline.work["generate"].pending:
        await asyncio.sleep(0)
    events += [event async for event in stream]
    of_first = [event for event in events if event.seed == 7]
    told = [event.progress for event in of_first if isinstance(event, InProgress)]
    assert [p.partial_image_index for p in told if p.partial_image_index is not None] == [
        0,
        1,
        2,
        3,
    ]
    assert [p.step for p in told] == [0, 50, 100, 150, 199]
    assert [event.seed for event in events if isinstance(event, Finished)] == [7, 8]
