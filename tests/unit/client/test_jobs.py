"""Requests that are answered later."""

import httpx
import pytest

from serve_app.client import Completed, Progress, Refused, Unreachable
from tests.unit.client.service import (
    ERROR,
    FAILED,
    PNG,
    Service,
    answer,
    client_of,
    event,
    refusal,
    streaming,
)
from tests.unit.client.service import job_of as job

LOST = httpx.ReadError("reset")


def done(seed=7, number=9):
    return f"id: {number}\n" + event("completed", seed=seed, step=4)


def test_a_job_is_begun_once_however_often_it_is_sent():
    service = Service(LOST, refusal(503, 1), job("queued", code=202))
    begun = client_of(service).jobs.start("x", PNG, previews=2, seed=3)
    assert (begun.id, begun.status, begun.done) == ("abc", "queued", False)
    assert {request.headers["prefer"] for request in service.requests} == {"respond-async"}
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 1
    sent = service.bodies[0]
    assert (sent["seed"], sent["progress"], sent["partial_images"]) == (3, True, 2)
    assert "stream" not in sent and sent["control_image"]


def test_an_edit_with_a_mask_later():
    service = Service(job("queued", code=202))
    client_of(service).jobs.start("x", edit=PNG, mask_image=b"white", mask_blur=2)
    request = service.requests[0]
    assert request.url.path == "/v1/images/edits"
    assert b'name="mask_image"' in request.content and b'name="progress"' in request.content


def test_a_service_that_keeps_no_jobs_is_told():
    with pytest.raises(Refused, match="keeps no jobs") as refused:
        client_of(Service(answer())).jobs.start("x")
    assert refused.value.code == "no_jobs"


def test_how_a_job_stands():
    body = answer().json()
    service = Service(
        job("running", step=2), job("succeeded", result=body), job("failed", error=ERROR),
        httpx.Response(200, json={"object": "list", "data": [job("cancelled").json()]}),
        job("succeeded", result={"request_id": 1, "output_image_base64": ""}),
    )  # fmt: skip
    jobs = client_of(service).jobs
    running, made, failed = (jobs.state("a/b") for _ in range(3))
    assert service.requests[0].url.raw_path == b"/v1/jobs/a%2Fb"
    assert (running.step, running.eta_s, running.generation, running.error) == (2, 1.5, None, None)
    assert made.done and made.generation.image.data == PNG
    assert failed.done and str(failed.error) == "at most 64 images"
    (listed,) = jobs.listed()
    assert listed.status == "cancelled"
    assert jobs.state("c").generation is None, "another client's"


def test_waiting_survives_broken_connections():
    service = Service(
        streaming("id: 3\n" + event("progress", step=1), error=LOST),
        httpx.ConnectError("refused"),
        streaming("id: 4\n" + event("progress", step=2), done(7, 5), error=LOST),
        refusal(503, 2),
        streaming(done(8, 9)),
    )
    seen = []
    made = client_of(service).jobs.wait("abc", on_progress=seen.append)
    assert [image.seed for image in made.images] == [7, 8]
    assert [each.step for each in seen] == [1, 2] and isinstance(seen[0], Progress)
    asked = [request.headers.get("last-event-id") for request in service.requests]
    assert asked == [None, "3", "3", "5", "5"]
    assert {request.url.path for request in service.requests} == {"/v1/jobs/abc/events"}


def test_an_end_that_was_lost_is_no_other_image():
    service = Service(streaming(done(), error=LOST), streaming())
    events = list(client_of(service).jobs.events("abc"))
    assert len(events) == 1 and isinstance(events[0], Completed)


def test_waiting_ends_some_time():
    with pytest.raises(Unreachable):
        client_of(Service(*[httpx.ConnectError("refused")] * 3), retries=2).jobs.wait("abc")
    with pytest.raises(Unreachable, match="ended"):
        client_of(Service(*(streaming() for _ in range(3))), retries=2).jobs.wait("abc")


@pytest.mark.parametrize("answers", [[streaming(FAILED)], [refusal(404)]])
def test_a_job_that_failed_or_is_gone(answers):
    with pytest.raises(Refused):
        client_of(Service(*answers)).jobs.wait("abc")


def test_cancelling():
    service = Service(job("cancelled"))
    assert client_of(service).jobs.cancel("abc").status == "cancelled"
    assert service.requests[0].method == "DELETE"
