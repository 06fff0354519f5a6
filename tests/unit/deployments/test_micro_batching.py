"""The gate, and what happens to a batch. With a real `@serve.batch`: tests/integration."""

import asyncio
import random

import pytest

from serve_app.deployments.micro_batching import Gate, MicroBatcher, _Ticket


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
    tickets = [_Ticket(item, arrived=0.0) for item in items]
    return [(outcome.value, outcome.report.batch_size) for outcome in made._run_groups(tickets)]


def test_a_bad_item_fails_alone():
    def run(items, abandoned):
        if 3 in items:
            raise ValueError("three")
        return [item * 10 for item in items]

    values = [value for value, _ in run_groups(batcher(run), [1, 2, 3, 4])]
    assert values[:2] == [10, 20] and values[3] == 40
    assert isinstance(values[2], ValueError)
    assert values[2].__traceback__ is None, "its frames would keep the batch's tensors alive"


def test_groups_by_key_and_keeps_the_order():
    groups = []

    def run(items, abandoned):
        groups.append(list(items))
        return [f"<{item}>" for item in items]

    items = ["a1", "b1", "a2", "b2", "b3"]
    outcomes = run_groups(batcher(run, key=lambda item: item[0]), items)
    assert [value for value, _ in outcomes] == [f"<{item}>" for item in items]
    assert groups == [["a1", "a2"], ["b1", "b2", "b3"]]
    assert [size for _, size in outcomes] == [2, 3, 2, 3, 3]


def test_abandoned_says_whether_a_caller_of_the_group_is_left():
    seen = {}

    def run(items, abandoned):
        seen[items[0]] = abandoned()
        return items

    tickets = [_Ticket(item, 0.0) for item in ("a", "a", "b", "b")]
    tickets[0].left = tickets[1].left = tickets[2].left = True
    batcher(run, key=lambda item: item)._run_groups(tickets)
    assert seen == {"a": True, "b": False}


def test_an_invalid_user_config_is_refused():
    with pytest.raises(ValueError, match="max_batch_sise"):
        batcher(lambda items, abandoned: items).configure({"max_batch_sise": 4})
