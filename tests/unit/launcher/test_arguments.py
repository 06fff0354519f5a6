"""The arguments of `python -m serve_app`."""

import pytest

from serve_app.launcher import arguments


@pytest.mark.parametrize("wrong", [["--port", "x"], ["--drain-seconds", "-1"], ["a", "b"]])
def test_wrong_arguments_end_with_two(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments.parse(wrong)
    assert ended.value.code == 2
    assert "usage: python -m serve_app" in capsys.readouterr().err
