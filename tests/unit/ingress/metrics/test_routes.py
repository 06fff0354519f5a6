from fastapi import FastAPI
from starlette.testclient import TestClient

from serve_app.errors import StageUnavailable
from serve_app.ingress import problems
from serve_app.ingress.metrics.routes import build_router
from tests.service import Service, assert_refused


class Metrics:
    """Looks like the exported ones."""

    def __init__(self, answer):
        self._answer = answer

    async def page(self):
        return self._answer()


def asked(answer):
    app = FastAPI()
    problems.install(app)
    app.include_router(build_router(Metrics(answer)))
    return TestClient(app).get("/metrics")


def test_the_page_is_of_prometheus_own_type():
    response = asked(lambda: b"ray_image_pending 1.0\n")
    assert response.text == "ray_image_pending 1.0\n"
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_where_nothing_is_known_it_is_a_503():
    def unknown():
        raise StageUnavailable("no node's metrics agent answers")

    response = asked(unknown)
    assert_refused(response, 503, "stage_unavailable")
    assert "retry-after" in response.headers


def test_it_is_closed_unless_the_configuration_opens_it(tmp_path):
    assert_refused(Service().http.get("/metrics"), 404, "not_found")
    assert "/metrics" not in Service().http.get("/openapi.json").json()["paths"]
    assert "/metrics" in Service({"metrics": True}).http.get("/openapi.json").json()["paths"]


def test_a_key_is_asked_for_where_keys_are(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("0" * 64)
    guarded = Service({"metrics": True, "auth": {"keys_file": str(keys)}})
    assert_refused(guarded.http.get("/metrics"), 401, "invalid_api_key")
