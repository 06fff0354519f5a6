"""The HTTP API over a pipeline of fakes, and what tests of it ask and assert."""

import json

from starlette.testclient import TestClient

from serve_app.ingress.api import build_api
from serve_app.ingress.jobs.calls import JobCalls
from serve_app.ingress.jobs.deployment import Jobs
from serve_app.ingress.middleware.draining import Door
from serve_app.ingress.open_inference.server import InferenceServer
from serve_app.ingress.replicas import Replicas
from serve_app.messages import CannyRequest, GenerationRequest, Terms
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests import fakes
from tests.images import encoded, sketch

GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"


class Service:
    """A client, and the handles that remember what reached them."""

    def __init__(self, settings=None, **limits):
        self.args = fakes.app_args(settings, **limits)
        self.handles = fakes.handles()
        pipeline = Pipeline(Stages(**self.handles), self.args.limits)
        self.running = dict.fromkeys(fakes.STAGES, 1)
        self.now = 0.0
        replicas = Replicas(lambda: fakes.reports(self.running), lambda: self.now)
        self.door = Door()
        jobs = None
        if self.args.jobs is not None:
            # For several requests on one event loop: `with service.http`.
            kept = Jobs.func_or_class(self.args, **self.handles)
            jobs = JobCalls(fakes.HandleTo(kept))
        self.server = InferenceServer(pipeline, self.args, replicas)
        self.api = build_api(pipeline, self.args, replicas, self.server, self.door, jobs)
        self.http = TestClient(self.api, raise_server_exceptions=False)

    def generate(self, **fields):
        return self.http.post(GENERATIONS, json={"prompt": "a red circle"} | fields)

    def later(self, headers=None, **fields):
        """A generation that is answered later."""
        headers = {"Prefer": "respond-async"} | (headers or {})
        return self.http.post(GENERATIONS, json={"prompt": "x"} | fields, headers=headers)

    def job_done(self, job_id, **headers):
        """A job when it is done: its events end then."""
        self.http.get(f"/v1/jobs/{job_id}/events", headers=headers)
        return self.http.get(f"/v1/jobs/{job_id}", headers=headers).json()

    def edit(self, files=None, **fields):
        files = {"image": encoded(sketch(64, 32))} if files is None else files
        return self.http.post(EDITS, files=files, data={"prompt": "a star"} | fields)

    def send_json(self, content, path=GENERATIONS, **headers):
        """Bytes that claim to be JSON; an underscore in a header's name stands for a dash."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"content-type": "application/json"} | headers
        return self.http.post(path, content=content, headers=headers)

    @property
    def request(self) -> GenerationRequest:
        """The last request that reached the generator."""
        return self.handles["generator"].calls[-1][0]

    @property
    def terms(self) -> Terms:
        """The terms of that request."""
        return self.handles["generator"].calls[-1][1]

    @property
    def control(self) -> CannyRequest:
        return self.handles["canny"].calls[-1][0]


def assert_refused(response, status, code=None, param=None):
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"]
    assert "Traceback" not in error["message"] and "/" not in error["code"]
    if code:
        assert error["code"] == code
    assert error["param"] == param


def events_of(response):
    """(name, data) of each event of a stream; the name is None for an error."""
    found = []
    for block in response.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), json.loads(lines["data"])))
    return found
