"""The HTTP face over a pipeline of fakes: fields, statuses, bodies."""

import io
import json
import time

import pytest
from PIL import Image
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from serve_app import errors
from serve_app.ingress import proxy
from serve_app.ingress.api import build_api
from serve_app.ingress.middleware.draining import Door
from serve_app.ingress.replicas import Replicas
from serve_app.messages import CannyRequest
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests import fakes
from tests.fakes import FakeHandle
from tests.images import encoded, from_base64, in_base64, jpeg, sketch

GENERATIONS = "/v1/images/generations"


class Service:
    """A client, and the handles that remember what reached them."""

    def __init__(self, settings=None, **limits):
        self.args = fakes.app_args(settings, **limits)
        self.handles = {
            "canny": FakeHandle(fakes.edges),
            "generator": FakeHandle(fakes.generated),
            "upscaler": FakeHandle(fakes.enlarged),
            "captioner": FakeHandle(fakes.described),
            "classifier": fakes.classifier(),
        }
        pipeline = Pipeline(Stages(**self.handles), self.args.limits)
        self.running = dict.fromkeys(fakes.STAGES, 1)
        self.now = 0.0
        replicas = Replicas(lambda: fakes.reports(self.running), lambda: self.now)
        self.door = Door()
        self.api = build_api(pipeline, self.args, replicas, self.door)
        self.http = TestClient(self.api, raise_server_exceptions=False)

    def generate(self, **fields):
        return self.http.post(GENERATIONS, json={"prompt": "a red circle"} | fields)

    @property
    def request(self):
        """The last request that reached the generator."""
        return self.handles["generator"].calls[-1][0]

    @property
    def control(self) -> CannyRequest:
        return self.handles["canny"].calls[-1][0]


@pytest.fixture
def service():
    return Service()


def assert_refused(response, status, code=None, param=None):
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"]
    assert "Traceback" not in error["message"] and "/" not in error["code"]
    if code:
        assert error["code"] == code
    assert error["param"] == param


# POST /generation


@pytest.mark.parametrize("path", ["/generation", "/generation/"])
def test_generation_answers_directly_with_an_rgb_image(service, path):
    body = {
        "request_id": 5,
        "text": "a red circle",
        "input_image_base64": in_base64(jpeg()),
        "random_seed": 11,
    }
    response = service.http.post(path, json=body, follow_redirects=False)
    assert response.status_code == 200
    assert set(response.json()) == {"request_id", "output_image_base64"}
    assert response.json()["request_id"] == 5
    image = from_base64(response.json()["output_image_base64"])
    assert image.mode == "RGB"
    image.save(io.BytesIO(), "JPEG")
    assert service.request.seed == 11
    assert service.control.size == (service.request.width, service.request.height)
    for stage in ("queue", "canny", "generate", "encode"):
        assert f"{stage};dur=" in response.headers["server-timing"]


def test_generation_takes_a_data_url_with_line_breaks_and_any_integer_seed(service):
    text = in_base64(jpeg())
    wrapped = "data:image/jpeg;base64," + "\n".join(
        text[at : at + 76] for at in range(0, len(text), 76)
    )
    body = {"request_id": 1, "text": "", "input_image_base64": wrapped, "random_seed": -3}
    assert service.http.post("/generation", json=body).status_code == 200
    assert service.request.seed == 2**63 - 3


def test_generation_names_the_field_at_fault(service):
    body = {"request_id": 1, "text": "x", "input_image_base64": "%%%", "random_seed": 1}
    post = service.http.post
    assert_refused(post("/generation", json=body), 422, "invalid_field", "input_image_base64")
    body["input_image_base64"] = in_base64(b"no image")
    assert_refused(post("/generation", json=body), 415, "unsupported_image", "input_image_base64")
    body["request_id"] = "1"
    assert_refused(post("/generation", json=body), 422, "invalid_field", "request_id")
    del body["request_id"]
    assert_refused(post("/generation", json=body), 422, "invalid_field", "request_id")


# POST /v1/images/generations


def test_the_configured_defaults_fill_in(service):
    response = service.generate()
    assert response.status_code == 200
    body = response.json()
    assert body["size"] == "128x64" and body["output_format"] == "png"
    assert isinstance(body["created"], int)
    assert set(body["timings"]) == {"queue", "generate", "encode"}
    assert service.request.num_inference_steps == service.args.defaults.num_inference_steps


def test_everything_that_is_asked_for_reaches_the_stages(service):
    response = service.generate(
        n=2, size="64x96", seed=5, negative_prompt="blur", num_inference_steps=7,
        guidance_scale=2, controlnet_conditioning_scale=0.5, canny_low_threshold=10,
        canny_high_threshold=20, control_image=in_base64(jpeg()), upscale=4, caption=True,
        output_format="webp", output_compression=30, user="me", quality="high", new_field=1,
    )  # fmt: skip
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert [item["seed"] for item in data] == [5, 6]
    assert [item["caption"] for item in data] == ["a red circle"] * 2
    assert from_base64(data[0]["b64_json"]).format == "WEBP"
    assert response.json()["size"] == "512x256"
    request = service.request
    assert (request.width, request.height, request.num_inference_steps) == (64, 96, 7)
    assert (request.negative_prompt, request.guidance_scale) == ("blur", 2)
    assert request.controlnet_conditioning_scale == 0.5
    assert (service.control.low_threshold, service.control.high_threshold) == (10, 20)


def test_a_seed_is_made_and_told_where_none_is_given(service):
    seeds = {service.generate().json()["data"][0]["seed"] for _ in range(5)}
    assert len(seeds) == 5


def test_auto_size_keeps_the_shape_of_the_control_image(service):
    wide = in_base64(encoded(sketch(900, 300)))
    service.generate(control_image=wide, size="auto")
    width, height = service.request.width, service.request.height
    assert width % 8 == 0 and height % 8 == 0
    assert 2.5 < width / height < 3.5
    assert 0.7 < width * height / (128 * 64) < 1.4


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "100x100"}, "size"),
        ({"size": "4096x64"}, "size"),
        ({"size": "big"}, "size"),
        ({"size": "0x0"}, "size"),
        ({"model": "dall-e-3"}, "model"),
        ({"response_format": "url"}, "response_format"),
        ({"n": 5}, "n"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"negative_prompt": "x" * 2001}, "negative_prompt"),
        ({"upscale": 2}, "upscale"),
        ({"upscale": 4, "size": "1024x1024"}, "upscale"),
        ({"seed": 2**63 - 1, "n": 2}, "seed"),
        ({"control_image": in_base64(encoded(sketch(21, 1)))}, "control_image"),
    ],
)
def test_the_impossible_is_a_400_that_names_the_field(service, fields, param):
    assert_refused(service.generate(**fields), 400, param=param)
    assert not service.handles["generator"].calls


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"seed": "1"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"n": 0}, "n"),
        ({"upscale": 3}, "upscale"),
        ({"upscale": True}, "upscale"),
        ({"upscale": 4.0}, "upscale"),
        ({"guidance_scale": "high"}, "guidance_scale"),
        ({"output_format": "gif"}, "output_format"),
        ({"control_image": "***"}, "control_image"),
        ({"caption": "yes"}, "caption"),
    ],
)
def test_a_wrong_type_is_a_422_that_names_the_field(service, fields, param):
    assert_refused(service.generate(**fields), 422, "invalid_field", param)


def test_not_a_number_is_refused(service):
    for literal in ("NaN", "Infinity", "-Infinity"):
        content = f'{{"prompt": "x", "guidance_scale": {literal}}}'
        headers = {"content-type": "application/json"}
        assert_refused(
            service.http.post(GENERATIONS, content=content, headers=headers),
            422, "invalid_field", "guidance_scale",
        )  # fmt: skip


@pytest.mark.parametrize("content", ["{", "[1", "\xff"])
def test_broken_json_is_a_400(service, content):
    headers = {"content-type": "application/json"}
    assert_refused(service.http.post(GENERATIONS, content=content, headers=headers), 400)


def test_a_lone_surrogate_and_a_null_byte_do_no_harm(service):
    for text, status in (('"\\ud800"', 400), ('"a\\u0000b"', 200)):
        content = f'{{"prompt": {text}}}'
        response = service.http.post(
            GENERATIONS, content=content, headers={"content-type": "application/json"}
        )
        assert response.status_code == status


# single stages


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


def test_caption_is_plain_text(service):
    response = service.http.post("/caption", content=jpeg())
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "a red circle"


def test_classify_tells_a_label_and_the_probability_of_each(service):
    response = service.http.post("/v1/classify", content=jpeg())
    body = response.json()
    assert set(body) == {"label", "probabilities", "timings"}
    assert body["label"] == "circle"
    assert body["probabilities"] == {"circle": 0.75, "square": 0.25}
    assert "classify;dur=" in response.headers["server-timing"]


def test_canny_is_a_png_of_one_channel(service):
    response = service.http.post("/v1/canny?low_threshold=5&high_threshold=9", content=jpeg())
    assert response.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).mode == "L"
    assert (service.control.low_threshold, service.control.high_threshold) == (5, 9)


def test_upscale_answers_in_the_format_asked_for(service):
    response = service.http.post("/v1/upscale?scale=4&output_format=jpeg", content=jpeg())
    assert response.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("path", "content", "status", "param"),
    [
        ("/v1/captions", b"", 422, "image"),
        ("/caption", b"no image", 415, "image"),
        ("/v1/classify", b"no image", 415, "image"),
        ("/v1/canny?low_threshold=300", b"", 422, "low_threshold"),
        ("/v1/canny?low_threshold=9&high_threshold=5", None, 400, "low_threshold"),
        ("/v1/upscale?scale=3", None, 422, "scale"),
        ("/v1/upscale?scale=2", None, 400, "scale"),
    ],
)
def test_stage_refusals(service, path, content, status, param):
    content = jpeg() if content is None else content
    assert_refused(service.http.post(path, content=content), status, param=param)


def test_a_multipart_body_without_the_image_is_told_so(service):
    response = service.http.post("/v1/captions", files={"other": b"x"})
    assert_refused(response, 422, "invalid_field", "image")
    response = service.http.post("/v1/captions", json={"picture": "x"})
    assert_refused(response, 422, "invalid_field", "image")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    response = service.http.post("/v1/captions", content=b"--x\r\nbroken", headers=broken)
    assert response.status_code in (400, 422)
    assert set(response.json()) == {"error"}


# limits


def test_a_format_that_cannot_hold_the_side_is_refused_before_work():
    service = Service(max_upscale_pixels=10**8, max_aspect_ratio=100)
    wide = encoded(sketch(4100, 60))
    response = service.http.post("/v1/upscale?output_format=webp", content=wide)
    assert_refused(response, 400, param="output_format")


def test_limits_are_checked_before_work():
    service = Service(max_body_bytes=100_000, max_image_pixels=1000, max_upscale_pixels=600)
    assert_refused(service.http.post("/caption", content=b"x" * 100_001), 413, "body_too_large")
    chunks = (b"x" * 1000 for _ in range(101))  # no Content-Length
    assert_refused(service.http.post("/caption", content=chunks), 413, "body_too_large")
    assert_refused(service.http.post("/caption", content=jpeg()), 413, "image_too_large", "image")
    small = encoded(sketch(30, 30))
    assert_refused(service.http.post("/v1/upscale", content=small), 400, param="scale")
    assert not any(handle.calls for handle in service.handles.values())


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
    service.handles["captioner"]._answer = lambda picture: "not a result"
    response = service.http.post("/caption", content=jpeg())
    assert_refused(response, 500, "internal_error")
    assert "attribute" not in response.text
    assert "status=500" in caplog.messages[-1]


def test_docs_and_models(service):
    assert service.http.get("/docs").status_code == 200
    paths = service.http.get("/openapi.json").json()["paths"]
    assert {"/generation", GENERATIONS, "/v1/canny", "/caption", "/health"} <= set(paths)
    models = service.http.get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["demo"]


# Ray's proxy


def through_proxy(app):
    client = TestClient(proxy.ContractErrors(app), raise_server_exceptions=False)
    return client.get("/x", headers={"x-request-id": "abc"})


def test_a_lost_ingress_is_a_503_with_retry_after():
    async def silent(scope, receive, send):
        return None

    response = through_proxy(silent)
    assert_refused(response, 503, "stage_unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["x-request-id"] == "abc"


@pytest.mark.parametrize(("status", "expected"), [(408, 504), (404, 404), (429, 429), (500, 503)])
def test_plain_text_of_the_proxy_is_replaced(status, expected):
    from starlette.responses import PlainTextResponse

    assert_refused(through_proxy(PlainTextResponse("oops", status)), expected, code=None)


async def headers_behind_proxy(name, value):
    """What Serve, and the ingress behind it, get of a client's header."""
    seen = {}

    async def serve(scope, receive, send):
        seen.update((name, value.decode()) for name, value in scope["headers"])
        await JSONResponse({})(scope, receive, send)

    async def ignore(message):
        pass

    scope = {"type": "http", "path": "/x", "headers": [(name, value)]}
    await proxy.ContractErrors(serve)(scope, None, ignore)
    return seen


@pytest.mark.parametrize("request_id", [b"x" * 201, b"", b"a\tb", b"a\x1b[31m", b"\xe9\xff"])
async def test_a_request_id_that_is_unfit_for_logs_is_left_to_the_proxy(request_id):
    assert not await headers_behind_proxy(b"x-request-id", request_id)
    kept = await headers_behind_proxy(b"x-request-id", b"a b-1")
    assert kept == {b"x-request-id": "a b-1"}


async def test_headers_that_are_no_unicode_are_decoded_as_http_has_it():
    for value in (b"\xe9\xff", "éÿ".encode()):
        assert await headers_behind_proxy(b"user-agent", value) == {b"user-agent": "éÿ"}


def test_our_own_answers_pass_untouched(service):
    response = through_proxy(service.api)
    assert_refused(response, 404, "not_found")


# edits


def edit(service, files=None, **fields):
    files = {"image": encoded(sketch(64, 32))} if files is None else files
    return service.http.post("/v1/images/edits", files=files, data={"prompt": "a star"} | fields)


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_an_edit_starts_from_the_image(service, name):
    picture = encoded(sketch(64, 32))
    response = edit(
        service, {name: picture}, strength="0.5", n="2", num_inference_steps="7", caption="true",
        unknown="ignored", seed="",
    )  # fmt: skip
    assert response.status_code == 200, response.text
    assert len(response.json()["data"]) == 2
    assert response.json()["data"][0]["caption"] == "a red circle"
    request = service.request
    assert (request.image, request.strength, request.num_inference_steps) == (picture, 0.5, 7)
    assert (request.width, request.height) == (128, 64)
    assert not service.handles["canny"].calls


def test_an_edit_along_edges(service):
    files = {"image": encoded(sketch(64, 32)), "control_image": jpeg()}
    assert edit(service, files, size="64x64").status_code == 200
    assert service.control.image == files["control_image"]
    assert service.request.image == files["image"]
    assert edit(service, control_image=in_base64(jpeg())).status_code == 200
    assert service.control.image == jpeg()


@pytest.mark.parametrize(
    ("files", "fields", "status", "param"),
    [
        ({"image": b""}, {}, 422, "image"),
        ({"other": b"x"}, {}, 422, "image"),
        ({"image": b"no image"}, {}, 415, "image"),
        ({"image": encoded(sketch(64, 32)), "mask": jpeg()}, {}, 400, "mask"),
        (None, {"strength": "2"}, 422, "strength"),
        (None, {"n": "many"}, 422, "n"),
        (None, {"n": "99"}, 400, "n"),
        (None, {"control_image": "not base64!"}, 422, "control_image"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_by_its_field(service, files, fields, status, param):
    assert_refused(edit(service, files, **fields), status, param=param)


def test_two_images_or_no_form_are_no_edit(service):
    two = [("image", encoded(sketch(64, 32)))] * 2
    assert_refused(edit(service, two), 400, param="image")
    assert_refused(service.http.post("/v1/images/edits", json={"prompt": "x"}), 422, param="image")


# streams


def events_of(response):
    """(name, data) of each event; the name is None for an error."""
    found = []
    for block in response.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), json.loads(lines["data"])))
    return found


def test_a_stream_shows_previews_and_ends_with_the_image(service):
    response = service.generate(stream=True, partial_images=1, seed=7, output_format="jpeg")
    assert response.headers["content-type"].startswith("text/event-stream")
    (partial, preview), (completed, image) = events_of(response)
    assert partial == preview["type"] == "image_generation.partial_image"
    assert set(preview) >= {
        "b64_json", "created_at", "size", "quality", "background", "output_format",
        "partial_image_index", "step", "num_inference_steps", "eta_s", "seed",
    }  # fmt: skip
    assert completed == image["type"] == "image_generation.completed"
    assert image["usage"]["total_tokens"] == 0 and image["seed"] == 7
    assert from_base64(image["b64_json"]).format == "JPEG"
    terms = service.handles["generator"].calls[-1][1]
    assert terms.partial_images == 1 and not terms.every_step


def test_a_stream_tells_every_step_to_who_asks(service):
    kinds = [kind for kind, _ in events_of(service.generate(stream=True, progress=True, n=2))]
    assert sorted(set(kinds)) == [
        "image_generation.completed",
        "image_generation.partial_image",
        "image_generation.progress",
    ]
    assert kinds.count("image_generation.completed") == 2


def test_an_edit_streams_under_its_own_name(service):
    kinds = [kind for kind, _ in events_of(edit(service, stream="true"))]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"]


def test_what_is_refused_before_a_stream_begins_has_a_status(service):
    assert_refused(service.generate(stream=True, n=99), 400, param="n")
    truncated = in_base64(jpeg()[:5000])
    service.handles["canny"]._answer = lambda request: errors.InvalidImage("truncated")
    response = service.generate(stream=True, control_image=truncated)
    assert_refused(response, 400, "invalid_image", "control_image")


def test_an_error_in_a_stream_is_its_last_event(service):
    service.handles["captioner"]._answer = lambda picture: errors.StageFailed("it failed")
    response = service.generate(stream=True, caption=True)
    assert response.status_code == 200
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "stage_failed"


@pytest.mark.parametrize("failing", ["generator", "captioner"])
def test_a_stage_that_raises_ends_a_stream_with_an_error(service, failing):
    """By gRPC its exception comes bare."""

    def broken(*args):
        raise RuntimeError("out of memory")

    handle = service.handles[failing]
    handle._answer, handle._grpc = broken, True
    response = service.generate(stream=True, caption=True)
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "stage_failed"
    assert "out of memory" not in response.text


def test_a_mistake_of_ours_ends_a_stream_with_an_error(service, caplog):
    service.handles["captioner"]._answer = lambda picture: None
    response = service.generate(stream=True, caption=True)
    name, data = events_of(response)[-1]
    assert name is None and data["error"]["code"] == "internal_error"
    assert caplog.text.count("Traceback") == 1


def test_deadline_and_priority_reach_the_engine(service):
    service.generate(deadline_ms=5000, priority=3)
    terms = service.handles["generator"].calls[-1][1]
    assert 4.5 < terms.finish_by - time.time() <= 5 and terms.priority == 3
    service.handles["generator"]._answer = lambda *_: errors.DeadlineUnmet("late").after(7)
    response = service.generate(deadline_ms=5000)
    assert_refused(response, 429, "deadline_unmet")
    assert response.headers["retry-after"] == "7"


def test_a_png_carries_its_parameters(service):
    made = service.generate(seed=7, negative_prompt="größe 星", num_inference_steps=9, n=2)
    for image, seed in zip(made.json()["data"], (7, 8), strict=True):
        text = from_base64(image["b64_json"]).text["parameters"]
        assert text.startswith("a red circle\nNegative prompt: größe 星\nSteps: 9, Sampler: ddim")
        assert f"Seed: {seed}, Size: 128x64, Model: demo" in text
    assert (
        "parameters"
        in from_base64(events_of(service.generate(stream=True))[-1][1]["b64_json"]).text
    )


def test_a_switch_leaves_the_parameters_out():
    service = Service(settings={"embed_parameters": False})
    assert not from_base64(service.generate().json()["data"][0]["b64_json"]).text


def test_guidance_ends_early_only_where_edges_steer():
    defaults = {"width": 128, "height": 64, "guidance_end": 0.4}
    service = Service(settings={"defaults": defaults})
    service.generate(control_image=in_base64(jpeg()))
    assert service.request.guidance_end == 0.4
    service.generate()
    assert service.request.guidance_end == 1.0, "guidance alone composes the picture"
    service.generate(guidance_end=0.7)
    assert service.request.guidance_end == 0.7
