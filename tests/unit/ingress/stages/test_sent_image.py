"""An image, however it is sent."""

import pytest

from tests.images import in_base64, jpeg
from tests.service import assert_refused


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/json", "text/plain", None])
def test_a_raw_image_is_taken_under_any_content_type(service, content_type):
    headers = {"content-type": content_type} if content_type else {}
    for path in ("/v1/captions", "/caption", "/v1/canny", "/v1/upscale", "/v1/classify"):
        response = service.http.post(path, content=jpeg(), headers=headers)
        assert response.status_code == 200, (path, response.text)


def test_an_image_is_taken_as_multipart_and_as_json(service):
    for options in (
        {"files": {"image": ("a.jpg", jpeg(), "image/jpeg")}},
        {"json": {"image": in_base64(jpeg())}},
    ):
        response = service.http.post("/v1/captions", **options)
        assert response.json()["caption"] == "a red circle"
        assert service.handles["captioner"].calls[-1][0] == jpeg()


def test_a_multipart_body_without_the_image_is_told_so(service):
    response = service.http.post("/v1/captions", files={"other": b"x"})
    assert_refused(response, 422, "invalid_field", "image")
    response = service.http.post("/v1/captions", json={"picture": "x"})
    assert_refused(response, 422, "invalid_field", "image")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    response = service.http.post("/v1/captions", content=b"--x\r\nbroken", headers=broken)
    assert response.status_code in (400, 422)
    assert set(response.json()) == {"error"}
