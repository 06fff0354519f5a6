"""`GET /v1/status`: what Serve says of deployments, and the work in progress."""

from fastapi import FastAPI
from ray.serve.schema import (
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
    ReplicaState,
    ServeStatus,
)
from starlette.testclient import TestClient

from serve_app.ingress import status
from serve_app.ingress.schemas import DeploymentReport
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests import fakes
from tests.fakes import FakeHandle


def overview(state, **replicas):
    counts = {ReplicaState[name]: count for name, count in replicas.items()}
    return DeploymentStatusOverview(DeploymentStatus(state), "CONFIG_UPDATE_STARTED", counts, "")


def serve_status(**deployments):
    app = ApplicationStatusOverview("RUNNING", "", 0.0, deployments)
    return ServeStatus(applications={"images": app})


def client(read):
    args = fakes.app_args()
    handles = [FakeHandle(fakes.generated) for _ in range(5)]
    app = FastAPI()
    app.include_router(status.build_router(Pipeline(Stages(*handles), args.limits), args, read))
    return TestClient(app)


def test_a_replica_that_stops_is_no_longer_wanted_and_one_that_starts_is():
    reports = status.read_deployments(
        serve_status(
            Canny=overview("HEALTHY", RUNNING=1),
            Generator=overview("UPSCALING", RUNNING=1, STARTING=1, STOPPING=2),
            Captioner=overview("UPDATING", STARTING=1),
        ),
        "images",
    )
    assert reports == {
        "Canny": DeploymentReport(status="HEALTHY", running=1, target=1),
        "Generator": DeploymentReport(status="UPSCALING", running=1, target=2),
        "Captioner": DeploymentReport(status="UPDATING", running=0, target=1),
    }


def test_it_says_what_is_served_and_how_busy_it_is():
    report = DeploymentReport(status="HEALTHY", running=1, target=1)
    body = client(lambda: {"Canny": report}).get("/v1/status").json()
    assert body["model"] == "demo"
    assert body["deployments"] == {"Canny": {"status": "HEALTHY", "running": 1, "target": 1}}
    assert body["step_s"] is None, "nothing was made yet"
    assert body["work"]["generate"] == {"pending": 0, "capacity": 64, "seconds_per_image": None}
    assert body["defaults"]["width"] == 128
    assert body["limits"]["max_steps"] == 100


def test_serve_is_asked_once_a_second_however_many_look():
    asked = []
    http = client(lambda: asked.append(1) or {})
    for _ in range(20):
        assert http.get("/v1/status").status_code == 200
    assert len(asked) == 1
