"""What requests add to a model's statistics."""

import pytest

from serve_app.ingress.open_inference.statistics import ModelStatistics
from serve_app.messages import StageReport


def of_caption(batch_size, queue_s=0.001, run_s=0.1):
    return StageReport("caption", queue_s, run_s, batch_size)


def described(statistics):
    return statistics.described("caption", "1")


def test_a_model_that_did_nothing():
    nothing = described(ModelStatistics())
    assert (nothing["name"], nothing["version"], nothing["batch_stats"]) == ("caption", "1", [])
    assert nothing["last_inference"] == nothing["inference_count"] == nothing["execution_count"]
    assert set(map(str, nothing["inference_stats"].values())) == {"{'count': 0, 'ns': 0}"}


def test_a_batch_of_one_request_is_one_execution():
    statistics = ModelStatistics()
    statistics.succeed(0.2, 0.01, 0.02, [of_caption(4)] * 4)
    found = described(statistics)
    assert (found["inference_count"], found["execution_count"]) == (4, 1)
    spent = found["inference_stats"]
    assert spent["success"] == {"count": 1, "ns": 200_000_000}
    assert spent["queue"] == {"count": 1, "ns": 1_000_000}
    assert spent["compute_infer"] == {"count": 1, "ns": 100_000_000}
    assert found["batch_stats"] == [
        {
            "batch_size": 4,
            "compute_input": {"count": 1, "ns": 10_000_000},
            "compute_infer": {"count": 1, "ns": 100_000_000},
            "compute_output": {"count": 1, "ns": 20_000_000},
        }
    ]
    assert found["last_inference"] > 1_600_000_000_000


def test_requests_that_share_a_batch_share_an_execution():
    statistics = ModelStatistics()
    for _ in range(2):
        statistics.succeed(0.2, 0.01, 0.02, [of_caption(2)])
    statistics.succeed(0.2, 0.01, 0.02, [of_caption(1)])
    found = described(statistics)
    assert (found["inference_count"], found["execution_count"]) == (3, 2)
    counts = {each["batch_size"]: each["compute_infer"]["count"] for each in found["batch_stats"]}
    assert counts == {1: 1, 2: 1}


def test_what_came_before_the_last_stage_is_time_and_no_item():
    statistics = ModelStatistics()
    edges = StageReport("canny", 0.01, 0.02, 1)
    statistics.succeed(0.5, 0, 0, [edges, StageReport("generate", 0.01, 0.3, 1)])
    found = described(statistics)
    assert (found["inference_count"], found["execution_count"]) == (1, 1)
    assert found["inference_stats"]["compute_infer"]["ns"] == pytest.approx(320_000_000)
    assert found["inference_stats"]["queue"]["ns"] == pytest.approx(20_000_000)


def test_failures_are_counted_apart():
    statistics = ModelStatistics()
    statistics.fail(0.5)
    found = described(statistics)
    assert found["inference_stats"]["fail"] == {"count": 1, "ns": 500_000_000}
    assert found["inference_count"] == found["last_inference"] == 0
