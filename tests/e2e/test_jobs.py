"""Requests that are answered later, on the served demo."""

import base64
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
import pytest
import requests

from tests.e2e.conftest import WEBHOOK_SECRET, await_true
from tests.images import PROMPT, encoded, from_base64, in_base64, jpeg, opened, sketch

GENERATIONS = "/v1/images/generations"
LONG = {"num_inference_steps": 100, "n": 4}


def submit(service, headers=None, **fields):
    headers = {"Prefer": "respond-async"} | (headers or {})
    return service.post(GENERATIONS, json={"prompt": PROMPT, "seed": 7} | fields, headers=headers)


def job_of(service, job_id):
    return service.get(f"/v1/jobs/{job_id}").json()


def done(service, job_id, limit_s=120):
    await_true(lambda: job_of(service, job_id)["status"] not in ("queued", "running"), limit_s)
    return job_of(service, job_id)


def events(service, job_id):
    with service.get(f"/v1/jobs/{job_id}/events", stream=True) as response:
        for line in response.iter_lines():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def test_a_job_survives_the_ingress_that_took_it(service):
    taken = submit(service, **LONG)
    assert taken.status_code == 202, taken.text
    assert taken.headers["preference-applied"] == "respond-async"
    location = taken.headers["location"]
    job_id = taken.json()["id"]
    await_true(lambda: job_of(service, job_id)["step"] > 0, 60)
    service.replica("Ingress").kill()
    await_true(lambda: service.get(location).status_code == 200, 60)
    job = done(service, job_id)
    assert job["status"] == "succeeded", job
    service.await_healthy()
    whole = service.post(GENERATIONS, json={"prompt": PROMPT, "seed": 7} | LONG).json()
    assert [item["seed"] for item in job["result"]["data"]] == [7, 8, 9, 10]
    assert set(job["result"]) == set(whole)
    assert job["result"]["data"] == whole["data"]


def test_events_tell_the_steps_and_the_end(service):
    job_id = submit(service, num_inference_steps=40, progress=True, partial_images=1).json()["id"]
    told = [event["type"].partition(".")[2] for event in events(service, job_id)]
    assert {"progress", "partial_image"} <= set(told) and told[-1] == "completed"
    (last,) = events(service, job_id)
    assert last["b64_json"] == done(service, job_id)["result"]["data"][0]["b64_json"]


def test_a_cancelled_job_stops_within_a_step(service):
    job_id = submit(service, **LONG).json()["id"]
    await_true(lambda: job_of(service, job_id)["step"] > 0, 60)
    since = len(service.log_text())
    cancelled = requests.delete(f"{service.url}/v1/jobs/{job_id}", timeout=30).json()
    assert cancelled["status"] == "cancelled" and cancelled["result"] is None
    (last,) = events(service, job_id)
    assert last["error"]["code"] == "cancelled"
    began = time.monotonic()
    submitted = submit(service, num_inference_steps=1).json()["id"]
    assert done(service, submitted)["status"] == "succeeded"
    assert time.monotonic() - began < 20
    assert "steps=100" not in service.log_text()[since:]
    assert job_of(service, job_id)["step"] < 100


def test_the_same_key_is_one_job(service):
    headers = {"Idempotency-Key": f"e2e-{time.time()}"}
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: submit(service, headers), range(8)))
    assert len({each.json()["id"] for each in taken}) == 1
    refused = submit(service, headers, n=2)
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == "Idempotency-Key"


def test_a_repeat_after_a_broken_connection_makes_no_second_picture(service):
    since = len(service.log_text())
    headers = {"Idempotency-Key": f"broken-{time.time()}"}
    body = {"prompt": PROMPT, "seed": 7, "num_inference_steps": 97}
    with pytest.raises(requests.ReadTimeout):
        requests.post(service.url + GENERATIONS, json=body, headers=headers, timeout=0.3)
    repeats = [service.post(GENERATIONS, json=body, headers=headers) for _ in range(2)]
    assert [each.status_code for each in repeats] == [200, 200]
    assert repeats[0].json() == repeats[1].json()
    assert service.log_text()[since:].count("denoised steps=97 ") == 1
    refused = service.post(GENERATIONS, json=body | {"seed": 8}, headers=headers)
    assert refused.status_code == 422


def test_a_controlnet_request_later(service):
    body = {"request_id": 5, "text": PROMPT, "random_seed": 7,
            "input_image_base64": in_base64(jpeg())}  # fmt: skip
    taken = service.post("/generation", json=body, headers={"Prefer": "respond-async"})
    assert taken.status_code == 202, taken.text
    result = done(service, taken.json()["id"])["result"]
    assert result == service.post("/generation", json=body).json()


@pytest.fixture
def listener():
    """A server that keeps what is posted to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            made.posted.append((self.headers, body))
            self.send_response(204 if len(made.posted) > 1 else 503)
            self.end_headers()

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.posted = []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_the_end_is_posted_to_a_listed_host_signed_and_again_where_it_fails(service, listener):
    url = f"http://127.0.0.1:{listener.server_port}/done"
    job_id = submit(service, webhook=url, num_inference_steps=2).json()["id"]
    await_true(lambda: len(listener.posted) == 2, 60)
    (_, first), (headers, body) = listener.posted
    assert first == body
    event = json.loads(body)
    assert event["type"] == "job.succeeded" and event["data"]["id"] == job_id
    assert headers["webhook-id"] == job_id
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    secret = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{job_id}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("url", ["http://example.com/", "http://169.254.169.254/", "file:///x"])
def test_no_other_host_is_posted_to(service, url):
    refused = submit(service, webhook=url)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "webhook"


def test_two_hundred_at_once_are_bounded_and_those_taken_are_made(service):
    # Sent at once, while a long one holds the places.
    longs = [submit(service, num_inference_steps=30, n=8).json()["id"] for _ in range(4)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: submit(service, num_inference_steps=1), range(200)))
    taken = [each.json()["id"] for each in answers if each.status_code == 202]
    refused = [each for each in answers if each.status_code == 429]
    assert len(taken) + len(refused) == 200 and refused and len(taken) >= 90
    assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    assert service.post(GENERATIONS, json={"prompt": PROMPT}).status_code == 200, "others too"
    listed = service.get("/v1/jobs").json()["data"]
    assert len(listed) <= 200 and all(job["result"] is None for job in listed)
    assert done(service, taken[-1], 240)
    kept = {job["id"]: job["status"] for job in service.get("/v1/jobs").json()["data"]}
    ended = [done(service, job_id, 240)["status"] for job_id in taken if job_id in kept]
    assert set(ended) == {"succeeded"}
    for job_id in longs:
        requests.delete(f"{service.url}/v1/jobs/{job_id}", timeout=30)


@pytest.fixture(scope="module")
def client(service):
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0)


def test_a_picture_at_a_url(client):
    made = client.images.generate(
        model="dall-e-3", prompt=PROMPT, size="128x128", response_format="url"
    )
    (image,) = made.data
    assert image.b64_json is None
    found = requests.get(image.url, timeout=30)
    assert found.headers["content-type"] == "image/png"
    assert opened(found.content).size == (128, 128)
    assert requests.get(image.url[:-8] + "XXXX.png", timeout=30).status_code == 404


def test_a_variation(client):
    with pytest.deprecated_call():  # OpenAI's, for which its one model is gone
        made = client.images.create_variation(
            image=("a.png", encoded(sketch(128, 128))),
            n=2,
            size="256x256",
            response_format="b64_json",
        )
    assert [from_base64(image.b64_json).size for image in made.data] == [(256, 256)] * 2
