"""Every error has one shape."""

import json

import pytest

from serve_app import errors
from serve_app.ingress import problems
from tests.images import jpeg
from tests.service import Service, assert_refused


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
    service.handles["captioner"].answer = lambda picture: "not a result"
    response = service.http.post("/caption", content=jpeg())
    assert_refused(response, 500, "internal_error")
    assert "attribute" not in response.text
    assert "status=500" in caplog.messages[-1]


# without the API


def body(response):
    return json.loads(response.body)["error"]


@pytest.mark.parametrize("kind", sorted(problems.STATUS, key=lambda kind: kind.__name__))
def test_every_error_has_its_status_and_its_code(kind):
    response = problems.problem(kind("why").about("image"))
    assert response.status_code == problems.STATUS[kind]
    assert body(response)["code"] == kind.code
    assert (body(response)["message"], body(response)["param"]) == ("image: why", "image")
    retryable = issubclass(kind, errors.Retryable)
    assert ("retry-after" in response.headers) == retryable


def test_an_error_without_a_status_of_its_own_has_its_parents():
    assert problems.problem(errors.UnknownModel("x")).status_code == 400
    assert problems.problem(errors.InvalidImage("x")).status_code == 400


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (errors.InvalidRequest, "invalid_request_error"),
        (errors.Unauthorized, "authentication_error"),
        (errors.Forbidden, "permission_error"),
        (errors.QueueFull, "rate_limit_error"),
        (errors.StageUnavailable, "server_error"),
    ],
)
def test_types_are_openais(kind, type_):
    assert body(problems.problem(kind("x")))["type"] == type_
    assert problems.body_of(kind("x"))["error"]["type"] == type_


@pytest.mark.parametrize(
    ("detail", "kind", "param"),
    [
        ({"type": "json_invalid", "loc": ("body", 1), "msg": "x"}, errors.InvalidRequest, None),
        ({"type": "dict_type", "loc": ("body",), "msg": "x"}, errors.InvalidField, None),
        ({"type": "missing", "loc": ("body", "prompt"), "msg": "x"}, errors.InvalidField, "prompt"),
        ({"type": "int", "loc": ("query", "scale"), "msg": "x"}, errors.InvalidField, "scale"),
        ({"type": "int", "loc": ("body", "a", 3), "msg": "x"}, errors.InvalidField, "a.3"),
    ],
)
def test_the_first_validation_error_names_its_field(detail, kind, param):
    error = problems.invalid_field([detail, {"type": "other", "loc": (), "msg": ""}])
    assert type(error) is kind and error.param == param


@pytest.mark.parametrize(
    ("path", "shape"), [("/v1/x", dict), ("/v2", str), ("/v2/x", str), ("/v20", dict)]
)
async def test_under_v2_an_error_is_its_words_alone(path, shape):
    sent = []

    async def send(message):
        sent.append(message)

    await problems.problem(errors.StageFailed("why"))({"type": "http", "path": path}, None, send)
    start, end = sent
    assert isinstance(json.loads(end["body"])["error"], shape)
    assert dict(start["headers"])[b"content-length"] == str(len(end["body"])).encode()


def test_openais_clients_are_told_not_to_retry_what_took_too_long():
    assert problems.problem(errors.TimedOut("late")).headers["X-Should-Retry"] == "false"
    assert "X-Should-Retry" not in problems.problem(errors.QueueFull("full")).headers


def test_a_405_names_every_method_that_the_path_takes(service):
    assert service.http.put("/v1/jobs/1").headers["allow"] == "DELETE, GET"
    assert service.http.delete("/v1/status").headers["allow"] == "GET"
    assert service.http.get("/v1/images/generations").headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("message", "param", "told"),
    [
        ("too long", None, "too long"),
        ("too long", "prompt", "prompt: too long"),
        ("the image is corrupt", "image", "the image is corrupt"),
        ("the image is corrupt", "control_image", "control_image: the image is corrupt"),
        ("10 images", "n", "n: 10 images"),
        ("not a list", "a.b.args", "a.b.args: not a list"),
    ],
)
def test_every_message_names_its_field(message, param, told):
    error = errors.InvalidRequest(message).about(param)
    assert problems.told(error) == problems.body_of(error)["error"]["message"] == told


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (60, "; sent: 60"),
        (True, "; sent: true"),
        ("much", '; sent: "much"'),
        ("much" * 20, None),
        ([1], None),
        ({"secret": 1}, None),
    ],
)
def test_what_was_sent_is_told_if_it_is_short(sent, words):
    detail = {"type": "float_type", "loc": ("body", "guidance_scale"), "msg": "No", "input": sent}
    message = str(problems.invalid_field([detail]))
    assert message == f"guidance_scale: No{words or ''}"


def test_a_number_that_python_does_not_write():
    detail = {"type": "int_type", "loc": ("body", "n"), "msg": "No", "input": 10**6000}
    assert str(problems.invalid_field([detail])) == "n: No"
