"""At once, later, and once only, over HTTP."""

import asyncio

import pytest

from serve_app.errors import StageFailed
from tests.images import encoded, in_base64, jpeg, sketch
from tests.service import EDITS, Service, assert_refused, events_of

KEY = {"Idempotency-Key": "k"}
CONTROLNET = {"request_id": 5, "text": "a red circle", "random_seed": 11}


@pytest.fixture
def service():
    made = Service({"jobs": {}})
    with made.http:
        yield made


def made(service):
    """How many pictures the generator was asked for."""
    return len(service.handles["generator"].calls)


def ways(service):
    """A request of each kind, as a call with headers."""
    post, files = service.http.post, {"image": encoded(sketch(64, 32))}
    body = CONTROLNET | {"input_image_base64": in_base64(jpeg())}
    return {
        "generations": lambda headers: post(
            "/v1/images/generations", json={"prompt": "x", "n": 2}, headers=headers
        ),
        "edits": lambda headers: post(EDITS, files=files, data={"prompt": "x"}, headers=headers),
        "variations": lambda headers: post("/v1/images/variations", files=files, headers=headers),
        "controlnet": lambda headers: post("/generation", json=body, headers=headers),
    }


@pytest.mark.parametrize("way", ["generations", "edits", "variations", "controlnet"])
def test_a_repeat_is_answered_alike_and_makes_nothing(service, way):
    send = ways(service)[way]
    first = send(KEY)
    assert first.status_code == 200, first.text
    assert "generate;dur=" in first.headers["server-timing"]
    before = made(service)
    again = send(KEY)
    assert again.json() == first.json() and made(service) == before
    assert send({}).json().keys() == first.json().keys() and made(service) > before
    assert send({"Idempotency-Key": "another"}).status_code == 200


def test_another_request_under_the_key_is_refused(service):
    send = service.http.post
    assert service.generate(seed=1).status_code == 200
    path, body = "/v1/images/generations", {"prompt": "x", "seed": 1}
    assert send(path, json=body | {"deadline_ms": 60_000}, headers=KEY).status_code == 200
    assert send(path, json=body | {"deadline_ms": 50_000}, headers=KEY).status_code == 200
    refused = send(path, json=body | {"seed": 2}, headers=KEY)
    assert_refused(refused, 422, "invalid_field", "Idempotency-Key")
    assert_refused(ways(service)["controlnet"](KEY), 422, param="Idempotency-Key")


def test_a_stream_under_a_key(service):
    def send():
        return service.http.post(
            "/v1/images/generations", json={"prompt": "x", "stream": True}, headers=KEY
        )

    first = events_of(send())
    assert first[-1][0] == "image_generation.completed"
    (again,) = events_of(send())
    assert again == first[-1] and made(service) == 1


def test_an_error_has_its_status(service):
    def fail(*_):
        raise StageFailed("broken")

    service.handles["generator"].answer = fail
    for _ in range(2):
        response = service.http.post("/v1/images/generations", json={"prompt": "x"}, headers=KEY)
        assert_refused(response, 500, "stage_failed")
    assert made(service) == 1, "an error is an answer too"


def test_without_jobs_a_key_is_not_looked_at():
    service = Service()
    with service.http:
        for seed in (1, 2):
            body = {"prompt": "x", "seed": seed}
            sent = service.http.post("/v1/images/generations", json=body, headers=KEY)
            assert sent.status_code == 200
        assert ways(service)["controlnet"](KEY).status_code == 200


def test_a_controlnet_request_later(service):
    send = ways(service)["controlnet"]
    at_once = send({}).json()
    taken = send({"Prefer": "respond-async"})
    assert taken.status_code == 202, taken.text
    job = service.job_done(taken.json()["id"])
    assert job["status"] == "succeeded" and job["result"] == at_once
    assert job["result"]["request_id"] == 5


def test_a_time_limit_counts_for_the_whole_wait():
    async def slow(*_):
        await asyncio.sleep(60)

    service = Service({"jobs": {}}, request_timeout_s=0.05)
    service.handles["generator"].answer = slow
    with service.http:
        response = service.http.post("/v1/images/generations", json={"prompt": "x"}, headers=KEY)
    assert_refused(response, 504, "timed_out")
