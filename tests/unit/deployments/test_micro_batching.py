"""The gate, and what happens to a batch. With a real `@serve.batch`: tests/integration."""

import asyncio
import logging
import random

import pytest

from serve_app.deployments.micro_batching import Gate, MicroBatcher, Ticket
from serve_app.device import memory
from serve_app.errors import InvalidImage, InvalidRequest, NotEnoughMemory, StageFailed


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_admits_up_to_its_capacity_in_order():
    gate, inside, leave = Gate(2), [], asyncio.Event()

    async def caller(name):
        async with gate.entered():
            inside.append(name)
            await leave.wait()

    callers = [asyncio.create_task(caller(name)) for name in range(5)]
    await settle()
    assert inside == [0, 1]
    leave.set()
    await asyncio.gather(*callers)
    assert inside == [0, 1, 2, 3, 4]
    assert gate.inside == 0


async def test_nobody_enters_while_a_batch_runs():
    gate, entered = Gate(8), asyncio.Event()

    async def caller():
        async with gate.entered():
            entered.set()

    with gate.running():
        task = asyncio.create_task(caller())
        await settle()
        assert not entered.is_set()
    await task
    assert entered.is_set()


async def test_a_caller_that_leaves_gives_up_its_place_wherever_it_is():
    rng = random.Random(0)
    for _ in range(50):
        gate = Gate(4)

        async def caller(gate=gate):
            async with gate.entered():
                await asyncio.sleep(0.001)

        callers = [asyncio.create_task(caller()) for _ in range(32)]
        for task in rng.sample(callers, 16):
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            task.cancel()
        done = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 5)
        assert sum(result is None for result in done) >= 16
        assert gate.inside == 0


def batcher(run, **options):
    return MicroBatcher("test", run, **options)


def run_groups(made, items):
    tickets = [Ticket(item, arrived=0.0) for item in items]
    return [(outcome.value, outcome.report.batch_size) for outcome in made.run_groups(tickets)]


def test_a_bad_item_fails_alone():
    def run(items):
        if 3 in items:
            raise ValueError("three")
        return [item * 10 for item in items]

    values = [value for value, _ in run_groups(batcher(run), [1, 2, 3, 4])]
    assert values[:2] == [10, 20] and values[3] == 40
    assert isinstance(values[2], ValueError)
    assert values[2].__traceback__ is None, "its frames would keep the batch's tensors alive"


def test_groups_by_key_and_keeps_the_order():
    groups = []

    def run(items):
        groups.append(list(items))
        return [f"<{item}>" for item in items]

    items = ["a1", "b1", "a2", "b2", "b3"]
    outcomes = run_groups(batcher(run, key=lambda item: item[0]), items)
    assert [value for value, _ in outcomes] == [f"<{item}>" for item in items]
    assert groups == [["a1", "a2"], ["b1", "b2", "b3"]]
    assert [size for _, size in outcomes] == [2, 3, 2, 3, 3]


# memory, and health


class Device:
    """Takes so many items at a time."""

    def __init__(self, room):
        self.room, self.sizes = room, []

    def __call__(self, items):
        self.sizes.append(len(items))
        if len(items) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return list(items)


def too_large(item):
    return memory.too_large(f"an image of {item} pixels", "size")


@pytest.fixture(autouse=True)
def overflows(monkeypatch):
    logged = []
    target = "serve_app.deployments.micro_batching.log_overflow"
    monkeypatch.setattr(target, lambda *fields: logged.append(fields))
    return logged


def test_items_that_do_not_fit_together_are_run_in_smaller_batches(overflows):
    device = Device(room=2)
    made = batcher(device, too_large=too_large)
    items = list(range(8))
    assert [value for value, _ in run_groups(made, items)] == items
    assert device.sizes == [8, 4, 2, 2, 2, 2]
    assert overflows == [("test", 8, 4, None), ("test", 4, 2, None)]
    device.sizes.clear()
    run_groups(made, items)
    assert device.sizes == [2, 2, 2, 2], "what fits is remembered"


def test_an_item_that_cannot_fit_is_told_what_does_not():
    values = [value for value, _ in run_groups(batcher(Device(0), too_large=too_large), ["8x8"])]
    assert isinstance(values[0], InvalidRequest) and values[0].param == "size"
    assert str(values[0]) == "an image of 8x8 pixels does not fit this device's memory"
    assert values[0].__traceback__ is None


def test_where_no_item_is_too_large_a_lack_of_memory_may_pass():
    ((value, _),) = run_groups(batcher(Device(0)), ["a"])
    assert isinstance(value, NotEnoughMemory)


def raising(error):
    def run(items):
        raise error

    return batcher(run)


def test_three_batches_that_fail_whole_are_a_reason_to_replace_the_replica():
    made = raising(ValueError("broken"))
    for _ in range(3):
        made.check()
        run_groups(made, [1, 2])
    with pytest.raises(RuntimeError, match="3 batches in a row failed, the last with ValueError"):
        made.check()


@pytest.mark.parametrize("error", [InvalidImage("no"), StageFailed("not a number")])
def test_errors_of_ours_are_not(error):
    made = raising(error)
    for _ in range(5):
        run_groups(made, [1, 2])
    made.check()


def test_a_lost_device_is_at_once():
    calls = []

    def run(items):
        calls.append(items)
        raise RuntimeError("CUDA error: unspecified launch failure")

    made = batcher(run)
    assert len(run_groups(made, [1, 2, 3])) == 3
    assert len(calls) == 1
    with pytest.raises(RuntimeError, match="the device is lost"):
        made.check()


def test_what_is_our_fault_is_logged(caplog):
    with caplog.at_level(logging.ERROR, "ray.serve"):
        run_groups(raising(StageFailed("the image is not a number")), [1])
        run_groups(raising(InvalidImage("no image")), [1])
    (record,) = caplog.records
    assert "batch failed" in record.message and "not a number" in str(record.exc_info[1])


def test_an_invalid_user_config_is_refused():
    with pytest.raises(ValueError, match="max_batch_sise"):
        batcher(lambda items: items).configure({"max_batch_sise": 4})


# what is published


def test_a_batch_is_counted_once_and_each_item_for_itself(published):
    made = batcher(lambda items: items, key=lambda item: item[0])
    run_groups(made, ["a1", "b1", "a2", "a3"])
    assert published.of("image_batch_size") == {"test": [3, 1]}
    assert [len(each) for each in published.of("image_batch_seconds").values()] == [2]
    assert len(published.of("image_stage_seconds")["test"]) == 4
    assert len(published.of("image_queue_seconds")["test", "0"]) == 4


def test_batches_that_fail_are_counted_as_they_ran(published):
    def run(items):
        if 2 in items:
            raise ValueError("two")
        return items

    run_groups(batcher(run), [1, 2, 3])
    assert published.of("image_batch_size") == {"test": [3, 1, 1, 1]}


def test_a_smaller_batch_after_too_little_memory_is_counted_as_it_is(published):
    run_groups(batcher(Device(room=2), too_large=too_large), list(range(4)))
    assert published.of("image_batch_size") == {"test": [4, 2, 2]}


async def test_who_waits_is_known_until_the_last_has_left(published):
    made = batcher(lambda items: items)

    def depth():
        made.publish_depth()
        return published.last("image_queue_depth")["test", "0"]

    with made._gate.running():  # so that nobody enters
        callers = [asyncio.create_task(made(item)) for item in range(3)]
        await settle()
        assert depth() == 3
        callers[0].cancel()
        await settle()
        assert depth() == 2
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    assert depth() == 0
