"""Fields that nothing looks at: what is said of them, on every route that takes requests."""

import time

import pytest

from serve_app.ingress.openai.schema import ImageEdit
from serve_app.ingress.schema import ImageRequest
from serve_app.ingress.unknown_fields import _OTHER_NAMES, HEADER, warnings_of
from tests.images import encoded, in_base64, sketch
from tests.service import EDITS, Service, assert_refused, events_of

KNOWN = ImageRequest.model_fields.keys()
IMAGE = encoded(sketch(64, 32))
STENGTH = "unknown field 'stength': did you mean 'strength'?"
STRICT = {"Prefer": "handling=strict"}


def said(*names, known=KNOWN, **more):
    return warnings_of(names, known, **more)[1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stength", "did you mean 'strength'?"),
        ("num_inference_step", "did you mean 'num_inference_steps'?"),
        ("numInferenceSteps", "did you mean 'num_inference_steps'?"),
        ("Negative-Prompt", "did you mean 'negative_prompt'?"),
        ("steps", "here it is 'num_inference_steps'"),
        ("cfg_scale", "here it is 'guidance_scale'"),
        ("cfg", "here it is 'guidance_scale'"),
        ("scale", "here it is 'guidance_scale'"),
        ("sampler_name", "here it is 'sampler'"),
        ("width", "here it is 'size'"),
        ("batch_size", "here it is 'n'"),
        ("denoising_strength", "here it is 'strength'"),
        ("random_seed", "here it is 'seed'"),
        ("init_images", "a form to /v1/images/edits"),
        ("loras", "is ignored"),
        ("a" * 5000, f"'{'a' * 60}' is ignored"),
        ("größe\n", r"'gr\xf6\xdfe\n' is ignored"),
    ],
)
def test_a_hint(name, words):
    (line,) = said(name)
    assert line.startswith("unknown field '") and line.endswith(words)
    assert line.isascii() and line.isprintable()


def test_openais_own_fields_are_not_unknown():
    for name in ("quality", "style", "moderation", "input_fidelity"):
        assert warnings_of([name], KNOWN) == ([], [f"field {name!r} has no effect here"])
    assert warnings_of(["user", "background", "model"], KNOWN) == ([], [])


def test_every_other_name_leads_to_a_field_and_is_none_itself():
    fields = {*ImageEdit.model_fields, "mask_image"}
    for ours in list(_OTHER_NAMES)[: list(_OTHER_NAMES).index("text")]:
        assert ours in fields
        assert not fields & set(_OTHER_NAMES[ours]), ours


def test_any_number_of_them_takes_no_time():
    began = time.perf_counter()
    unknown, told = warnings_of([f"num_inference_{n}" for n in range(10_000)], KNOWN)
    assert time.perf_counter() - began < 1
    assert len(unknown) == 10_000 and len(told) == 11 and told[-1] == "and 9990 more fields"


def test_an_answer_says_what_it_did_not_look_at(service):
    answer = service.generate(stength=0.5, quality="hd", user="me", steps=None)
    assert answer.json()["warnings"] == [STENGTH, "field 'quality' has no effect here"]
    assert answer.headers[HEADER] == f"{STENGTH}; field 'quality' has no effect here"
    answer = service.generate(strength=0.5)
    assert answer.json()["warnings"] == [] and HEADER not in answer.headers


def test_a_stream_says_so_in_its_last_event(service):
    answer = service.generate(stength=0.5, stream=True, partial_images=1)
    events = [event for _, event in events_of(answer)]
    assert [event.get("warnings") for event in events][-1] == [STENGTH]
    assert answer.headers[HEADER] == STENGTH


def test_forms(service):
    files = {"image": IMAGE, "maks": IMAGE}
    answer = service.edit(files, cfg_scale="3", input_fidelity="high", steps="", user="me")
    assert answer.json()["warnings"] == [
        "unknown field 'cfg_scale': here it is 'guidance_scale'",
        "field 'input_fidelity' has no effect here",
        "unknown field 'maks': did you mean 'mask'?",
    ]
    sent = {"data": {"prompt": "a star", "n": "1"}, "files": {"image[]": IMAGE}}
    answer = service.http.post("/v1/images/variations", **sent)
    assert answer.json()["warnings"] == ["field 'prompt' has no effect here"]


def test_the_route_of_four_fields(service):
    body = {"request_id": 1, "text": "x", "input_image_base64": in_base64(IMAGE), "random_seed": 1}
    answer = service.http.post("/generation", json=body)
    assert set(answer.json()) == {"request_id", "output_image_base64"}
    answer = service.http.post("/generation", json=body | {"seed": 3, "steps": 9})
    hints = ["unknown field 'seed': here it is 'random_seed'", "unknown field 'steps' is ignored"]
    assert answer.json()["warnings"] == hints and answer.headers[HEADER] == "; ".join(hints)
    refused = service.http.post("/generation", json=body | {"seed": 3}, headers=STRICT)
    assert_refused(refused, 422, "unknown_field", "seed")


def test_a_job_says_so_in_its_result():
    service = Service(settings={"jobs": {}})
    with service.http:
        queued = service.later(stength=0.5)
        assert (queued.status_code, queued.headers[HEADER]) == (202, STENGTH)
        done = service.job_done(queued.json()["id"])
        assert done["result"]["warnings"] == [STENGTH]
        both = service.later({"Prefer": "respond-async, handling=strict"})
        assert both.status_code == 202
        applied = both.headers.get_list("preference-applied")
        assert applied == ["respond-async", "handling=strict"]
        refused = service.later({"Prefer": "respond-async, handling=strict"}, stength=0.5)
        assert_refused(refused, 422, "unknown_field", "stength")


def test_strict_handling_refuses_and_names_them_all(service):
    body = {"prompt": "x", "stength": 1, "steps": 3, "quality": "hd"}
    refused = service.http.post("/v1/images/generations", json=body, headers=STRICT)
    assert_refused(refused, 422, "unknown_field", "stength")
    message = refused.json()["error"]["message"]
    assert STENGTH in message and "'num_inference_steps'" in message
    assert refused.headers["preference-applied"] == "handling=strict"
    assert not service.handles["generator"].calls
    answer = service.http.post(
        "/v1/images/generations", json={"prompt": "x", "quality": "hd"}, headers=STRICT
    )
    assert answer.status_code == 200, "OpenAI's own fields are known"
    assert answer.headers["preference-applied"] == "handling=strict"
    form = {"files": {"image": IMAGE}, "data": {"prompt": "x", "steps": "3"}}
    assert_refused(service.http.post(EDITS, headers=STRICT, **form), 422, "unknown_field", "steps")


@pytest.mark.parametrize(
    ("path", "sent", "words"),
    [
        ("/v1/upscale?scal=2", {"content": IMAGE}, ["'scal': did you mean 'scale'?"]),
        ("/v1/canny?low=3", {"content": IMAGE}, ["'low': here it is 'low_threshold'"]),
        (
            "/v1/upscale",
            {"files": {"image": IMAGE}, "data": {"scale": "4"}},
            ["'scale': it is a parameter of the query, ?scale=..."],
        ),
        (
            "/v1/canny",
            {"json": {"image": in_base64(IMAGE), "low_threshold": 3}},
            ["'low_threshold': it is a parameter of the query, ?low_threshold=..."],
        ),
        ("/caption?lang=de", {"content": IMAGE}, ["'lang' is ignored"]),
        ("/v1/captions?lang=de", {"content": IMAGE}, ["'lang' is ignored"]),
        ("/v1/classify?top=3", {"content": IMAGE}, ["'top' is ignored"]),
    ],
)
def test_single_stages_say_so_in_a_header(service, path, sent, words):
    answer = service.http.post(path, **sent)
    assert answer.status_code == 200, answer.text
    wanted = [f"unknown field {each}" for each in words]
    assert answer.headers[HEADER] == "; ".join(wanted)
    if answer.headers["content-type"] == "application/json":
        assert answer.json()["warnings"] == wanted
    refused = service.http.post(path, headers=STRICT, **sent)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unknown_field")


def test_a_page_of_another_origin_may_read_the_header():
    service = Service(settings={"cors_origins": ["https://studio.example"]})
    answer = service.http.get("/health", headers={"Origin": "https://studio.example"})
    assert HEADER in answer.headers["access-control-expose-headers"]
