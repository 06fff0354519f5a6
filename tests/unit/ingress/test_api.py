"""The whole application: every surface is in it."""

from tests.service import GENERATIONS


def test_docs_and_models(service):
    assert service.http.get("/docs").status_code == 200
    paths = service.http.get("/openapi.json").json()["paths"]
    assert {"/generation", GENERATIONS, "/v1/canny", "/caption", "/health"} <= set(paths)
    models = service.http.get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["demo"]
