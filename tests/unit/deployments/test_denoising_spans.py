"""What a trace shows of one image in the engine."""

import time
from types import SimpleNamespace

import pytest

from serve_app.denoise.batcher import Row
from serve_app.deployments import denoising_spans
from tests.denoising import work


@pytest.fixture
def recorded(monkeypatch):
    spans = []
    monkeypatch.setattr(denoising_spans, "record", lambda *span, **more: spans.append((span, more)))
    return spans


def row_at(step, *joined):
    row = Row(work(steps=20), (4, 8, 8), arrived=time.monotonic() - 3)
    row.trajectory = SimpleNamespace(sampler=SimpleNamespace(done=0))
    row.started = row.arrived + 1
    for done, batch_size in joined:
        row.trajectory.sampler.done = done
        row.stepped_with(batch_size, row.started + 0.1 * done)
    row.trajectory.sampler.done = step
    return row


async def test_steps_are_events_where_the_batch_changed_and_at_the_end(recorded):
    row = row_at(20, (1, 1), (2, 1), (3, 4), (4, 4), (17, 2))
    async with denoising_spans.denoising_recorded(row):
        pass
    (queue, _), (denoise, _) = recorded
    assert queue == ("queue generate", row.arrived, row.started)
    name, began, _, attributes, error, events = denoise
    assert (name, began, error) == ("denoise", row.started, None)
    assert attributes["image.steps"] == 20 and "a" not in attributes.values()
    assert [tuple(more.values()) for _, _, more in events] == [(1, 1), (3, 4), (17, 2), (20, 2)]
    assert events[1][1] == pytest.approx(row.started + 0.3)


async def test_a_row_that_never_ran_has_only_waited(recorded):
    row = Row(work(), (4, 8, 8), arrived=time.monotonic())
    with pytest.raises(KeyError):
        async with denoising_spans.denoising_recorded(row):
            raise KeyError
    ((queue, more),) = recorded
    assert queue[0] == "queue generate" and isinstance(more["error"], KeyError)
