"""`/openapi.json`: valid, and with all that a generated client needs."""

import copy
import hashlib
import json

import pytest
from openapi_spec_validator import validate

from serve_app.ingress import described
from serve_app.ingress.document import TAGS
from tests.service import Service

PICTURES = (described.RED_BMP, described.BLUE_BMP)
ERRORS = {"/v2": "InferenceError", "/sdapi": "WebuiErrorBody", "/controlnet": "WebuiErrorBody"}
STREAMED = ["/v1/images/generations", "/v1/images/edits", "/v1/images/variations"]


def document_of(**settings):
    everything = {"webui": True, "jobs": {}, "files": {}, "metrics": True}
    return Service(everything | settings).http.get("/openapi.json").json()


@pytest.fixture(scope="module")
def service():
    return Service({"webui": True, "jobs": {}, "files": {}})


@pytest.fixture(scope="module")
def document():
    return document_of()


@pytest.fixture(scope="module")
def operations(document):
    found = {
        f"{method} {path}": operation
        for path, methods in copy.deepcopy(document)["paths"].items()
        for method, operation in methods.items()
    }
    for operation in found.values():
        for status, response in operation["responses"].items():
            if "$ref" in response:
                name = response["$ref"].rpartition("/")[2]
                operation["responses"][status] = document["components"]["responses"][name]
    return found


def resolved(schema, document):
    """A schema for a reference to it."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def bodies(operation):
    return operation.get("requestBody", {}).get("content", {})


def fields(schema, document, path=""):
    """(path, schema) of every property, however deep."""
    schema = resolved(schema, document)
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from fields(each, document, f"{path}.{name}")
    for part in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from fields(part, document, path)


def is_described(schema, document):
    """Whether a property has words of its own, or all that it may be has."""
    parts = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return "description" in resolved(schema, document) | schema or (
        bool(parts) and all(is_described(each, document) for each in parts)
    )


def test_it_is_valid(document):
    validate(document)
    validate(document_of(webui=False, jobs=None, files=None, metrics=False))


def test_every_field_of_a_request_is_described(document, operations):
    silent = [
        f"{name}: {path}"
        for name, operation in operations.items()
        for body in bodies(operation).values()
        for path, schema in fields(body["schema"], document)
        if not is_described(schema, document)
    ]
    assert silent == []
    parameters = [
        f"{name}: {each['name']}"
        for name, operation in operations.items()
        for each in operation.get("parameters", [])
        if "description" not in each
    ]
    assert parameters == []


def examples_of(body, document):
    """The examples beside a body's schema, or in it."""
    beside = [each["value"] for each in body.get("examples", {}).values()]
    return beside + resolved(body["schema"], document).get("examples", [])


def test_every_operation_that_takes_a_body_has_two_examples(document, operations):
    for name, operation in operations.items():
        shown = [examples_of(body, document) for body in bodies(operation).values()]
        assert not shown or sum(map(len, shown)) >= 2, name


def test_every_example_is_true(service, document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for kind, body in bodies(operation).items():
                for example in examples_of(body, document):
                    response = service.http.request(
                        method,
                        path.format(name="text_to_image", version="1"),
                        **sent(kind, example),
                    )
                    assert response.status_code == 200, (path, kind, response.text)


def sent(kind, example):
    """An example as a client sends it."""
    if kind == "application/json":
        return {"json": example}
    if kind == "application/octet-stream":
        return {"content": example.encode()}
    files = {name: value.encode() for name, value in example.items() if value in PICTURES}
    return {"files": files, "data": {k: v for k, v in example.items() if k not in files}}


def test_every_error_has_its_body_and_its_headers(document, operations):
    for name, operation in operations.items():
        surface = name.split("/")[1].split(" ")[0]
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], name
            if status < "400":
                continue
            schema = response["content"]["application/json"]["schema"]["$ref"]
            assert schema.rpartition("/")[2] == ERRORS.get(f"/{surface}", "ErrorBody"), name
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503")), name


def test_operations_have_names_and_known_tags(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names) and all(name.isidentifier() for name in names)
    assert {tag for operation in operations.values() for tag in operation["tags"]} == set(TAGS)


def test_limits_of_the_configuration_are_in_the_schemas():
    limited = document_of(limits={"max_images": 3, "max_steps": 40, "max_prompt_chars": 50})
    schemas = limited["components"]["schemas"]
    request = schemas["ImageRequest"]["properties"]
    assert request["n"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 3}
    assert request["num_inference_steps"]["anyOf"][0]["maximum"] == 40
    assert request["prompt"]["maxLength"] == 50
    assert schemas["TextToImage"]["properties"]["steps"]["anyOf"][0]["maximum"] == 40
    assert schemas["ControlNetRequest"]["properties"]["text"]["maxLength"] == 50
    form = limited["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    edit = form["multipart/form-data"]["schema"]["properties"]
    assert edit["n"]["anyOf"][0]["maximum"] == 3 and edit["prompt"]["maxLength"] == 50
    assert "maximum" not in schemas["Defaults"]["properties"]["num_inference_steps"]


def test_bounds_of_integers_are_integers_to_the_last_digit(document):
    text = json.dumps(document)
    assert '"maximum": 9223372036854775807' in text and "e+18" not in text
    request = document["components"]["schemas"]["ImageRequest"]["properties"]
    assert request["guidance_scale"]["anyOf"][0]["maximum"] == 50.0


def test_a_choice_is_an_enumeration(document):
    request = document["components"]["schemas"]["ImageRequest"]["properties"]
    assert request["response_format"]["anyOf"][0]["enum"] == ["b64_json", "url"]
    assert request["output_format"]["anyOf"][0]["enum"] == ["png", "jpeg", "webp"]


def test_pictures_are_binary(operations):
    for name, kinds in {"canny": {"png"}, "upscale": {"png", "jpeg", "webp"}}.items():
        content = operations[f"post /v1/{name}"]["responses"]["200"]["content"]
        assert set(content) == {f"image/{kind}" for kind in kinds}
        for each in content.values():
            assert each["schema"] == {"type": "string", "format": "binary"}


def test_keys_are_a_security_scheme_where_they_are_asked_for(tmp_path, document):
    assert "security" not in document and "securitySchemes" not in document["components"]
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"sk-1").hexdigest())
    guarded = Service({"auth": {"keys_file": str(keys)}, "files": {}})
    found = guarded.http.get("/openapi.json", headers={"authorization": "Bearer sk-1"}).json()
    validate(found)
    assert found["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {"bearer": []} in found["security"]
    open_paths = {
        path
        for path, methods in found["paths"].items()
        if any(operation.get("security") == [] for operation in methods.values())
    }
    assert open_paths == {"/health", "/v2/health/live", "/v2/health/ready", "/v1/files/{name}"}


def test_a_job_tells_where_it_is(operations):
    for path in STREAMED:
        headers = operations[f"post {path}"]["responses"]["202"]["headers"]
        assert {"Location", "Preference-Applied"} <= set(headers)


def test_it_is_made_once(service):
    first = service.http.get("/openapi.json").content
    assert service.http.get("/openapi.json").content == first
    assert len(first) < 200_000
