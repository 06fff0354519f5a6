"""Where Ray may write: a folder that cannot be written is no reason not to start."""

import stat
import tempfile
from pathlib import Path

import pytest

from serve_app.launcher import CannotStart, places
from serve_app.launcher.places import writable_places

NOWHERE = "/proc/nowhere"  # not even root can write there


@pytest.fixture
def home(tmp_path):
    return str(tmp_path)


def test_nothing_is_said_or_set_where_all_is_as_usual(home, capsys):
    with writable_places({"HOME": home}) as found:
        assert found == {}
    assert capsys.readouterr().err == ""


def test_a_token_of_its_own_where_the_home_cannot_be_written(capsys):
    with writable_places({"HOME": NOWHERE}) as found:
        token = Path(found["RAY_AUTH_TOKEN_PATH"])
        assert len(token.read_text()) == 64
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert token.read_text() not in capsys.readouterr().err
    assert not token.exists()


@pytest.mark.parametrize("home", ["", None])
def test_no_home_at_all(home, monkeypatch):
    monkeypatch.setattr(places, "_writable", lambda folder: str(folder).startswith("/tmp"))
    given = {} if home is None else {"HOME": home}
    with writable_places(given) as found:
        assert set(found) <= {"RAY_AUTH_TOKEN_PATH"}


@pytest.mark.parametrize(
    "given",
    [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "t"}, {"RAY_AUTH_TOKEN_PATH": "/t"}],
)
def test_a_token_that_the_user_settled_is_left_alone(given):
    with writable_places({"HOME": NOWHERE} | given) as found:
        assert found == {}


def test_a_readable_token_serves_though_the_home_is_read_only(home):
    Path(home, ".ray").mkdir()
    Path(home, ".ray", "auth_token").write_text("there")
    with writable_places({"HOME": home}) as found:
        assert found == {}


@pytest.mark.parametrize("usual", [NOWHERE, "/tmp/" + "long" * 20])
def test_another_temporary_folder(usual, home, capsys):
    with writable_places({"HOME": home, "TMPDIR": usual}) as found:
        assert found == {"RAY_TMPDIR": "/tmp", "TMPDIR": "/tmp"}
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_last_folder_serves_others_than_ray_too(home, monkeypatch):
    """Python's own search for one knows no /dev/shm, and raises."""
    monkeypatch.setattr(places, "_writable", lambda folder: str(folder) == "/dev/shm")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: Path(NOWHERE).read_text())
    with writable_places({"HOME": home}) as found:
        assert found["RAY_TMPDIR"] == found["TMPDIR"] == "/dev/shm"


def test_no_temporary_folder_at_all(home, monkeypatch):
    monkeypatch.setattr(places, "_writable", lambda folder: False)
    with pytest.raises(CannotStart, match="--tmpfs /tmp"), writable_places({"HOME": home}):
        pass
