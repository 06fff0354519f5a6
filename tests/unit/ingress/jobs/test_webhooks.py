"""Webhooks: signed, tried again, never redirected."""

import json
import threading
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serve_app.ingress.jobs.hosts import AllowedHosts
from serve_app.ingress.jobs.schema import JobReport
from serve_app.ingress.jobs.webhooks import Webhooks, read_secret, signature

SECRET = bytes(range(32))
REPORT = JobReport(
    id="abc", status="succeeded", step=4, num_inference_steps=4, eta_s=0.0, created=1
)


@pytest.fixture
def server():
    """Answers with `statuses`, then 204; remembers (path, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            made.requests.append((self.path, self.headers, body))
            self.send_response(made.statuses.pop(0) if made.statuses else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.requests, made.statuses = [], []
    threading.Thread(target=made.serve_forever, args=[0.01], daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def hooks(*listed):
    return Webhooks(AllowedHosts(listed), SECRET, pauses=(0.0, 0.0))


async def post(server, webhooks):
    await webhooks.post(f"http://127.0.0.1:{server.server_port}/hook?a=b", REPORT)


async def test_a_job_is_posted_and_signed(server, caplog):
    caplog.set_level("INFO", "ray.serve")
    await post(server, hooks("127.0.0.1"))
    ((path, headers, body),) = server.requests
    assert path == "/hook?a=b" and headers["host"] == f"127.0.0.1:{server.server_port}"
    event = json.loads(body)
    assert event["type"] == "job.succeeded" and event["data"] == REPORT.model_dump(mode="json")
    assert headers["webhook-id"] == "abc" and headers["content-type"] == "application/json"
    stamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(SECRET, "abc", stamp, body)
    assert caplog.messages == ["webhook job=abc outcome=204"]


def test_the_signature_is_that_of_the_specification():
    """The example of its test suite."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, message, 1614265330, b'{"test": 2432232314}') == expected


@pytest.mark.parametrize(
    ("statuses", "tries"),
    [([], 1), ([503], 2), ([500, 429, 408], 3), ([302], 1), ([404], 1), ([410, 200], 1)],
)
async def test_what_may_succeed_later_is_tried_again(server, statuses, tries):
    server.statuses = list(statuses)
    await post(server, hooks("127.0.0.1"))
    assert len(server.requests) == tries
    assert {path for path, *_ in server.requests} == {"/hook?a=b"}, "redirects are not followed"
    assert len({headers["webhook-id"] for _, headers, _ in server.requests}) == 1


async def test_a_name_that_leads_to_a_private_address_gets_nothing(server, caplog):
    caplog.set_level("INFO", "ray.serve")
    webhooks = hooks("localhost")
    await webhooks.post(f"http://localhost:{server.server_port}/", REPORT)
    assert server.requests == []
    assert caplog.messages == ["webhook job=abc outcome=OSError"] * 3
    await hooks("localhost", "127.0.0.0/8").post(f"http://localhost:{server.server_port}/", REPORT)
    assert len(server.requests) == 1


async def test_a_server_that_is_gone_costs_nothing(server):
    url = f"http://127.0.0.1:{server.server_port}/"
    server.server_close()
    await hooks("127.0.0.1").post(url, REPORT)


def test_the_secret(monkeypatch):
    text = b64encode(SECRET).decode()
    for value in (text, f"whsec_{text}"):
        monkeypatch.setenv("HOOKS", value)
        assert read_secret("HOOKS") == SECRET
    for value in ("", "whsec_", "not base64!", b64encode(b"short").decode()):
        monkeypatch.setenv("HOOKS", value)
        with pytest.raises(ValueError, match="HOOKS") as refused:
            read_secret("HOOKS")
        assert not value or value not in str(refused.value)
