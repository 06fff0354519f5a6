"""Traces by OpenTelemetry, through Ray Serve's own hook; off unless an OTLP endpoint is named.

Serve makes the spans of the proxy, of finding a replica and of each call inside a replica, and
carries the trace from one to the next. Here are what sends them (`exporter`), and the spans of what
a stage does: its wait, its batch. While traces are off, everything here is one comparison.

Neither prompts nor images get in.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from ray import serve
from ray.serve._private.tracing_utils import TRACE_STACK, is_tracing_enabled
from ray.serve.exceptions import RayServeException

from serve_app.messages import StageReport

BATCH_SIZE = "image.batch_size"

Event = tuple[str, float, dict[str, int]]
"""A name, the moment by `time.monotonic`, and attributes."""


def exporter() -> list[SpanProcessor]:
    """What Serve's variable RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH names: spans leave by OTLP over
    HTTP, as OpenTelemetry's own variables say. Called once in each proxy and replica.

    Raises RuntimeError where the package for that is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise RuntimeError(
            "traces need the packages of requirements-tracing.txt (or set OTEL_SDK_DISABLED=true)"
        ) from error
    logging.getLogger("ray.serve").addFilter(_name_trace)
    if _in_replica():
        _leave_sampling_to_the_proxy()
    return [BatchSpanProcessor(OTLPSpanExporter())]


def trace_id() -> str | None:
    """Of the request that this code runs for, in hexadecimal; None where that is not traced."""
    context = _sampled()
    return trace.format_trace_id(context.trace_id) if context else None


def response_header() -> str | None:
    """The value of `traceresponse` (W3C Trace Context, level 2): a `traceparent` for the client."""
    context = _sampled()
    if context is None:
        return None
    span_id = trace.format_span_id(context.span_id)
    return f"00-{trace.format_trace_id(context.trace_id)}-{span_id}-01"


@contextmanager
def calling(stage: str) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """A span around a call to a stage. Gives what begins the call, as its child."""
    if _sampled() is None:
        yield _plainly
        return
    span = _tracer().start_span(f"call {stage}", kind=trace.SpanKind.CLIENT)
    try:
        yield partial(_inside, span)
    except (Exception, asyncio.CancelledError) as error:
        _mark(span, error)
        raise
    finally:
        span.end()


def record(
    name: str,
    began: float,
    ended: float,
    attributes: dict[str, Any] | None = None,
    error: BaseException | None = None,
    events: Iterable[Event] = (),
) -> None:
    """A span that is over, of the request that this code runs for; times by `time.monotonic`."""
    if _sampled() is None:
        return
    unix_ns = time.time_ns() - time.monotonic_ns()
    span = _tracer().start_span(name, start_time=unix_ns + int(began * 1e9), attributes=attributes)
    for event, moment, more in events:
        span.add_event(event, more, unix_ns + int(moment * 1e9))
    if error:
        _mark(span, error)
    span.end(unix_ns + int(ended * 1e9))


def record_stage(report: StageReport, arrived: float, error: BaseException | None = None) -> None:
    """The spans of one item in a stage that is done with it: its wait, and the run of its batch."""
    if _sampled() is None:
        return
    started = arrived + report.queue_s
    record(f"queue {report.stage}", arrived, started)
    size = {BATCH_SIZE: report.batch_size}
    record(report.stage, started, started + report.run_s, size, error)


def _sampled() -> trace.SpanContext | None:
    if not is_tracing_enabled():
        return None
    context = trace.get_current_span().get_span_context()
    return context if context.trace_flags.sampled else None


def _tracer() -> trace.Tracer:
    return trace.get_tracer("serve_app")


def _mark(span: trace.Span, error: BaseException) -> None:
    """By the error's kind alone: its message may hold the client's words."""
    span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
    span.set_status(trace.StatusCode.ERROR)


def _plainly(remote: Callable[[], Any]) -> Any:
    return remote()


def _inside(span: trace.Span, remote: Callable[[], Any]) -> Any:
    """`remote()` as a child of a span, in a context of its own.

    Serve's tasks would else share one list of open spans, and concurrent calls end each other's.
    """
    context = copy_context()
    context.run(attach, trace.set_span_in_context(span))
    context.run(TRACE_STACK.set, [])
    return context.run(remote)


def _in_replica() -> bool:
    try:
        serve.get_replica_context()
    except RayServeException:
        return False
    return True


def _leave_sampling_to_the_proxy() -> None:
    """A replica starts no trace of its own.

    Serve hands on what is traced and nothing of what is not, for which its own provider would draw
    again. It sets that after this one, which OpenTelemetry refuses with a warning.
    """
    refusals = logging.getLogger("opentelemetry.trace")
    refusals.addFilter(lambda record: "Overriding of current" not in record.getMessage())
    trace.set_tracer_provider(TracerProvider(sampler=ParentBased(ALWAYS_OFF)))


def _name_trace(record: logging.LogRecord) -> bool:
    """A filter that drops nothing: it adds the key `trace_id` to lines in JSON."""
    if named := trace_id():
        record.trace_id = named
    return True
