"""Ratios to the models called directly."""

import pytest

from loadtest import baseline


def direct(s, cpu_s):
    sizes = {"1": {"s": 4 * s, "cpu_s": 4 * cpu_s}, "8": {"s": s, "cpu_s": cpu_s}}
    return {"library": sizes, "runtime": sizes}


def run(concurrency, rate, cpu_s=0.3, p50_ms=500.0):
    cpu = {"all": cpu_s} if cpu_s else None
    return {"concurrency": concurrency, "throughput_per_s": rate, "cpu_s_per_request": cpu,
            "latency_ms": {"p50": p50_ms}}  # fmt: skip


def test_a_round_is_compared_with_the_mean_of_before_and_after():
    runs = [run(1, 2.0), run(8, 4.0)]
    (library, runtime) = baseline.ratios(direct(0.1, 0.1), direct(0.3, 0.2), runs).values()
    assert library == runtime
    assert library["throughput"] == pytest.approx({"1": 0.4, "8": 0.8})
    assert library["cpu"] == pytest.approx({"1": 2.0, "8": 2.0})
    assert library["alone_ms_more"] == pytest.approx(500 - 800)


def test_without_cpu_times_there_is_no_ratio_of_them():
    shares = baseline.ratios(direct(0.1, 0.1), direct(0.1, 0.1), [run(8, 4.0, cpu_s=None)])
    assert shares["library"] == {"throughput": {"8": pytest.approx(0.4)}, "cpu": {}}
    assert "CPU 0." not in baseline.described("captions", direct(0.1, 0.1), shares).split("\n")[1]


def test_rounds_are_reduced_to_their_medians():
    rounds = [{"a": {"8": 1.0}, "b": 3}, {"a": {"8": 9.0}, "b": 1}, {"a": {"8": 2.0}, "b": 2}]
    assert baseline.medians(rounds) == {"a": {"8": 2.0}, "b": 2}
