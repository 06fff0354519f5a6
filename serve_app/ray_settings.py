"""Ray's own variables that the service is made for: their one home.

Ray reads them when it is imported, so they must be in the environment before. Without them the
service works too: slower, and errors of Ray's proxy keep its own shape.
"""

from collections.abc import Mapping
from pathlib import Path

RAY_SETTINGS = {
    # Nothing is reported to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray runs workers at niceness 15, which leaves no room to run models below the proxy.
    "RAY_worker_niceness": "0",
    # Requests between replicas go by gRPC, for 13% less CPU time a caption.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    # 256 MiB. gRPC refuses messages over 4, and 1024 x 1024 pixels enlarged four times are 48.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**28),
    # What gRPC clients send goes on to a replica, so no more is taken. Ray's own limit is 2 GiB.
    "RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(2**28),
    # 20 s and not 120: then a call to a node that lost its power is given up, and run again.
    "RAY_grpc_client_keepalive_timeout_ms": "20000",
    # Serve looks at its replicas twice a second and not ten times: a fifth less CPU time when idle.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    # What Ray's proxy answers by itself gets the shape of our errors.
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "serve_app.ingress.proxy.middlewares",
    # As Ray has it for a cluster that it starts; `serve deploy` and `serve status` must be told.
    "RAY_AUTH_MODE": "token",
}


TRACING_EXPORTER = "serve_app.tracing.exporter"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables for a process that imports Ray. What `given` (`os.environ`) has set wins.

    Ray's proxies import our code whatever folder they run in, so PYTHONPATH names it first.
    """
    root = str(Path(__file__).resolve().parents[1])
    others = [part for part in given.get("PYTHONPATH", "").split(":") if part not in ("", root)]
    ours = RAY_SETTINGS | _tracing(given)
    settings = {name: given.get(name, value) for name, value in ours.items()}
    return settings | {"PYTHONPATH": ":".join([root, *others])}


def traces_endpoint(given: Mapping[str, str]) -> str | None:
    """Where OpenTelemetry's variables send traces; None where they ask for none."""
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    return next((given[name] for name in _ENDPOINTS if given.get(name)), None)


def _tracing(given: Mapping[str, str]) -> dict[str, str]:
    """What OpenTelemetry's variables mean in Ray's; nothing while traces are off."""
    if traces_endpoint(given) is None:
        return {}
    return {
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": TRACING_EXPORTER,
        "RAY_SERVE_TRACING_SAMPLING_RATIO": given.get("OTEL_TRACES_SAMPLER_ARG") or "1",
        "OTEL_SERVICE_NAME": "ray-serve-images",
    }
