"""Images in and out of files."""

from pathlib import Path

import pytest

from serve_app.client import files
from tests.unit.client.command_line import names


def test_a_write_that_fails_leaves_what_was_there(folder, monkeypatch):
    def half(path, data):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (folder / "out.png").write_bytes(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(files.Path, "write_bytes", half)
        with pytest.raises(files.BadInput, match="No space"):
            files.write(folder / "out.png", b"after")
    assert (folder / "out.png").read_bytes() == b"before"
    assert names(folder) == ["in.png", "out.png"]


def test_what_is_written_is_there_and_nothing_beside_it(folder):
    files.write(folder / "out.png", b"image")
    assert (folder / "out.png").read_bytes() == b"image"
    assert names(folder) == ["in.png", "out.png"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [(".", "it is a folder"), ("none/out.png", "there is no folder"), ("out.png", None)],
)
def test_a_place_that_cannot_be_written_is_told_before_the_image_is_made(folder, name, reason):
    if reason is None:
        files.check_writable(folder / name)
        return
    with pytest.raises(files.BadInput, match=reason):
        files.check_writable(folder / name)


def test_a_read_only_folder_is_told_too(folder, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(files.BadInput, match="read-only"):
        files.check_writable(folder / "out.png")


def test_folders_are_made_with_those_above_unless_a_file_is_in_the_way(folder):
    files.make_folder(folder / "a" / "b")
    files.make_folder(folder / "a" / "b")
    assert (folder / "a" / "b").is_dir()
    with pytest.raises(files.BadInput, match=r"cannot make the folder .*in\.png"):
        files.make_folder(folder / "in.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", "png"), ("a.JPG", "jpeg"), ("a.b.jpeg", "jpeg"), ("a.webp", "webp")],
)
def test_the_ending_names_the_format(name, expected):
    assert files.format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["a", "a.gif", "png", ".png"])
def test_other_endings_are_refused(name):
    with pytest.raises(files.BadInput, match="ends in"):
        files.format_of(Path(name))


def test_several_images_are_numbered_before_the_ending():
    assert files.numbered(Path("a/out.png"), 1, 1) == Path("a/out.png")
    assert files.numbered(Path("a/out.png"), 2, 3) == Path("a/out-2.png")
