"""As few replicas as keep the wait under the target."""

import pickle
from types import SimpleNamespace

import pytest
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from serve_app.autoscaling import ByWait, stats_of


def wanted(*replicas, target_wait_s=2.0):
    """By (wait, running) of each replica that has told, of 8 slots each."""
    told = [dict(zip(("wait_s", "running", "slots"), (*each, 8), strict=True)) for each in replicas]
    metrics = {
        name: {number: each[name] for number, each in enumerate(told)}
        for name in ("wait_s", "running", "slots")
    }
    context = SimpleNamespace(
        aggregated_metrics=metrics if told else {},
        current_num_replicas=len(told),
        target_num_replicas=3,
    )
    return ByWait(target_wait_s)(context)


@pytest.mark.parametrize(
    ("replicas", "count"),
    [
        ([], 3),  # as before, while nobody has told
        ([(0, 0)], 1),
        ([(0, 8)], 1),  # full, and nobody waits
        ([(1.9, 8)], 1),
        ([(2.1, 8)], 2),
        ([(11, 8)], 6),
        ([(0, 8), (0, 8)], 2),  # both are needed
        ([(0, 3), (0, 3)], 1),  # one is enough, with room to spare
        ([(0, 4), (0, 4)], 2),  # one would be full
        ([(1.5, 8), (1.5, 8)], 2),
        ([(3, 8), (3, 8)], 3),
        ([(0, 0), (0, 0), (0, 0)], 1),
    ],
)
def test_the_number_of_replicas(replicas, count):
    assert wanted(*replicas) == (count, {})


def test_the_target_is_the_yamls():
    assert wanted((9, 8), target_wait_s=10) == (1, {})


def test_serve_takes_it_from_a_yaml_and_to_its_controller():
    policy = AutoscalingPolicy(
        policy_function="serve_app.autoscaling:ByWait", policy_kwargs={"target_wait_s": 3}
    )
    config = AutoscalingConfig(max_replicas=2, policy=policy)
    arrived = pickle.loads(config.policy.get_serialized_policy_def())
    assert arrived.__name__ == "ByWait" and arrived(**policy.policy_kwargs)


def test_what_a_replica_tells():
    engine = SimpleNamespace(counts=lambda: (5, 9), wait_s=lambda: 1.5, slots=8)
    assert stats_of(engine) == {"wait_s": 1.5, "running": 5, "slots": 8}
