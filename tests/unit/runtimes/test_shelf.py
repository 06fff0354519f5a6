"""Folders that are made once, survive crashes, and go when nobody needs them."""

import errno
import fcntl
import os
import shutil
from collections import namedtuple

import pytest

from serve_app.runtimes import shelf
from serve_app.runtimes.shelf import taken, tidy

DAY_S = 24 * 3600


@pytest.fixture(autouse=True)
def nothing_in_use(monkeypatch):
    monkeypatch.setattr(shelf, "in_use", {})
    yield
    for held in shelf.in_use.values():
        os.close(held)


def write(folder):
    (folder / "file").write_text("whole")


def load(folder):
    text = (folder / "file").read_text()
    if text != "whole":
        raise RuntimeError("this is no network")
    return text


def left(path, days, name="file"):
    """A folder that was used some days ago, by a process that is gone."""
    path.mkdir(parents=True)
    (path / name).write_text("whole")
    used = path.stat().st_mtime - days * DAY_S
    os.utime(path, (used, used))
    return path


@pytest.mark.parametrize("damage", ["", "wh"])
def test_what_was_damaged_is_made_again(tmp_path, damage):
    taken(tmp_path, "one", write, load)
    (tmp_path / "one" / "file").write_text(damage)
    assert taken(tmp_path, "one", write, load) == "whole"


def test_an_empty_folder_is_made_again(tmp_path):
    (tmp_path / "one").mkdir()
    assert taken(tmp_path, "one", write, load) == "whole"


def test_what_cannot_be_loaded_though_it_is_new_is_not_kept(tmp_path):
    with pytest.raises(RuntimeError, match="no network"):
        taken(tmp_path, "one", lambda folder: (folder / "file").write_text("x"), load)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_the_place_however_a_library_says_it(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")

    def fill(folder):
        raise RuntimeError("bad ofstream")

    with pytest.raises(RuntimeError):
        taken(tmp_path, "one", fill, load)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 100, 0))
    with pytest.raises(OSError, match="no space left"):
        taken(tmp_path, "one", fill, load)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_fit_leaves_nothing(tmp_path):
    def fill(folder):
        (folder / "file").write_text("wh")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        taken(tmp_path, "one", fill, load)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_half_made_goes(tmp_path):
    left(tmp_path / ".making-dead", 1)
    busy = left(tmp_path / ".making-busy", 1)
    held = os.open(busy, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    just_begun = left(tmp_path / ".making-new", 0)
    tidy(tmp_path)
    os.close(held)
    assert set(tmp_path.iterdir()) == {busy, just_begun}


def test_what_was_not_used_for_long_goes_unless_it_is_in_use(tmp_path):
    old, recent, used = (
        left(tmp_path / name, days) for name, days in [("old", 31), ("recent", 29), ("used", 31)]
    )
    assert taken(tmp_path, "used", write, load) == "whole"
    os.utime(used, (0, 0))
    taken(tmp_path, "new", write, load)
    assert set(tmp_path.iterdir()) == {recent, used, tmp_path / "new"}
    assert not old.exists()


def test_the_shelf_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "KEPT", 3)
    for day in range(6):
        left(tmp_path / f"{day}", day)
    taken(tmp_path, "new", write, load)
    assert {path.name for path in tmp_path.iterdir()} == {"new", "0", "1"}


def test_a_use_is_noted(tmp_path):
    one = left(tmp_path / "one", 20)
    before = one.stat().st_mtime
    taken(tmp_path, "one", write, load)
    assert one.stat().st_mtime > before + 19 * DAY_S


def test_a_cache_that_is_read_only_is_read(tmp_path, monkeypatch):
    left(tmp_path / "one", 1)

    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", read_only)
    monkeypatch.setattr(fcntl, "flock", read_only)
    assert taken(tmp_path, "one", write, load) == "whole"
