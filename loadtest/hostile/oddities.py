"""HTTP that no client library sends: over a socket, as bytes."""

import random
from dataclasses import replace

from loadtest.hostile.case import JSON, Case, head, post
from loadtest.routes import sketch

_PATH = "/v1/images/generations"
_CHUNKED = "Transfer-Encoding: chunked"


def draw(rng: random.Random) -> Case:
    """Half of it is proper HTTP all the same, which the service answers itself."""
    return _proper(rng) if rng.random() < 0.5 else _improper(rng)


def _proper(rng: random.Random) -> Case:
    body = b'{"prompt": "a", "num_inference_steps": 1, "size": "64x64"}'
    lines = rng.choice((
        "X-Request-ID: " + "x" * 8000, "X-Request-ID: a b\tc", "X-Request-ID: \xe9\xff",
        "Content-Encoding: gzip", "Content-Encoding: br, gzip", "Origin: null",
        "Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Authorization: Basic ????",
        "Authorization: Bearer " + "x" * 8000, "Accept: text/nothing", "Expect: 100-continue",
        "Cookie: " + "a=b; " * 1000, "X-Forwarded-For: ' OR 1=1", "Prefer: respond-async",
        "Range: bytes=0-1", "\r\n".join(f"X-{n}: y" for n in range(90)),
    ))  # fmt: skip
    case = post("http header", _PATH, body, JSON, lines)
    choice = rng.randrange(4)
    if choice == 0:
        path = rng.choice((
            "/%00", "/%2e%2e/%2e%2e/etc/passwd", "/studio/%2e%2e%2fapi.py", "//evil.example/",
            "/v1/%ff%fe", "/v2/models/%2f/infer", "/" + "a" * 5000, "/v1/models/../../x", "/;/x",
            "/v1/canny?" + "a=b&" * 5000, "/v1/upscale?scale=" + "9" * 5000,
            "/v1/canny?low_threshold=-1",
            "/v1/canny?low_threshold=1&low_threshold=%ff", "/v1/upscale?scale=2&output_format=%00",
        ))  # fmt: skip
        return post("http path", path, sketch(64), "image/jpeg")
    if choice == 1:
        method = rng.choice(("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"))
        return Case("http method", _PATH, head(method, _PATH, length=len(body)) + body)
    if choice == 2:
        # One byte a chunk, and then 33 MiB where it is to be too large.
        start = head("POST", "/caption", _CHUNKED)
        if rng.random() < 0.3:
            piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
            return Case("http endless", "/caption", start, piece, repeats=600)
        pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in sketch(32)[:2000])
        return Case("http chunks", "/caption", start + pieces + b"0\r\n\r\n")
    return case


def _improper(rng: random.Random) -> Case:
    start = head("POST", _PATH, f"Content-Type: {JSON}")[:-2]
    wire = rng.choice((
        b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", rng.randbytes(300),
        b"GET / HTTP/9.9\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"G" * 100_000, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        start + b"X: " + b"y" * 200_000 + b"\r\n\r\n", start + b"X: y\r\n" * 5000 + b"\r\n",
        start + b"X-Request-ID: a\x01\x1b[31m\r\n\r\n", start + b"X-Request-ID: a\nX: b\r\n\r\n",
        start + b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n{}",
        start + b"Content-Length: -1\r\n\r\n{}", start + b"Content-Length: 99999\r\n\r\n{}",
        start + b"Content-Length: 2\r\n\r\n{}{}{}garbage", start + b"Content-Length: 1e3\r\n\r\n{}",
        start + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
        start + b"Content-Length: 99999999999\r\n\r\n{}",
        start + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", start + b"\r\n",
        start + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
        start + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        start + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    ))  # fmt: skip
    return replace(Case("wire", _PATH, wire), is_http=False)
