"""Ray's variables."""

import pytest

from serve_app.ray_settings import RAY_SETTINGS, environment

TRACING = "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH"
RATIO = "RAY_SERVE_TRACING_SAMPLING_RATIO"


def test_the_users_own_value_wins_and_evaluating_twice_changes_nothing():
    once = environment({"RAY_USAGE_STATS_ENABLED": "1", "OTHER": "x"})
    assert once["RAY_USAGE_STATS_ENABLED"] == "1" and "OTHER" not in once
    assert environment(once) == once


@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
)
def test_an_otlp_endpoint_turns_traces_on_and_opentelemetrys_ratio_counts(name):
    once = environment({name: "http://collector:4318"})
    assert once[TRACING] == "serve_app.tracing.exporter" and once[RATIO] == "1"
    some = environment({name: "http://collector:4318", "OTEL_TRACES_SAMPLER_ARG": "0.1"})
    assert some[RATIO] == "0.1" and environment(some | {name: "x"}) == some


@pytest.mark.parametrize(
    "off", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}]
)
def test_traces_are_off_without_one_or_by_opentelemetrys_own_switch(off):
    assert set(environment(off)) == {*RAY_SETTINGS, "PYTHONPATH"}
