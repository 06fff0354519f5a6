"""`GET /v1/status`: what is served, and the work in progress."""

from fastapi import FastAPI
from starlette.testclient import TestClient

from serve_app.ingress.operations import status
from serve_app.ingress.replicas import Replicas
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests import fakes
from tests.fakes import FakeHandle


def test_it_says_what_is_served_and_how_busy_it_is():
    args = fakes.app_args()
    handles = [FakeHandle(fakes.generated) for _ in range(5)]
    replicas = Replicas(lambda: fakes.reports({"Canny": 1}))
    app = FastAPI()
    app.include_router(status.build_router(Pipeline(Stages(*handles), args.limits), args, replicas))
    body = TestClient(app).get("/v1/status").json()
    assert body["model"] == "demo"
    assert body["deployments"] == {"Canny": {"status": "HEALTHY", "running": 1, "target": 1}}
    assert body["step_s"] is None, "nothing was made yet"
    assert body["work"]["generate"] == {"pending": 0, "capacity": 64, "seconds_per_image": None}
    assert body["defaults"]["width"] == 128
    assert body["limits"]["max_steps"] == 100
