"""What a stream sends keeps to what the document says of it."""

import pytest
from jsonschema import Draft202012Validator

from tests.images import in_base64, jpeg
from tests.service import GENERATIONS, Service, events_of


@pytest.fixture(scope="module")
def service():
    return Service({"files": {}, "jobs": {}})


@pytest.fixture(scope="module")
def event_schema(service):
    document = service.http.get("/openapi.json").json()
    streamed = document["paths"][GENERATIONS]["post"]["responses"]["200"]["content"]
    data = streamed["text/event-stream"]["schema"]["properties"]["data"]
    assert data["contentMediaType"] == "application/json"
    # Rooted in the document, where its references lead.
    return Draft202012Validator(data["contentSchema"] | {"components": document["components"]})


@pytest.mark.parametrize(
    "fields",
    [
        {"partial_images": 2, "progress": True, "n": 2, "caption": True},
        {"response_format": "url", "control_image": in_base64(jpeg())},
    ],
)
def test_each_event_is_one_of_those_described(service, event_schema, fields):
    events = events_of(service.generate(stream=True, **fields))
    assert events
    for name, data in events:
        event_schema.validate(data)
        assert name == data["type"]


def test_an_edits_events_too(service, event_schema):
    events = events_of(service.edit(stream="true", progress="true"))
    assert {name.partition(".")[0] for name, _ in events} == {"image_edit"}
    for _, data in events:
        event_schema.validate(data)


def test_an_error_is_one_of_them(event_schema):
    error = {"message": "late", "type": "server_error", "param": None, "code": "timed_out"}
    event_schema.validate({"error": error})
    assert not event_schema.is_valid({"error": "late"})
    assert not event_schema.is_valid({"type": "image_generation.unknown"})
