"""A service of canned answers behind httpx's mock transport."""

import base64
import json

import httpx

from serve_app.client import Client

PNG = b"\x89PNG not really"
ERROR = {"message": "at most 64 images", "type": "x", "param": "n", "code": "queue_full"}


def answer(seeds=(7,), caption=None):
    data = [
        {"b64_json": base64.b64encode(PNG).decode(), "seed": seed, "caption": caption}
        for seed in seeds
    ]
    return httpx.Response(
        200,
        json={
            "created": 1, "data": data, "output_format": "png", "size": "128x64",
            "timings": {"generate": 0.5},
        },
        headers={"X-Request-ID": "r1"},
    )  # fmt: skip


def job_of(status, code=200, **more):
    body = {
        "id": "abc", "status": status, "step": 0, "num_inference_steps": 4, "eta_s": 1.5,
        "queue_position": 0, "created": 1, "result": None, "error": None,
    }  # fmt: skip
    return httpx.Response(code, json=body | more)


def refusal(status, retry_after=None):
    headers = {"X-Request-ID": "r1"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return httpx.Response(status, json={"error": ERROR}, headers=headers)


def event(kind, seed=7, step=1, **more):
    data = {
        "type": f"image_generation.{kind}", "seed": seed, "step": step,
        "num_inference_steps": 4, "eta_s": 1.5, "queue_position": 0, "caption": None,
        "b64_json": base64.b64encode(PNG).decode(), "size": "128x64", "output_format": "png",
        "partial_image_index": 0, "timings": {"generate": step / 4},
    }  # fmt: skip
    return f"event: {data['type']}\ndata: {json.dumps(data | more)}\n\n"


FAILED = f"data: {json.dumps({'error': ERROR | {'code': 'timed_out'}})}\n\n"


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Text sent in pieces of a few bytes; an exception among them is a connection that breaks."""

    def __init__(self, text, size=7, error=None):
        data = text.encode()
        self._pieces = [data[i : i + size] for i in range(0, len(data), size)]
        self._error = error

    def __iter__(self):
        yield from self._pieces
        if self._error:
            raise self._error

    async def __aiter__(self):
        for piece in self:
            yield piece


def streaming(*texts, **options):
    headers = {"Content-Type": "text/event-stream", "X-Request-ID": "r1"}
    return httpx.Response(200, headers=headers, stream=Chunks("".join(texts), **options))


class Service:
    """Answers requests in order and remembers them; an exception is raised instead."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.requests = []
        self.slept = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request):
        request.read()
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests]

    def sleep(self, seconds):
        self.slept.append(seconds)

    async def sleep_async(self, seconds):
        self.slept.append(seconds)


def client_of(service, **options):
    return Client("http://x", transport=service.transport, sleep=service.sleep, **options)
