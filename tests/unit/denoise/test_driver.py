"""The thread that steps: callers on the event loop add, follow and leave."""

import asyncio
import random
import threading

import pytest

from serve_app.denoise.driver import Driver
from serve_app.denoise.engine import Engine
from tests.denoising import TinyModel, work


@pytest.fixture
def drive():
    """A driver over a model whose steps wait to be let go."""
    drivers = []

    def make(before=lambda prompts: None, **options):
        model = TinyModel(before)
        drivers.append(Driver(Engine(model, 8), **options))
        return drivers[-1], model

    yield make
    for driver in drivers:
        driver.stop()


async def last(driver, row):
    try:
        return [event async for event in driver.follow(row)][-1]
    finally:
        driver.leave(row)


async def test_follows_a_row_to_its_end(drive):
    driver, _ = drive()
    row = driver.add(work(steps=6), previews=2, every_step=True)
    events = [event async for event in driver.follow(row)]
    assert [event.step for event in events if event.expected is not None] == [2, 4]
    assert events[-1].finished is not None and events[-1].step == 6
    assert driver.leave(row) == 0


async def test_only_what_was_asked_for_is_told(drive):
    driver, _ = drive()
    row = driver.add(work(steps=6))
    assert [event.step async for event in driver.follow(row)] == [6]


async def test_a_failure_reaches_its_own_caller(drive):
    driver, _ = drive()
    good, bad = driver.add(work(steps=3)), driver.add(work(sampler="no such"))
    with pytest.raises(Exception, match="unknown sampler"):
        await last(driver, bad)
    assert (await last(driver, good)).finished is not None


async def test_an_error_of_the_engine_itself_leaves_nobody_waiting(drive):
    seen = []
    driver, _ = drive(on_error=seen.append)
    step = driver.engine.step

    def fail_once():
        driver.engine.step = step
        raise ZeroDivisionError

    driver.engine.step = fail_once
    row = driver.add(work())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(last(driver, row), 10)
    assert seen
    assert (await last(driver, driver.add(work()))).finished is not None


async def test_half_of_the_callers_leave_at_random(drive):
    """Eight requests, four abandoned at random moments, fifty rounds."""
    rng = random.Random(0)
    left: dict[str, int] = {}  # by prompt, the steps begun when its caller had left
    begun: list[list[str]] = []
    lock = threading.Lock()

    def before(prompts):
        with lock:
            begun.append(prompts)

    driver, _ = drive(before)
    for round_ in range(50):
        rows = {f"{round_}-{i}": None for i in range(8)}
        for prompt in rows:
            rows[prompt] = driver.add(work(prompt, steps=rng.randint(2, 12)))
        followers = {p: asyncio.create_task(last(driver, row)) for p, row in rows.items()}
        for prompt in rng.sample(sorted(rows), 4):
            await asyncio.sleep(rng.random() * 0.004)
            with lock:  # no step begins while it leaves
                if not followers[prompt].done():
                    driver.engine.cancel(rows[prompt])
                    left[prompt] = len(begun)
                    followers[prompt].cancel()
        done = await asyncio.wait_for(
            asyncio.gather(*followers.values(), return_exceptions=True), 10
        )
        finished = [event for event in done if not isinstance(event, BaseException)]
        assert len(finished) >= 4
        assert all(event.finished is not None for event in finished)
    assert left
    for prompt, steps_before in left.items():
        # The step whose rows had been chosen already may still begin; no other.
        assert not any(prompt in prompts for prompts in begun[steps_before + 1 :])
    assert driver.engine.counts() == (0, 0)
    assert not driver._followers
