from serve_app.messages import StageReport
from serve_app.observability import log_event, server_timing, stage_seconds


def test_log_lines_are_key_value_pairs_with_quotes_where_needed(caplog):
    caplog.set_level("INFO", "ray.serve")
    log_event("load done", stage="caption", why="no client waits", seconds=0.12345, size=None)
    assert caplog.messages == ['load done stage=caption why="no client waits" seconds=0.123']


def test_side_by_side_images_count_as_the_slowest_and_queues_add_up():
    reports = [
        StageReport("canny", 0.1, 0.2, 1),
        StageReport("generate", 0.3, 2.0, 2),
        StageReport("generate", 0.4, 3.0, 2),
    ]
    seconds = stage_seconds(reports)
    assert seconds == {"queue": 0.5, "canny": 0.2, "generate": 3.0}


def test_server_timing_is_in_milliseconds():
    assert server_timing({"queue": 0.0123, "canny": 1.0}) == "queue;dur=12.3, canny;dur=1000.0"
