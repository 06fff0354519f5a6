"""What is checked before traces are sent."""

import pytest

from serve_app.launcher import CannotStart, traces
from serve_app.launcher.traces import check_traces
from serve_app.ray_settings import environment

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def check(**more):
    given = ENDPOINT | more
    check_traces(given | environment(given))


def test_where_they_go_is_said(capsys):
    check(OTEL_TRACES_SAMPLER_ARG="0.1")
    assert "a share of 0.1 of requests go to http://collector:4318" in capsys.readouterr().err


def test_nothing_is_said_while_they_are_off(capsys, monkeypatch):
    monkeypatch.setattr(traces, "_installed", lambda package: False)
    check_traces(environment({}))
    check(OTEL_SDK_DISABLED="true")
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "cannot be sent by grpc"),
        ({"OTEL_TRACES_SAMPLER_ARG": "10%"}, "10% is no share"),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, "2 is no share"),
    ],
)
def test_what_cannot_be_is_told(setting, why):
    with pytest.raises(CannotStart, match=why):
        check(**setting)


def test_what_is_missing_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(traces, "_installed", lambda package: False)
    with pytest.raises(CannotStart, match=r"pip install -r requirements-tracing\.txt"):
        check()


def test_a_package_in_a_package_that_is_missing_is_not_installed():
    assert not traces._installed("no_such.package") and traces._installed("opentelemetry.sdk")
