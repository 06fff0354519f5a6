"""Traces and logs in JSON of a service of its own: one request's spans, and what its lines say."""

import base64
import json
import re
from pathlib import Path

import pytest

from loadtest.collector import collecting
from tests.e2e.conftest import ROOT, START_LIMIT_S, await_true, started
from tests.images import encoded, sketch

LOGS = Path("/tmp/ray/session_latest/logs/serve")
CLIENT = "00f067aa0ba902b7"
TRACED, STREAMED, UNSAMPLED, REFUSED = "a" * 32, "b" * 32, "c" * 32, "d" * 32
STAGES = {
    "Canny": ["queue canny", "canny"],
    "Generator": ["queue generate", "denoise", "queue decode", "decode"],
    "Upscaler": ["queue upscale", "upscale"],
    "Captioner": ["queue caption", "caption"],
}
CALLS = {"canny": "Canny", "generate": "Generator", "upscale": "Upscaler", "caption": "Captioner"}
STEPS = 15


@pytest.fixture(scope="module")
def collector():
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(tmp_path_factory, collector):
    folder = tmp_path_factory.mktemp("traced")
    config = (ROOT / "serve_config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("encoding: TEXT", "encoding: JSON"))
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with started(folder, folder / "config.yaml", **settings) as running:
        running.await_healthy(START_LIMIT_S)
        yield running


def generate(service, trace, sampled=True, **fields):
    control = base64.b64encode(encoded(sketch(128, 128))).decode()
    body = {"prompt": "a red circle", "control_image": control, "upscale": 2, "caption": True}
    return service.post(
        "/v1/images/generations",
        json=body | fields,
        headers={"traceparent": f"00-{trace}-{CLIENT}-{sampled:02d}"},
    )


def spans_of(collector, trace, last="proxy_http_request"):
    """By name, once its last one has come and nothing more does."""
    await_true(lambda: any(s.name.startswith(last) for s in collector.trace(trace)), 20)
    seen = [-1, -2]
    await_true(lambda: seen.append(len(collector.trace(trace))) or len({*seen[-3:]}) == 1, 20)
    return collector.trace(trace)


@pytest.fixture(scope="module")
def plain(traced, collector):
    response = generate(traced, TRACED)
    assert response.status_code == 200, response.text
    return response, spans_of(collector, TRACED)


def the(spans, name):
    (found,) = [span for span in spans if span.name == name]
    return found


def assert_tree(spans, method):
    ids = {span.id: span for span in spans}
    assert len(ids) == len(spans)
    proxy = the(spans, "proxy_http_request Ingress POST /v1/images/generations")
    assert proxy.parent == CLIENT
    assert [span for span in spans if span.parent not in ids] == [proxy]
    ingress = the(spans, "replica_handle_request Ingress __call__")
    route = the(spans, "route_to_replica Ingress __call__")
    assert (ingress.parent, route.parent) == (route.id, proxy.id)
    for stage, deployment in CALLS.items():
        called = method if deployment == "Generator" else "__call__"
        replica = the(spans, f"replica_handle_request {deployment} {called}")
        route = the(spans, f"route_to_replica {deployment} {called}")
        call = the(spans, f"call {stage}")
        assert (replica.parent, route.parent) == (route.id, call.id)
        assert call.parent == ingress.id
        below = [span.name for span in spans if span.parent == replica.id]
        assert below == STAGES[deployment]
        # Of the clocks of different processes of one machine; a stream's replica ends by itself
        # after its last item was taken.
        later_s = 1.0 if called == "stream" else 0.001
        assert call.began <= replica.began + 0.001 and replica.ended <= call.ended + later_s
    encode = the(spans, "encode")
    assert encode.parent == ingress.id
    assert len(spans) == 3 + 3 * len(CALLS) + sum(map(len, STAGES.values())) + 1


def assert_steps(spans):
    denoise = the(spans, "denoise")
    assert all(
        name == "step" and denoise.began < at <= denoise.ended for name, at, _ in denoise.events
    )
    steps = [(more["image.step"], more["image.batch_size"]) for _, _, more in denoise.events]
    assert steps == [(1, 1), (STEPS, 1)]
    assert denoise.attributes["image.steps"] == STEPS


def test_one_request_is_one_trace_from_the_clients_span_down(plain):
    response, spans = plain
    assert_tree(spans, "__call__")
    assert_steps(spans)
    assert response.headers["traceresponse"].split("-")[1] == TRACED
    assert not any(span.failed for span in spans)
    assert "red" not in str(spans)


def test_its_times_are_those_of_server_timing(plain):
    response, spans = plain
    entries = re.findall(r"(\w+);dur=([\d.]+)", response.headers["Server-Timing"])
    told = {name: float(ms) for name, ms in entries}
    ms = {span.name: 1000 * span.seconds for span in spans}
    generate = 1000 * (the(spans, "decode").ended - the(spans, "denoise").began)
    waited = sum(ms[f"queue {stage}"] for stage in CALLS)
    shown = {"queue": waited, "generate": generate}
    shown |= {name: ms[name] for name in ("canny", "upscale", "caption", "encode")}
    assert shown == pytest.approx(told, rel=0.05, abs=5)


def test_a_stream_has_the_same_spans(traced, collector):
    response = generate(traced, STREAMED, stream=True)
    assert ".completed" in response.text and STREAMED in response.headers["traceresponse"]
    spans = spans_of(collector, STREAMED)
    assert_tree(spans, "stream")
    assert_steps(spans)


def test_what_its_client_does_not_sample_leaves_no_span(traced, collector):
    response = generate(traced, UNSAMPLED, sampled=False)
    assert response.status_code == 200 and "traceresponse" not in response.headers
    before = len(collector.bodies)
    # A later request's spans have come from every process, so its own would have.
    spans_of(collector, generate(traced, "e" * 32).headers["traceresponse"].split("-")[1])
    assert len(collector.bodies) > before and not collector.trace(UNSAMPLED)


def test_a_refused_image_is_an_error_by_its_code(traced, collector):
    sampled = {"traceparent": f"00-{REFUSED}-{CLIENT}-01"}
    response = traced.post("/v1/captions", data=b"no image", headers=sampled)
    assert response.status_code == 415
    spans = spans_of(collector, REFUSED)
    failed = the(spans, "proxy_http_request Ingress POST /v1/captions")
    assert failed.failed and failed.attributes["http.status_code"] == 415


def test_polls_are_not_traced(traced, collector):
    traced.get("/health")
    assert b"/health" not in b"".join(collector.bodies)


def test_every_line_of_serves_logs_is_json_with_its_origin(plain, traced):
    files = sorted(LOGS.glob("*.log"))
    kinds = {path.name.split("_")[0] for path in files}
    assert {"controller", "proxy", "replica"} <= kinds
    for path in files:
        for line in path.read_text().splitlines():
            fields = json.loads(line)
            assert {"asctime", "levelname", "message", "component_name"} <= set(fields), path
            if path.name.startswith("replica"):
                assert fields["deployment"].startswith("images_") and fields["replica"]


def test_lines_of_a_request_name_it_and_its_trace_and_their_fields(plain, traced):
    response, _ = plain
    text = "".join(path.read_text() for path in LOGS.glob("replica_*.log"))
    lines = [json.loads(line) for line in text.splitlines()]
    ours = [line for line in lines if line.get("trace_id") == TRACED]
    assert {line["request_id"] for line in ours} == {response.headers["X-Request-ID"]}
    assert {"denoised", "generated", "response"} <= {
        line["event"] for line in ours if "event" in line
    }
    (denoised,) = [line for line in ours if line.get("event") == "denoised"]
    assert denoised["steps"] == STEPS and denoised["deployment"] == "images_Generator"
    assert isinstance(denoised["run"], float)
    assert f"trace_id={TRACED}" in denoised["message"]
