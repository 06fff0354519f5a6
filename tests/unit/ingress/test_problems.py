"""Every error has one shape."""

from tests.images import jpeg
from tests.service import Service, assert_refused


def test_a_full_queue_is_a_429_with_retry_after():
    service = Service(max_pending_images=1)
    response = service.generate(n=2)
    assert_refused(response, 429, "queue_full")
    assert int(response.headers["retry-after"]) >= 1


def test_unknown_paths_and_methods_keep_to_the_shape(service):
    assert_refused(service.http.get("/nothing"), 404, "not_found")
    assert_refused(service.http.get("/generation"), 405, "method_not_allowed")


def test_a_surprise_is_a_500_without_details(service, caplog):
    caplog.set_level("INFO", "ray.serve")
    service.handles["captioner"].answer = lambda picture: "not a result"
    response = service.http.post("/caption", content=jpeg())
    assert_refused(response, 500, "internal_error")
    assert "attribute" not in response.text
    assert "status=500" in caplog.messages[-1]
