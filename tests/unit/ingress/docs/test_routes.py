"""The page of every route: whole without a network, over a document that has every route."""

import re

import pytest

from tests.service import Service, assert_refused

# Namespaces and links in the text of Swagger UI, which nothing loads; its other requests are those
# that the page's Content-Security-Policy lets through, to where the page comes from.
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon.png", "start.js")


@pytest.fixture(scope="module")
def http():
    return Service().http


@pytest.fixture(scope="module")
def document(http):
    return http.get("/openapi.json").json()


def test_the_page_names_no_other_host(http):
    response = http.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for text in (response.text, http.get("/docs/start.js").text):
        assert not re.search(r"""["'(](?:https?:)?//""", text)


def test_every_file_that_the_page_names_is_there(http):
    named = re.findall(r'(?:src|href)="/docs/([^"]+)"', http.get("/docs").text)
    assert sorted(named) == sorted(FILES)
    for name in named:
        assert http.get(f"/docs/{name}").status_code == 200
    assert http.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{name}" for name in FILES)])
def test_nothing_may_be_loaded_from_elsewhere(http, path):
    policy = http.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


def test_the_styles_load_nothing(http):
    loaded = re.findall(r"url\(([^)]{1,40})|@import", http.get("/docs/swagger-ui.css").text)
    assert all(each.lstrip("\"'").startswith("data:") for each in loaded)


@pytest.mark.parametrize("path", ["/redoc", "/docs/", "/docs/none.js", "/docs/..%2fapi.py"])
def test_what_is_not_there_is_a_404(http, path):
    assert_refused(http.get(path), 404, "not_found")


def test_the_protocols_routes_are_in_the_document(document):
    assert {path for path in document["paths"] if path.startswith("/v2")} == {
        "/v2", "/v2/health/live", "/v2/health/ready",
        "/v2/models/{name}", "/v2/models/{name}/versions/{version}",
        "/v2/models/{name}/ready", "/v2/models/{name}/versions/{version}/ready",
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


def test_the_protocols_errors_are_described_in_its_shape(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status < "400":
                    continue
                schema = response["content"]["application/json"]["schema"]
                kind = schema["properties"]["error"]["type"]
                assert kind == ("string" if path.startswith("/v2") else "object"), path


def test_the_documents_example_is_true(document):
    infer = document["paths"]["/v2/models/{name}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["example"]
    response = Service().http.post("/v2/models/text_to_image/infer", json=example)
    assert response.status_code == 200, response.text
    schema = infer["responses"]["200"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    assert set(document["components"]["schemas"][name]["required"]) <= set(response.json())


def test_every_reference_in_the_document_leads_somewhere(document):
    names = set(re.findall(r"#/components/schemas/([\w-]+)", str(document)))
    assert names <= set(document["components"]["schemas"])
    assert "#/$defs" not in str(document)
