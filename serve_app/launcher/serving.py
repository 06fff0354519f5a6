"""Serves a configuration on a Ray cluster of its own until its standard input is closed.

Started by `serve_app/__main__.py`, in a session of its own: a signal to a terminal's or a
supervisor's process group would otherwise kill Ray's processes while requests are still running.
"""

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ray
from ray import serve
from ray.serve._private.api import serve_start  # as `serve run` itself starts it
from ray.serve.config import gRPCOptions
from ray.serve.schema import (
    ApplicationStatus,
    ApplicationStatusOverview,
    DeploymentStatus,
    ServeDeploySchema,
)

from serve_app.launcher import CannotStart, arguments, say
from serve_app.launcher.config_file import longest_request_s, read_config
from serve_app.launcher.port import hold_port

LOOK_S = 1.0
_ANSWER_S = 10.0  # for a replica to say that its time is over
LAST_BYTES_S = 1.0  # for the proxies to send on what the replicas have just answered


def main(given: Sequence[str] | None = None) -> int:
    """The exit code: 0 after an orderly end, 1 where it failed, 2 for a wrong configuration."""
    options = arguments.parse(given)
    stop = _stop_asked()
    try:
        config = read_config(options.config, options.host, options.port)
        with _ports_held(config):
            drain_s = options.drain_seconds
            return _serve(config, longest_request_s(config) if drain_s is None else drain_s, stop)
    except CannotStart as refusal:
        say(refusal)
        return refusal.exit_code


def _serve(config: ServeDeploySchema, drain_s: float, stop: threading.Event) -> int:
    try:
        context = ray.init(address="local", namespace="serve")
        signal.signal(signal.SIGTERM, lambda *_: stop.set())  # Ray has set one that drops all
        client = serve_start(
            http_options=config.http_options.model_dump(),
            proxy_location=config.proxy_location,
            grpc_options=gRPCOptions(**config.grpc_options.model_dump()),
            global_logging_config=config.logging_config,
            controller_options=config.controller_options,
        )
        client.deploy_apps(config)
        if _ready(config, stop):
            _say_dashboard(context.dashboard_url)
            stop.wait()
            _drain(config, drain_s)
        return 0
    except CannotStart:
        raise
    except Exception as error:  # Ray raises plain ones, with whole tracebacks as their text
        raise CannotStart(f"Ray did not start: {_last_line(str(error))}") from error
    finally:
        ray.shutdown(wait_for_processes=True)
        say("stopped")


@contextmanager
def _ports_held(config: ServeDeploySchema) -> Iterator[None]:
    http, grpc = config.http_options, config.grpc_options
    with ExitStack() as held:
        held.enter_context(hold_port(http.host, http.port))
        if grpc.grpc_servicer_functions:  # Ray listens at every address
            held.enter_context(hold_port("0.0.0.0", grpc.port, "grpc_options.port"))
        yield


def _stop_asked() -> threading.Event:
    """Set when standard input ends: whoever started this process wants it to end, or has ended."""
    stop = threading.Event()

    def read() -> None:
        os.read(0, 1)  # of the descriptor: a thread inside `sys.stdin` breaks the interpreter's end
        stop.set()

    threading.Thread(target=read, daemon=True).start()
    return stop


def _say_dashboard(address: str | None) -> None:
    if address:
        token = os.environ.get("RAY_AUTH_MODE") == "token"
        how = f"; it asks for a token: {_token_by()}" if token else ""
        say(f"Ray's dashboard is at http://{address}{how}")


def _token_by() -> str:
    """A command that prints it, by the Python that runs this."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return "the value of RAY_AUTH_TOKEN"
    if path := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return f"cat {shlex.quote(path)}"
    ray = Path(sys.executable).parent / "ray"
    shown = ray.relative_to(Path.cwd()) if ray.is_relative_to(Path.cwd()) else ray
    return f"{shlex.quote(str(shown))} get-auth-token"


def _ready(config: ServeDeploySchema, stop: threading.Event) -> bool:
    """Whether every application runs; not where it is to stop before. Raises CannotStart."""
    began = time.monotonic()
    while not stop.wait(LOOK_S):
        applications = serve.status().applications
        for name, application in applications.items():
            if application.status == ApplicationStatus.DEPLOY_FAILED:
                raise CannotStart(f"{name} could not be deployed: {_why(application)}")
        running = [a.status == ApplicationStatus.RUNNING for a in applications.values()]
        if len(running) == len(config.applications) and all(running):
            seconds = time.monotonic() - began
            host = {"0.0.0.0": "127.0.0.1"}.get(config.http_options.host, config.http_options.host)
            address = f"http://{host}:{config.http_options.port}"
            say(f"ready at {address} after {seconds:.0f} s: Studio in a browser, the API in /docs")
            return True
    return False


def _why(application: ApplicationStatusOverview) -> str:
    """Which deployments failed, and the last line of each one's traceback."""
    failed = {
        name: deployment.message
        for name, deployment in application.deployments.items()
        if deployment.status == DeploymentStatus.DEPLOY_FAILED
    }
    if not failed:
        return _last_line(application.message)
    return "; ".join(f"{name}: {_last_line(message)}" for name, message in failed.items())


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _drain(config: ServeDeploySchema, within_s: float) -> None:
    say(f"stopping: new requests are refused, those in progress have {within_s:g} s")
    try:
        responses = [
            serve.get_app_handle(application.name).broadcast("drain", within_s)
            for application in config.applications
        ]
        ends = [end for r in responses for end in r.results(timeout_s=within_s + _ANSWER_S)]
    except Exception as error:  # lost replicas: there is nothing left to wait for in them
        say(f"the requests in progress were not waited for: {type(error).__name__}: {error}")
        return
    answered, left = sum(end[0] for end in ends), sum(end[1] for end in ends)
    say(f"requests that were in progress: {answered} answered, {left} given up")
    if answered:
        time.sleep(LAST_BYTES_S)


if __name__ == "__main__":
    sys.exit(main())
