"""Multipart forms, whole and malformed."""

import contextlib
import time

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.multipart import MAX_PARTS, read_form
from tests.service import Service


@pytest.fixture(scope="module")
def service():
    return Service()


def form(*parts, boundary=b"b", end=b"--\r\n"):
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + (
        b"--" + boundary + end
    )


def field(name, data=b"x", filename=None):
    file = b"" if filename is None else b'; filename="' + filename + b'"'
    return b'Content-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + data


TYPE = "multipart/form-data; boundary=b"


def test_a_form_is_read_as_it_is_written():
    data = b"\r\n--a\r\n--\r\n\x00\xff--b"
    parts = [
        field(b"image", data, b"a.png"),
        b"Content-Type: text/plain\r\ncontent-disposition: form-data; name=prompt\r\n\r\na\r\nb",
        field(b"empty", b""),
        field("größe".encode(), b"1", b""),
    ]
    parsed = read_form(form(*parts), TYPE)
    assert [(part.name, part.data, part.is_file) for part in parsed] == [
        ("image", data, True), ("prompt", b"a\r\nb", False), ("empty", b"", False),
        ("größe", b"1", True),
    ]  # fmt: skip
    assert read_form(b"preamble\r\n" + form(*parts, end=b"--epilogue"), TYPE) == parsed
    assert read_form(form(parts[0], boundary=b"x y'"), 'multipart/form-data; boundary="x y\'"')


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(field(b"a")), "multipart/form-data"),
        (form(field(b"a")), "multipart/form-data; boundary="),
        (form(field(b"a")), "multipart/form-data; boundary=" + "b" * 71),
        (form(field(b"a")), "multipart/form-data; boundary=c"),
        (form(field(b"a"), end=b""), TYPE),
        (form(field(b"a"), end=b"\r\n"), TYPE),
        (form(b"no header"), TYPE),
        (form(b"\r\n\r\nno name"), TYPE),
        (form(b"X: y\r\n\r\nno name"), TYPE),
        (form(b"Content-Disposition: form-data\r\n\r\nno name"), TYPE),
        (form(b"X: " + b"y" * 10_000 + b"\r\n" + field(b"a")), TYPE),
        (form(*[field(b"a")] * (MAX_PARTS + 1)), TYPE),
        (b"--b--", TYPE),
        (b"", TYPE),
        (b"--b", TYPE),
    ],
)
def test_a_malformed_form_is_a_400(service, body, content_type):
    with contextlib.suppress(InvalidRequest):
        assert read_form(body, content_type) == []
    for path in ("/v1/images/edits", "/v1/captions"):
        response = service.http.post(path, content=body, headers={"content-type": content_type})
        assert response.status_code in (400, 415, 422), response.text
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "body",
    [
        form(*[field(b"a")] * 80_000),
        form(b"X: y\r\n" * 600_000 + field(b"a")),
        form(field(b"a", b"\r" * 5_000_000)),
        form(field(b"a", b"\r\n-" * 1_500_000)),
        form(field(b"a" * 5_000_000)),
        b"--b" * 1_500_000,
    ],
)
def test_a_form_costs_little_however_it_is_cut(body):
    began = time.process_time()
    with contextlib.suppress(InvalidRequest):
        read_form(body, TYPE)
    assert time.process_time() - began < 0.1
