"""The spans of a traced request, and that nothing happens without one."""

import asyncio
import importlib.metadata
import logging
import sys
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from ray.serve._private.tracing_utils import TRACE_STACK, get_trace_context

from serve_app import tracing
from serve_app.errors import InvalidImage, StageFailed
from serve_app.messages import StageReport

REPORT = StageReport("caption", queue_s=0.2, run_s=0.5, batch_size=3)


@pytest.fixture
def sent(monkeypatch):
    """The spans that are over, with traces on."""
    provider, exported = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    monkeypatch.setattr(tracing, "is_tracing_enabled", lambda: True)
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("test"))
    return exported.get_finished_spans


@pytest.fixture
def request_span(sent):
    """As Serve opens one around a call to a replica."""
    with tracing._tracer().start_as_current_span("replica") as span:
        yield span


def seconds(span):
    return (span.end_time - span.start_time) / 1e9


def test_a_stage_leaves_its_wait_and_its_run_below_the_replicas_span(request_span, sent):
    arrived = time.monotonic() - 1
    tracing.record_stage(REPORT, arrived)
    waited, ran = sent()
    assert (waited.name, ran.name) == ("queue caption", "caption")
    assert [seconds(waited), seconds(ran)] == pytest.approx([0.2, 0.5], abs=1e-5)
    assert waited.end_time == pytest.approx(ran.start_time, abs=1e4)
    assert waited.start_time / 1e9 == pytest.approx(time.time() - 1, abs=0.2)
    assert ran.attributes == {"image.batch_size": 3}
    assert {span.parent.span_id for span in sent()} == {request_span.get_span_context().span_id}


def test_an_error_is_named_by_its_kind_and_its_words_stay_out(request_span, sent):
    tracing.record_stage(REPORT, time.monotonic(), InvalidImage("of a red circle"))
    tracing.record("denoise", 0.0, 1.0, error=KeyError("red"))
    (_, ran, other) = sent()
    assert ran.attributes["error.type"] == InvalidImage.code
    assert other.attributes["error.type"] == "KeyError"
    assert not ran.status.is_ok and not ran.events and "red" not in ran.to_json()


def test_events_stand_at_their_moments(request_span, sent):
    now = time.monotonic()
    tracing.record("denoise", now - 1, now, events=[("step", now - 0.5, {"image.step": 4})])
    (span,) = sent()
    (event,) = span.events
    assert (event.timestamp - span.start_time) / 1e9 == pytest.approx(0.5, abs=1e-3)
    assert event.attributes == {"image.step": 4}


async def test_calls_at_the_same_time_have_spans_and_open_spans_of_their_own(request_span, sent):
    TRACE_STACK.set([request_span])

    def remote():
        return trace.get_current_span(get_trace_context()), TRACE_STACK.get()

    async def call(stage):
        with tracing.calling(stage) as begin:
            found = begin(remote)
            await asyncio.sleep(0)
            return found

    (one, its), (other, others) = await asyncio.gather(call("upscale"), call("caption"))
    assert (one.name, other.name) == ("call upscale", "call caption")
    assert its == others == [] and its is not others
    assert trace.get_current_span() is request_span and TRACE_STACK.get() == [request_span]
    assert {span.parent.span_id for span in sent()} == {request_span.get_span_context().span_id}


def test_a_failed_call_says_so_and_raises(request_span, sent):
    with pytest.raises(StageFailed), tracing.calling("upscale"):
        raise StageFailed("no")
    (span,) = sent()
    assert span.attributes["error.type"] == StageFailed.code


async def test_a_stream_may_be_closed_in_another_context(request_span, sent):
    async def streaming():
        with tracing.calling("generate") as begin:
            begin(lambda: None)
            yield 1

    items = streaming()
    await asyncio.create_task(anext(items))
    await asyncio.create_task(items.aclose())
    assert [span.name for span in sent()] == ["call generate"]


def test_the_trace_has_a_name_for_logs_and_clients(request_span):
    context = request_span.get_span_context()
    assert int(tracing.trace_id(), 16) == context.trace_id
    assert tracing.response_header() == f"00-{tracing.trace_id()}-{context.span_id:016x}-01"
    line = logging.makeLogRecord({})
    assert tracing._name_trace(line) and line.trace_id == tracing.trace_id()


def everything():
    tracing.record_stage(REPORT, 0.0)
    tracing.record("encode", 0.0, 1.0)
    with tracing.calling("caption") as begin:
        assert begin(lambda: 7) == 7
    assert tracing.trace_id() is None and tracing.response_header() is None
    line = logging.makeLogRecord({})
    assert tracing._name_trace(line) and not hasattr(line, "trace_id")


def test_a_request_that_is_not_sampled_leaves_nothing(sent):
    unsampled = trace.NonRecordingSpan(trace.SpanContext(1, 1, True, trace.TraceFlags(0)))
    with trace.use_span(unsampled):
        everything()
    everything()
    assert sent() == ()


def test_off_is_free_of_spans(request_span, sent, monkeypatch):
    monkeypatch.setattr(tracing, "is_tracing_enabled", lambda: False)
    everything()
    assert sent() == ()


@pytest.fixture
def set_providers(monkeypatch):
    given = []
    monkeypatch.setattr(trace, "set_tracer_provider", given.append)
    yield given
    logging.getLogger("ray.serve").removeFilter(tracing._name_trace)


def test_only_the_proxy_decides_what_is_traced(set_providers, monkeypatch):
    for processor in tracing.exporter():
        processor.shutdown()
    assert not set_providers
    monkeypatch.setattr(tracing, "_in_replica", lambda: True)
    for processor in tracing.exporter():
        processor.shutdown()
    (provider,) = set_providers
    tracer = provider.get_tracer("test")
    assert not tracer.start_span("alone").is_recording()
    for flags, recorded in ((0, False), (1, True)):
        parent = trace.NonRecordingSpan(trace.SpanContext(1, 1, True, trace.TraceFlags(flags)))
        span = tracer.start_span("child", trace.set_span_in_context(parent))
        assert span.is_recording() is recorded


def test_without_its_package_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(RuntimeError, match=r"requirements-tracing\.txt"):
        tracing.exporter()


def test_the_package_is_of_the_sdks_version():
    names = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
    assert len({importlib.metadata.version(name) for name in names}) == 1
