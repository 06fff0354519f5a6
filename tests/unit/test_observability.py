from serve_app.observability import log_event


def test_log_lines_are_key_value_pairs_with_quotes_where_needed(caplog):
    caplog.set_level("INFO", "ray.serve")
    log_event("load done", stage="caption", why="no client waits", seconds=0.12345, size=None)
    assert caplog.messages == ['load done stage=caption why="no client waits" seconds=0.123']
