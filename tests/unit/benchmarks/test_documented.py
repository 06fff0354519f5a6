"""What is told of the comparison with the documented way."""

import asyncio

import pytest

from benchmarks import documented


async def test_requests_come_one_after_another_whatever_is_answered():
    loop = asyncio.get_running_loop()
    began, starts, all_asked = loop.time(), [], asyncio.Event()

    async def call(number):
        starts.append(loop.time() - began)
        if len(starts) == 5:
            all_asked.set()
        await all_asked.wait()
        return 8 if number else 2

    told = await asyncio.wait_for(documented.staggered("x", call, 5, 0.05), 10)
    took_s = loop.time() - began
    assert all(start >= 0.05 * number - 0.001 for number, start in enumerate(starts))
    assert 5 / took_s <= told["throughput_per_s"] <= 5 / (4 * 0.05 - 0.01)


async def test_batch_sizes_count_each_batch_once():
    async def call(number):
        return 2 if number < 2 else 6

    told = await documented.staggered("x", call, 8, 0.0)
    assert told["mean_batch_size"] == pytest.approx(4)


def test_ratios_are_medians_of_those_within_rounds():
    def rounds(*rates):
        return [{"throughput_per_s": rate, "mean_batch_size": 4.0} for rate in rates]

    told = documented.summary(
        {
            "service": rounds(4, 8, 9),
            "documented": rounds(2, 2, 9),
            "documented_64": rounds(4, 4, 4),
        }
    )
    assert told["throughput_over_documented"] == 2
    assert told["throughput_over_documented_64"] == 2
    assert told["service"]["throughput_per_s"] == 7
