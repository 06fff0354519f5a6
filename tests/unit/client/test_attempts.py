"""When a call is tried again, and when not."""

import httpx
import pytest

from serve_app.client import Refused, Unreachable
from tests.unit.client.service import PNG, Service, answer, client_of, refusal

CONNECTION_LOST = httpx.ReadError("reset")


@pytest.mark.parametrize("status", [400, 401, 413, 415, 422, 500, 504])
def test_other_refusals_are_not_tried_again(status):
    service = Service(refusal(status, retry_after=1))
    with pytest.raises(Refused, match="at most 64") as refused:
        client_of(service).generate("x")
    error = refused.value
    assert (error.status, error.code, error.param, error.request_id) == (
        status, "queue_full", "n", "r1",
    )  # fmt: skip
    assert service.slept == []


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(status):
    service = Service(refusal(status, 3), refusal(status, 5), answer())
    assert client_of(service).generate("x").image.data == PNG
    assert 3 <= service.slept[0] <= 3.75 and 5 <= service.slept[1] <= 6.25
    assert service.bodies[0] == service.bodies[1] == service.bodies[2], "with the same seed"


def test_retries_are_bounded():
    service = Service(*[refusal(429, 1)] * 3)
    with pytest.raises(Refused):
        client_of(service, retries=2).generate("x")
    assert len(service.requests) == 3


def test_each_wait_is_longer_than_the_last():
    service = Service(*[refusal(429, 1)] * 4, answer())
    client_of(service).generate("x")
    for slept, least in zip(service.slept, (1, 2, 4, 8), strict=True):
        assert least <= slept <= 1.25 * least


def test_the_wait_is_bounded():
    service = Service(refusal(503, 50), refusal(503, 50))
    with pytest.raises(Refused):
        client_of(service, max_wait_s=90).generate("x")
    assert len(service.slept) == 1


@pytest.mark.parametrize("text", [None, "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "nan"])
def test_no_seconds_in_retry_after_is_a_short_pause(text):
    service = Service(refusal(503, text), answer())
    client_of(service).generate("x")
    assert 1 <= service.slept[0] <= 1.25


def test_waiting_counts_towards_the_deadline():
    service = Service(refusal(429, 2), refusal(429, 2), refusal(429, 2))
    with pytest.raises(Refused):
        client_of(service).generate("x", deadline_ms=5000)
    first, second, *_ = (body["deadline_ms"] for body in service.bodies)
    assert first == 5000 and second == pytest.approx(5000 - 1000 * service.slept[0], abs=1)
    assert sum(service.slept) < 5


def test_a_lost_connection_is_tried_again_once():
    service = Service(CONNECTION_LOST, answer())
    client_of(service).generate("x")
    assert service.bodies[0] == service.bodies[1]
    service = Service(CONNECTION_LOST, CONNECTION_LOST, answer())
    with pytest.raises(Unreachable, match="lost"):
        client_of(service).generate("x")
    assert len(service.requests) == 2


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
def test_a_stopped_or_silent_service_is_unreachable_at_once(error):
    service = Service(error)
    with pytest.raises(Unreachable):
        client_of(service).generate("x")
    assert service.slept == []
