"""Whether traces can be sent as the environment asks for, before anything is started."""

import importlib.util
from collections.abc import Mapping

from serve_app.launcher import CannotStart, say
from serve_app.ray_settings import TRACING_EXPORTER, traces_endpoint

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def check_traces(variables: Mapping[str, str]) -> None:
    """Says where traces go, if anywhere. Raises CannotStart where they cannot be sent."""
    if variables.get("RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH") != TRACING_EXPORTER:
        return
    if not _installed("opentelemetry.exporter.otlp.proto.http"):
        raise CannotStart(
            "an OTLP endpoint is set, and what sends traces there is not installed: "
            "pip install -r requirements-tracing.txt, or set OTEL_SDK_DISABLED=true"
        )
    protocol = next((variables[name] for name in _PROTOCOLS if variables.get(name)), None)
    if protocol not in (None, "http/protobuf"):
        raise CannotStart(
            f"traces cannot be sent by {protocol}: leave OTEL_EXPORTER_OTLP_PROTOCOL out, or set "
            "http/protobuf (collectors listen for it at port 4318)"
        )
    ratio = variables["RAY_SERVE_TRACING_SAMPLING_RATIO"]
    if not _is_share(ratio):
        raise CannotStart(f"OTEL_TRACES_SAMPLER_ARG={ratio} is no share of requests, 0 to 1")
    endpoint = traces_endpoint(variables) or "OpenTelemetry's usual address"
    say(f"traces of a share of {ratio} of requests go to {endpoint}")


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # one of the packages that it is in
        return False


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
