"""What others say, as one line."""

from serve_app.jobs.one_line import one_line


def test_one_line():
    assert one_line(OSError("a\n  b\tc")) == "a b c"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line("x" * 1000)) == 500
