"""What the OpenAPI document says of the protocol."""

import re

import pytest

from tests.service import Service


@pytest.fixture(scope="module")
def document():
    return Service().http.get("/openapi.json").json()


def test_the_protocols_routes_are_in_the_document(document):
    assert {path for path in document["paths"] if path.startswith("/v2")} == {
        "/v2", "/v2/health/live", "/v2/health/ready", "/v2/repository/index", "/v2/models/stats",
        "/v2/models/{name}", "/v2/models/{name}/versions/{version}",
        "/v2/models/{name}/ready", "/v2/models/{name}/versions/{version}/ready",
        "/v2/models/{name}/config", "/v2/models/{name}/versions/{version}/config",
        "/v2/models/{name}/stats", "/v2/models/{name}/versions/{version}/stats",
        "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer",
    }  # fmt: skip


def test_an_inference_is_described_in_json_and_in_binary(document):
    infer = document["paths"]["/v2/models/{name}/versions/{version}/infer"]["post"]
    parameters = {each["name"]: each for each in infer["parameters"]}
    assert set(parameters) == {"name", "version", "Inference-Header-Content-Length"}
    assert "controlnet" in parameters["name"]["schema"]["enum"]
    request = infer["requestBody"]["content"]
    assert set(request) == {"application/json", "application/octet-stream"}
    assert set(request["application/json"]["schema"]["properties"]) == {
        "id", "inputs", "outputs", "parameters",
    }  # fmt: skip
    assert set(infer["responses"]["200"]["content"]) == set(request)
    # The path's parameters are all there is: a version comes from no query.
    unversioned = document["paths"]["/v2/models/{name}"]["get"]["parameters"]
    assert [each["name"] for each in unversioned] == ["name"]


def test_the_protocols_errors_have_its_own_shape(document):
    error = document["components"]["schemas"]["InferenceError"]
    assert error["properties"]["error"]["type"] == "string"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("InferenceError" in str(operation["responses"])) == path.startswith("/v2")


def test_answers_keep_to_the_document(document):
    infer = document["paths"]["/v2/models/{name}/infer"]["post"]
    for example in infer["requestBody"]["content"]["application/json"]["examples"].values():
        response = Service().http.post("/v2/models/text_to_image/infer", json=example["value"])
        assert response.status_code == 200, response.text
        schema = infer["responses"]["200"]["content"]["application/json"]["schema"]
        name = schema["$ref"].rpartition("/")[2]
        assert set(document["components"]["schemas"][name]["required"]) <= set(response.json())


def test_every_reference_in_the_document_leads_somewhere(document):
    names = set(re.findall(r"#/components/schemas/([\w-]+)", str(document)))
    assert names <= set(document["components"]["schemas"])
    assert "#/$defs" not in str(document)
