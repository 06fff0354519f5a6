"""From a configuration to a running service and its end, with Ray and Serve played."""

import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.serve.schema import (
    ApplicationStatus,
    ApplicationStatusOverview,
    DeploymentStatus,
    DeploymentStatusOverview,
)

from serve_app.launcher import serving

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent


class Cluster:
    """What the launcher asks of Ray and Serve, in order; `looks` are the states that it sees."""

    def __init__(self, *looks):
        self.asked, self.looks, self.fault = [], list(looks), None
        self.when_all_runs = lambda: None

    def init(self, **options):
        self.asked.append(f"init {options['address']}")
        if self.fault:
            raise self.fault
        return SimpleNamespace(dashboard_url="127.0.0.1:8265")

    def start(self, http_options, **options):
        self.asked.append(f"start {http_options['host']}")
        return self

    def deploy_apps(self, config):
        self.asked.append(f"deploy {config.applications[0].name}")

    def status(self):
        if len(self.looks) == 1:
            self.when_all_runs()
        return SimpleNamespace(applications=self.looks.pop(0))

    def get_app_handle(self, name):
        return SimpleNamespace(broadcast=self.broadcast)

    def broadcast(self, method, *arguments):
        self.asked.append(f"{method} {arguments}")
        return SimpleNamespace(results=lambda timeout_s: [(2, 1), (0, 0)])

    def shutdown(self, wait_for_processes):
        self.asked.append("shutdown")


def seen(status, message="", **deployments):
    """An application in this state; `deployments` are messages of those that failed."""
    failed = {
        name: DeploymentStatusOverview(
            DeploymentStatus.DEPLOY_FAILED, "CONFIG_UPDATE_STARTED", {}, text
        )
        for name, text in deployments.items()
    }
    return {"images": ApplicationStatusOverview(ApplicationStatus(status), message, 0.0, failed)}


@pytest.fixture
def asking():
    """The other end of standard input: closed, the launcher is asked to stop."""
    kept, (given, asking) = os.dup(0), os.pipe()
    os.dup2(given, 0)
    os.close(given)
    with os.fdopen(asking, "wb") as asking:
        yield asking
    os.dup2(kept, 0)
    os.close(kept)


@pytest.fixture
def played(monkeypatch, asking):
    """Makes a cluster that the launcher meets."""

    def make(*looks):
        cluster = Cluster(*looks)
        monkeypatch.setattr(serving.ray, "init", cluster.init)
        monkeypatch.setattr(serving.ray, "shutdown", cluster.shutdown)
        monkeypatch.setattr(serving, "serve_start", cluster.start)
        monkeypatch.setattr(serving, "serve", cluster)
        monkeypatch.setattr(serving.signal, "signal", lambda *_: None)
        monkeypatch.setattr(serving, "LOOK_S", 0.001)
        monkeypatch.setattr(serving, "LAST_BYTES_S", 0.0)
        return cluster

    return make


def serve(port, *more):
    return serving.main([str(ROOT / "serve_config.yaml"), "--port", str(port), *more])


def test_it_serves_until_it_is_asked_to_stop_and_waits_for_what_runs(played, asking, port, capsys):
    cluster = played(seen("DEPLOYING"), seen("RUNNING"))
    cluster.when_all_runs = asking.close
    assert serve(port, "--drain-seconds", "3") == 0
    assert cluster.asked == [
        "init local", "start 127.0.0.1", "deploy images", "drain (3.0,)", "shutdown",
    ]  # fmt: skip
    told = capsys.readouterr().err
    assert f"ready at http://127.0.0.1:{port} after" in told
    assert "2 answered, 1 given up" in told and told.endswith("stopped\n")
    assert "Ray's dashboard is at http://127.0.0.1:8265" in told


@pytest.mark.parametrize(
    ("variables", "end"),
    [
        ({}, "8265\n"),
        ({"RAY_AUTH_MODE": "token"}, f"a token: {BIN}/ray get-auth-token\n"),
        (
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/tmp/a b"},
            "a token: cat '/tmp/a b'\n",
        ),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x"}, "the value of RAY_AUTH_TOKEN\n"),
    ],
)
def test_how_one_gets_into_the_dashboard(variables, end, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    serving._say_dashboard("127.0.0.1:8265")
    assert capsys.readouterr().err.endswith(end)


def test_the_command_is_as_short_as_can_be(monkeypatch, capsys):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.chdir(BIN.parent)
    serving._say_dashboard("127.0.0.1:8265")
    assert capsys.readouterr().err.endswith("a token: bin/ray get-auth-token\n")


def test_asked_before_it_is_ready_it_ends_without_a_word_of_requests(played, asking, port, capsys):
    cluster = played(*[seen("DEPLOYING")] * 10_000)
    asking.close()
    assert serve(port) == 0
    assert cluster.asked[-1] == "shutdown" and not any("drain" in each for each in cluster.asked)
    assert "ready" not in capsys.readouterr().err


def test_requests_may_go_on_for_as_long_as_the_limits_say(played, asking, port):
    cluster = played(seen("RUNNING"))
    cluster.when_all_runs = asking.close
    assert serve(port) == 0
    assert "drain (120.0,)" in cluster.asked


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (
            seen("DEPLOY_FAILED", "one failed", Captioner="Traceback:\n x\nOSError: no model\n"),
            "images could not be deployed: Captioner: OSError: no model",
        ),
        (seen("DEPLOY_FAILED", "Traceback\nValueError: args\n\n"), "deployed: ValueError: args"),
    ],
)
def test_what_cannot_be_deployed_is_told_in_a_line(played, port, capsys, look, why):
    cluster = played(seen("DEPLOYING"), look)
    assert serve(port) == 1
    assert why in capsys.readouterr().err and cluster.asked[-1] == "shutdown"


def test_a_ray_that_does_not_start_is_told_by_its_last_line(played, port, capsys):
    cluster = played()
    cluster.fault = RuntimeError("Traceback\n  deep inside\nno space left\n")
    assert serve(port) == 1
    assert "Ray did not start: no space left\n" in capsys.readouterr().err
    assert cluster.asked == ["init local", "shutdown"]


def test_lost_replicas_are_not_waited_for(played, asking, port, capsys):
    cluster = played(seen("RUNNING"))

    def lost(*_):
        raise ConnectionError("gone")

    cluster.broadcast = lost
    cluster.when_all_runs = asking.close
    assert serve(port) == 0
    assert "were not waited for: ConnectionError: gone" in capsys.readouterr().err


def test_a_wrong_configuration_and_a_taken_port_start_no_ray(played, port, tmp_path, capsys):
    cluster = played()
    assert serving.main([str(tmp_path / "none.yaml")]) == 2
    with socket.create_server(("127.0.0.1", port)):
        assert serve(port) == 1
    assert cluster.asked == [] and len(capsys.readouterr().err.splitlines()) == 2


def test_so_does_a_taken_port_of_grpc(played, port, tmp_path, capsys):
    cluster = played()
    text = (ROOT / "serve_config.yaml").read_text()
    config = tmp_path / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = taken.getsockname()[1]
        options = {"port": at, "grpc_servicer_functions": ["a.b"]}
        config.write_text(text + f"grpc_options: {options}\n")
        assert serving.main([str(config), "--port", str(port)]) == 1
    assert cluster.asked == []
    assert "serve at another grpc_options.port" in capsys.readouterr().err
