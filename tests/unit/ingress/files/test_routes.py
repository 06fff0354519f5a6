"""Images that are answered as a URL."""

import pytest

from tests.images import opened
from tests.service import Service, assert_refused, events_of


@pytest.fixture
def service(tmp_path):
    return Service({"files": {"folder": str(tmp_path)}})


def test_a_picture_at_a_url(service):
    data = service.generate(response_format="url", n=2, output_format="webp").json()["data"]
    assert {*data[0]} == {"url", "seed", "caption"}
    for item in data:
        assert item["url"].startswith("http://testserver/v1/files/")
        found = service.http.get(item["url"])
        assert found.headers["content-type"] == "image/webp"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert opened(found.content).size == (128, 64)


def test_in_a_stream_too(service):
    response = service.generate(response_format="url", stream=True, partial_images=1)
    (_, preview), (_, last) = events_of(response)
    assert "b64_json" in preview and "b64_json" not in last
    assert service.http.get(last["url"]).status_code == 200


def test_base64_is_what_is_answered_unless_a_url_is_asked_for(service):
    for fields in ({}, {"response_format": "b64_json"}):
        assert "url" not in service.generate(**fields).json()["data"][0]
    assert_refused(service.generate(response_format="file"), 422, param="response_format")


def test_no_key_and_no_origin_is_asked_of_who_has_the_url(tmp_path, monkeypatch):
    monkeypatch.setenv("KEYS", "0" * 64)
    files = {"folder": str(tmp_path), "base_url": "https://images.example/"}
    open_service = Service({"files": files})
    url = open_service.generate(response_format="url").json()["data"][0]["url"]
    assert url.startswith("https://images.example/v1/files/")
    path = url.removeprefix("https://images.example")
    guarded = Service({"files": files, "auth": {"keys_variable": "KEYS"}})
    foreign = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert guarded.http.get(path, headers=foreign).status_code == 200
    for wrong in ("/v1/files/x.png", "/v1/files/..%2F..%2Fetc%2Fpasswd", "/v1/files/%00.png"):
        assert_refused(guarded.http.get(wrong), 404, "not_found")


def test_off_unless_configured():
    service = Service()
    response = service.generate(response_format="url")
    assert_refused(response, 400, param="response_format")
    assert "args.files" in response.json()["error"]["message"]
    assert_refused(service.http.get("/v1/files/x.png"), 404, "not_found")
