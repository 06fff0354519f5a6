"""A real local Ray, started once for this folder, without HTTP: calls go through handles."""

import pytest
import ray
from ray import serve


@pytest.fixture(scope="package", autouse=True)
def local_ray():
    ray.init(
        address="local",
        num_cpus=4,  # bookkeeping: the fakes sleep
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"RAY_SERVE_LOG_TO_STDERR": "0"}},
    )
    serve.start(proxy_location="Disabled")
    yield
    serve.shutdown()
    ray.shutdown()
