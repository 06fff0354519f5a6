"""What a connection does, whoever uses it."""

from tests.unit.client.service import Service, answer, client_of, event, refusal, streaming


def test_what_is_made_has_a_key_that_a_repeat_has_too():
    service = Service(refusal(503, 1), answer(), answer())
    client = client_of(service)
    client.generate("x")
    client.generate("x")
    first, again, second = (request.headers["idempotency-key"] for request in service.requests)
    assert first == again != second


def test_what_is_watched_has_none_as_leaving_stops_it():
    service = Service(streaming(event("completed")), streaming(event("completed")))
    client = client_of(service)
    client.generate("x", on_progress=lambda event: None)
    list(client.stream("x"))
    for request in service.requests:
        assert "idempotency-key" not in request.headers
