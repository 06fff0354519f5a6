"""What a stage refuses is answered; what it breaks on is raised."""

import pytest

from serve_app.errors import InvalidImage, ServiceError
from serve_app.refusals import refusal_as_last_item, refusal_as_value


class Stage:
    """Answers, or raises what it is told to."""

    def __init__(self, error=None):
        self.error, self.closed = error, False

    @refusal_as_value
    async def call(self, value):
        """What it says."""
        if self.error:
            raise self.error
        return value

    @refusal_as_last_item
    async def stream(self, *values):
        try:
            for value in values:
                yield value
            if self.error:
                raise self.error
        finally:
            self.closed = True


async def test_answers_pass():
    assert await Stage().call(3) == 3
    assert [item async for item in Stage().stream(1, 2)] == [1, 2]
    assert Stage.call.__doc__ == "What it says."


async def test_a_refusal_is_a_value_without_its_frames():
    error = InvalidImage("truncated").about("image")
    answered = await Stage(error).call(3)
    assert answered is error and answered.__traceback__ is None


async def test_a_refusal_is_the_last_item_of_a_stream():
    error = ServiceError("no")
    items = [item async for item in Stage(error).stream(1, 2)]
    assert items == [1, 2, error] and error.__traceback__ is None


async def test_other_errors_are_raised():
    with pytest.raises(ZeroDivisionError):
        await Stage(ZeroDivisionError()).call(3)
    with pytest.raises(ZeroDivisionError):
        [item async for item in Stage(ZeroDivisionError()).stream(1)]


async def test_a_stream_that_is_left_is_closed_at_once():
    stage = Stage()
    items = stage.stream(1, 2)
    await anext(items)
    await items.aclose()
    assert stage.closed
