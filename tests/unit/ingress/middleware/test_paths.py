"""HEAD as GET without the body; a slash at the end of any path."""

import pytest

from tests.images import jpeg

PATHS = ["/", "/health", "/v1/models", "/v1/models/demo", "/v1/status", "/v2", "/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
def test_head_wherever_there_is_a_get(service, path):
    got, head = service.http.get(path), service.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"] != "0"
    assert head.headers["content-type"] == got.headers["content-type"]


def test_head_has_the_errors_of_get(service):
    assert service.http.head("/nothing").status_code == 404
    assert service.http.head("/generation").status_code == 405


@pytest.mark.parametrize("path", [*PATHS[1:], "/docs"])
def test_a_slash_at_the_end_changes_nothing(service, path):
    plain = service.http.get(path)
    slashed = service.http.get(f"{path}/", follow_redirects=False)
    assert (slashed.status_code, slashed.text) == (plain.status_code, plain.text)


def test_a_body_survives_the_slash(service):
    response = service.http.post("/caption/", content=jpeg(), follow_redirects=False)
    assert (response.status_code, response.text) == (200, "a red circle")
    assert service.http.post("/caption//", content=jpeg()).status_code == 404
