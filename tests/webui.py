"""What tests of web UI's API ask and assert."""

import json

from tests.images import in_base64, jpeg

PICTURE = in_base64(jpeg())


def txt2img(service, **fields):
    return service.http.post("/sdapi/v1/txt2img", json={"prompt": "a red circle"} | fields)


def img2img(service, **fields):
    body = {"prompt": "a star", "init_images": [PICTURE]} | fields
    return service.http.post("/sdapi/v1/img2img", json=body)


def unit(**fields):
    """`alwayson_scripts` with one ControlNet unit."""
    return {"controlnet": {"args": [{"image": PICTURE, "module": "canny"} | fields]}}


def info_of(response):
    assert response.status_code == 200, response.text
    return json.loads(response.json()["info"])


def assert_refused(response, status, param=None):
    """An error that OpenAI's clients can read, and web UI's."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error", "detail", "errors"}
    assert body["detail"] == body["errors"] == body["error"]["message"]
    assert body["error"]["param"] == param
