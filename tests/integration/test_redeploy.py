"""What a redeploy replaces finishes what it runs, for as long as the configuration says."""

import time

import pytest
from ray import serve
from ray.exceptions import RayActorError

from tests.e2e.waiting_app import Arguments, Waiter


def deploy(version: str, shutdown_s: float):
    waiter = Waiter.options(
        graceful_shutdown_timeout_s=shutdown_s, ray_actor_options={"num_cpus": 0.1}
    )
    name = f"redeployed-{shutdown_s:g}"
    return serve.run(waiter.bind(Arguments(version=version)), name=name, route_prefix=None)


@pytest.mark.parametrize("enough", [True, False])
def test_a_running_call_survives_a_redeploy_only_within_the_shutdown_time(enough):
    handle = deploy("old", shutdown_s=60 if enough else 1)
    running = handle.remote(8.0)
    time.sleep(0.5)  # until it has reached its replica
    handle = deploy("new", shutdown_s=60 if enough else 1)
    assert handle.remote(0.0).result(timeout_s=60) == "new"
    if enough:
        assert running.result(timeout_s=60) == "old"
    else:
        with pytest.raises(RayActorError):
            running.result(timeout_s=60)
