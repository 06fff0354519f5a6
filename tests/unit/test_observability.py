"""Log lines, as text and as keys."""

import ast
import json
import logging
from pathlib import Path

from ray._common.formatters import JSONFormatter
from ray.serve._private import constants

from serve_app import observability
from serve_app.observability import log_event

ROOT = Path(__file__).parents[2]
LOGGERS = {"log_event", "logged_step"}
PLAIN = {*vars(logging.makeLogRecord({})), "message", "asctime"}
OF_SERVE = {
    value
    for name, value in vars(constants).items()
    if name.startswith("SERVE_LOG_") and isinstance(value, str)
}


def test_log_lines_are_key_value_pairs_with_quotes_where_needed(caplog):
    caplog.set_level("INFO", "ray.serve")
    log_event("load done", stage="caption", why="no client waits", seconds=0.12345, size=None)
    assert caplog.messages == ['load done stage=caption why="no client waits" seconds=0.123']


def test_fields_are_keys_of_json_lines_too(caplog):
    caplog.set_level("INFO", "ray.serve")
    log_event("out of memory", kind=(8, "x"), batch_size=4, limit=None, seconds=0.5)
    (record,) = caplog.records
    added = {key: value for key, value in vars(record).items() if key not in PLAIN}
    assert added == {
        "event": "out of memory", "kind": "(8, 'x')", "batch_size": 4, "seconds": 0.5,
    }  # fmt: skip
    json.dumps(added)


def test_a_traceback_stays_inside_its_line(caplog):
    caplog.set_level("INFO", "ray.serve")
    try:
        raise ZeroDivisionError("a mistake\nof two lines")
    except ZeroDivisionError:
        log_event("step failed", logging.ERROR, stage="generate")
    line = JSONFormatter().format(caplog.records[0])
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["message"] == "step failed stage=generate"
    assert fields["exc_text"].startswith("Traceback") and "of two lines" in fields["exc_text"]


def test_a_line_of_a_traced_request_ends_with_the_trace(caplog, monkeypatch):
    monkeypatch.setattr(observability, "trace_id", lambda: "ab12")
    caplog.set_level("INFO", "ray.serve")
    log_event("denoised", steps=4)
    assert caplog.messages == ["denoised steps=4 trace_id=ab12"]


def test_no_field_has_a_name_that_logging_or_serve_gives_a_line():
    """`logging` refuses them, and Serve overwrites them."""
    taken = PLAIN | OF_SERVE | {"event", "trace_id"}
    for path in (ROOT / "serve_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in LOGGERS:
                names = {keyword.arg for keyword in node.keywords}
                assert not names & taken, f"{path}:{node.lineno}"
