"""The thread that steps: callers on the event loop add, follow and leave."""

import asyncio
import random
import threading

import pytest
import torch

from serve_app.denoise.driver import Driver
from serve_app.denoise.engine import Engine
from serve_app.errors import InvalidRequest, StageFailed
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


# whether it is of use


def fail_with(error, prompts_failing="bad"):
    def before(prompts):
        if prompts_failing in prompts:
            raise error

    return before


async def test_one_rows_failures_are_no_reason_to_replace_the_replica(drive):
    driver, _ = drive(fail_with(ValueError("bad")))
    for _ in range(5):
        good, bad = driver.add(work(steps=2)), driver.add(work("bad"))
        with pytest.raises(ValueError, match="bad"):
            await last(driver, bad)
        await last(driver, good)
    driver.check()


async def test_three_steps_that_fail_for_all_are(drive):
    driver, _ = drive(fail_with(ValueError("bad")))
    for _ in range(3):
        driver.check()
        with pytest.raises(ValueError, match="bad"):
            await last(driver, driver.add(work("bad")))
    with pytest.raises(RuntimeError, match="3 batches in a row failed"):
        driver.check()
    await last(driver, driver.add(work("good")))
    driver.check()


async def test_what_clients_ask_for_in_vain_is_not(drive):
    driver, _ = drive()
    for _ in range(5):
        with pytest.raises(InvalidRequest):
            await last(driver, driver.add(work(sampler="no such")))
    driver.check()


async def test_a_lost_device_is_at_once_and_for_good(drive):
    error = torch.AcceleratorError("CUDA error: device-side assert triggered\nmore")
    driver, _ = drive(fail_with(error))
    with pytest.raises(torch.AcceleratorError):
        await last(driver, driver.add(work("bad")))
    with pytest.raises(RuntimeError, match="device is lost: AcceleratorError: CUDA error: device"):
        driver.check()
    await last(driver, driver.add(work("good")))
    with pytest.raises(RuntimeError, match="device is lost"):
        driver.check()


async def test_a_step_that_does_not_end_is(drive):
    now, step_runs, let_go = [0.0], threading.Event(), threading.Event()

    def wait(prompts):
        step_runs.set()
        let_go.wait(10)

    driver, _ = drive(wait, clock=lambda: now[0])
    now[0] = 1e6  # without work a long time is as well as a short one
    row = driver.add(work(steps=1))
    await asyncio.to_thread(step_runs.wait, 10)
    driver.check()
    now[0] += 601
    with pytest.raises(RuntimeError, match="has been running for over 600 s"):
        driver.check()
    let_go.set()
    await last(driver, row)
    driver.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_when_the_thread_dies_those_who_wait_are_told_and_none_is_let_in(drive):
    def die(error):
        raise SystemError("on the way")

    driver, _ = drive(on_error=die)

    def fail():
        raise ZeroDivisionError

    driver.engine.step = fail
    row = driver.add(work())
    with pytest.raises(StageFailed, match="denoising thread died of SystemError"):
        await asyncio.wait_for(last(driver, row), 10)
    with pytest.raises(StageFailed, match="died"):
        driver.add(work())
    with pytest.raises(RuntimeError, match="died"):
        driver.check()


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
    assert driver.followed == 0
