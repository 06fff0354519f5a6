"""Bodies and queries, read within limits before any route."""

import pytest

from tests.images import jpeg
from tests.service import GENERATIONS, Service, assert_refused


@pytest.fixture(scope="module")
def service():
    return Service()


LONGER = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
def test_compressed_bodies_are_a_415_unread(service, encoding):
    for path in (GENERATIONS, "/caption", "/v1/images/edits"):
        response = service.send_json(b"\x1f\x8b", path, content_encoding=encoding)
        assert_refused(response, 415, "unsupported_encoding")
    assert service.send_json(jpeg(), "/caption", content_encoding="identity").status_code == 200


@pytest.mark.parametrize("length", ["²", LONGER, "-1", "1e9", "+5", ""])
def test_a_length_that_is_none_does_no_harm(service, length):
    headers = {"content-length": length.encode("latin-1")}
    response = service.http.post("/caption", content=iter([b"x"]), headers=headers)
    assert response.status_code in (413, 415), response.text


def test_a_huge_query_is_a_400(service):
    response = service.http.post("/v1/canny?" + "a&" * 5_000, content=jpeg())
    assert_refused(response, 400, "invalid_request")
    assert service.http.post("/v1/canny?" + "a&" * 500, content=jpeg()).status_code == 200
