"""What is told of the comparison with the documented way."""

import asyncio

import pytest

from benchmarks import documented


async def test_requests_come_one_after_another_whatever_is_answered():
    loop = asyncio.get_running_loop()
    began, starts = loop.time(), []

    async def call(number):
        starts.append(loop.time() - began)
        await asyncio.sleep(0.3)
        return 8 if number else 2

    told = await documented.staggered("x", call, 5, 0.05)
    assert starts == pytest.approx([0, 0.05, 0.1, 0.15, 0.2], abs=0.04)
    assert told["throughput_per_s"] == pytest.approx(10, rel=0.2)


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
