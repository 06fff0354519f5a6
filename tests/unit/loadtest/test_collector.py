"""The receiver, with what OpenTelemetry's own exporter sends."""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from loadtest.collector import collecting


def test_what_an_exporter_sends_is_found_by_its_trace():
    with collecting() as collector:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"{collector.url}/v1/traces")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        with (
            tracer.start_as_current_span("outer", attributes={"n": 2, "x": "a"}) as outer,
            tracer.start_as_current_span("inner") as inner,
        ):
            inner.add_event("step", {"n": 1})
            inner.set_status(trace.StatusCode.ERROR)
        provider.shutdown()
        first, second = collector.trace(f"{outer.get_span_context().trace_id:032x}")
        assert (first.name, first.attributes, first.failed) == ("outer", {"n": 2, "x": "a"}, False)
        assert (second.name, second.parent, second.failed) == ("inner", first.id, True)
        assert second.events[0][::2] == ("step", {"n": 1})
        assert first.began <= second.began <= second.events[0][1] <= second.ended <= first.ended
        assert first.seconds > 0 and collector.trace("0" * 32) == []
