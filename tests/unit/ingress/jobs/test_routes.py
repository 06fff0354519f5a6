"""Jobs over HTTP: asked for, watched, fetched, cancelled."""

import hashlib

import pytest

from serve_app.messages import CaptionResult
from tests import fakes
from tests.images import encoded, sketch
from tests.service import EDITS, GENERATIONS, Service, assert_refused, events_of


@pytest.fixture
def service():
    made = Service({"jobs": {"webhook_hosts": []}})
    with made.http:
        yield made


def test_a_request_is_answered_later_as_it_would_have_been(service):
    fields = {"seed": 7, "n": 2, "caption": True}
    taken = service.later(**fields)
    assert taken.status_code == 202, taken.text
    job_id = taken.json()["id"]
    assert taken.headers["location"] == f"/v1/jobs/{job_id}"
    assert taken.headers["preference-applied"] == "respond-async"
    assert taken.json()["status"] == "queued"
    job = service.job_done(job_id)
    assert set(job) == {
        "id", "status", "step", "num_inference_steps", "eta_s", "queue_position", "created",
        "result", "error",
    }  # fmt: skip
    assert job["status"] == "succeeded"
    at_once = service.generate(prompt="x", **fields).json()
    assert job["result"]["data"] == at_once["data"] and set(job["result"]) == set(at_once)
    (listed,) = service.http.get("/v1/jobs").json()["data"]
    assert listed == job | {"result": None}


def test_edits_and_variations_too(service):
    files = {"image": encoded(sketch(64, 32))}
    for path, fields in ((EDITS, {"prompt": "a star"}), ("/v1/images/variations", {})):
        headers = {"Prefer": "wait=10, Respond-Async"}
        taken = service.http.post(path, files=files, data=fields, headers=headers)
        assert taken.status_code == 202, taken.text
        assert service.job_done(taken.json()["id"])["status"] == "succeeded"


def test_events(service):
    job_id = service.later(stream=True).json()["id"]
    response = service.http.get(f"/v1/jobs/{job_id}/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events_of(response)[-1][0] == "image_generation.completed"
    assert len(events_of(service.http.get(f"/v1/jobs/{job_id}/events"))) == 1


def test_what_is_impossible_is_refused_at_once(service):
    assert_refused(service.later(size="1x1"), 400, param="size")
    assert service.http.get("/v1/jobs").json()["data"] == []


def test_an_idempotency_key(service):
    headers = {"Idempotency-Key": "k"}
    first = service.later(headers).json()["id"]
    assert service.later(headers).json()["id"] == first
    assert_refused(service.later(headers, n=2), 422, param="Idempotency-Key")
    files = {"image": encoded(sketch(64, 32))}
    same = {"files": files, "data": {"prompt": "x"}}
    both = {"Prefer": "respond-async", "Idempotency-Key": "edit"}
    ids = {service.http.post(EDITS, **same, headers=both).json()["id"] for _ in range(2)}
    assert len(ids) == 1, "another boundary is not another request"
    same["files"] = {"image": encoded(sketch(32, 32))}
    assert service.http.post(EDITS, **same, headers=both).status_code == 422
    assert_refused(service.later({"Idempotency-Key": "x" * 256}), 422, param="idempotency-key")


def test_a_variation_that_is_sent_again_is_one_job_whatever_its_caption(service):
    headers = {"Prefer": "respond-async", "Idempotency-Key": "k"}
    ids = set()
    for caption in ("a red circle", "a circle"):
        result = CaptionResult(caption, fakes.report("caption"))
        service.handles["captioner"].answer = lambda picture, result=result: result
        files = {"image": encoded(sketch(64, 32))}
        taken = service.http.post("/v1/images/variations", files=files, headers=headers)
        assert taken.status_code == 202, taken.text
        ids.add(taken.json()["id"])
    assert len(ids) == 1


def test_a_job_that_is_not_there(service):
    for ask in (service.http.get, service.http.delete):
        assert_refused(ask("/v1/jobs/none"), 404, "not_found")
    assert_refused(service.http.get("/v1/jobs/none/events"), 404, "not_found")


def test_cancelling(service):
    job_id = service.later().json()["id"]
    job = service.http.delete(f"/v1/jobs/{job_id}").json()
    assert job["status"] in ("cancelled", "succeeded")
    assert service.http.get(f"/v1/jobs/{job_id}").json()["status"] == job["status"]


def test_only_the_key_that_made_a_job_sees_it(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("\n".join(hashlib.sha256(key).hexdigest() for key in (b"a", b"b")))
    service = Service({"jobs": {}, "auth": {"keys_file": str(keys)}})
    a, b = ({"Authorization": f"Bearer {key}"} for key in "ab")
    with service.http:
        job_id = service.later(a).json()["id"]
        assert service.job_done(job_id, **a)["status"] == "succeeded"
        for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/events"):
            assert_refused(service.http.get(path, headers=b), 404, "not_found")
        assert_refused(service.http.delete(f"/v1/jobs/{job_id}", headers=b), 404, "not_found")
        assert service.http.get("/v1/jobs", headers=b).json()["data"] == []
        assert len(service.http.get("/v1/jobs", headers=a).json()["data"]) == 1


def test_without_jobs_a_request_is_answered_at_once():
    service = Service()
    assert service.later().status_code == 200
    for path in ("/v1/jobs", "/v1/jobs/x", "/v1/jobs/x/events"):
        response = service.http.get(path)
        assert_refused(response, 404, "not_found")
        assert "args.jobs" in response.json()["error"]["message"]
    assert_refused(service.later(webhook="http://x/"), 400, param="webhook")


def test_webhooks_are_checked_before_anything_is_made(service, monkeypatch):
    assert_refused(service.later(webhook="http://x/"), 400, param="webhook")
    monkeypatch.setenv("HOOKS", "whsec_" + "A" * 32)
    settings = {"webhook_hosts": ["hooks.example"], "webhook_secret_variable": "HOOKS"}
    listing = Service({"jobs": settings})
    with listing.http:
        url = "https://hooks.example/done"
        assert_refused(listing.generate(webhook=url), 400, param="webhook")
        assert_refused(listing.later(webhook="https://other.example/"), 400, param="webhook")
        listing.handles["generator"].answer = lambda *_: fakes.generated(*_)
        assert not listing.handles["generator"].calls


def test_full(service):
    small = Service({"jobs": {"max_bytes": 4096}})
    with small.http:
        response = small.http.post(
            GENERATIONS, json={"prompt": "xx"}, headers={"Prefer": "respond-async"}
        )
    assert_refused(response, 429, "queue_full")
    assert int(response.headers["retry-after"]) >= 1
