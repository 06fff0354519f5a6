"""What a run amounts to."""

import pytest

from loadtest import report
from loadtest.arrivals import closed
from loadtest.client import HUNG_UP, LATE, OK, REFUSED, Answer


def answer(seconds=1.0, outcome=OK, **stages_ms):
    return Answer("captions", outcome, 0.0, seconds, stages_ms)


def test_quantiles_are_of_the_values():
    assert report.quantiles(range(101)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert report.quantiles([]) is None


def test_only_successes_count_for_throughput_and_latency():
    answers = [answer(1.0), answer(3.0), answer(99.0, "500 stage_failed"), answer(0.1, HUNG_UP)]
    run = report.summarise("captions", closed(4, 2), answers, 2.0)
    assert run["throughput_per_s"] == 1.0
    assert run["latency_ms"]["max"] == 3000
    assert run["latencies_ms"] == [1000, 3000]
    assert run["lost_latency_ms"]["500 stage_failed"]["max"] == 99_000


def test_a_mix_is_told_by_route():
    answers = [Answer(route, OK, 0.0, seconds) for route, seconds in (("a", 1), ("b", 2), ("b", 4))]
    told = report.summarise("mix", closed(3, 1), answers, 2.0)["by_route"]
    assert {route: (each["count"], each["p50"]) for route, each in told.items()} == {
        "a": (1, 1000), "b": (2, 3000),
    }  # fmt: skip


def test_errors_hang_ups_and_deadlines_are_counted_apart():
    kinds = [OK, HUNG_UP, REFUSED, REFUSED, LATE, "timeout", "429 queue_full", "429 queue_full"]
    answers = [answer(outcome=kind) for kind in kinds]
    run = report.summarise("captions", closed(9, 2), answers, 2.0)
    assert run["ok"] == run["hung_up"] == run["deadline_passed"] == run["not_sent"] == 1
    assert run["deadline_refused"] == 2
    assert run["errors"] == {"429 queue_full": 2, "timeout": 1}
    assert report.losses(run).endswith(
        "1 hung up, 2 deadline refused, 1 deadline passed, 1 not sent, 2 429 queue_full, 1 timeout"
    )


def test_what_no_stage_accounts_for_is_http():
    answers = [answer(1.0, queue=200.0, caption=700.0), answer(1.0, queue=400.0, caption=500.0)]
    time = report.where_time_went(answers)
    assert time["http"] == {"p50_ms": 100.0, "share": 0.1}
    assert time["queue"] == {"p50_ms": 300.0, "share": 0.3}
    assert sum(stage["share"] for stage in time.values()) == pytest.approx(1.0)


def test_cpu_time_is_per_success_and_null_without_processes():
    answers = [answer(), answer(), answer(outcome="500")]
    spent = {"all": 3.0, "proxy": 1.0}
    run = report.summarise("captions", closed(3, 1), answers, 1.0, spent)
    assert run["cpu_s_per_request"] == {"all": 1.5, "proxy": 0.5}
    assert report.summarise("captions", closed(3, 1), answers, 1.0)["cpu_s_per_request"] is None


def test_a_run_without_success_is_reported_all_the_same():
    run = report.summarise("captions", closed(1, 1), [answer(outcome="500")], 1.0, {"all": 1.0})
    assert run["latency_ms"] is None
    assert "captions" in report.table([run])


def test_the_table_has_a_line_a_run():
    runs = [report.summarise("captions", closed(2, n), [answer(0.5)], 1.0) for n in (1, 8)]
    head, first, second = report.table(runs).splitlines()
    assert "p95" in head
    assert "concurrency 1 " in first
    assert "concurrency 8 " in second
    assert " 500 " in second
