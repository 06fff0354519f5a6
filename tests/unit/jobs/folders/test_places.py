"""Files by path and by URI."""

import pytest

from serve_app.jobs.folders.places import Place


@pytest.mark.parametrize("scheme", ["", "file://", "memory://"])
def test_what_is_written_is_read_and_listed(tmp_path, scheme):
    folder = Place.of(f"{scheme}{tmp_path}/a folder" if scheme != "file://" else "x")
    if scheme == "file://":
        folder = Place.of(tmp_path.as_uri()) / "a folder"
    folder.make_folder()
    file = folder / "50% off #1.png"
    assert not file.exists()
    file.write(b"one")
    file.write(b"two")
    assert file.exists() and file.read() == b"two"
    assert file.name == "50% off #1.png"
    assert file.folder == folder
    assert list(folder.files()) == [("50% off #1.png", 3)]
    assert folder.is_folder() and not file.is_folder()


def test_a_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Place.of("in/a.png") == Place(str(tmp_path / "in" / "a.png"))


def test_options_of_a_uri_stay_behind_the_path():
    place = Place("s3://bucket/in?region=eu-west-1")
    assert (place / "a b.png").uri == "s3://bucket/in/a%20b.png?region=eu-west-1"
    assert (place / "a b.png").folder == place


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    place = Place.of(tmp_path / "a.png")
    place.write(b"before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        place.write(b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert place.read() == b"before"


@pytest.mark.parametrize("uri", ["nonsense://x/y", "file:///no/such/file"])
def test_what_is_not_there_is_an_os_error(uri):
    with pytest.raises(OSError):
        Place.of(uri).read()
