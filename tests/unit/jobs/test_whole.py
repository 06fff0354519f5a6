"""Outputs of jobs are whole or are not there."""

import pytest

from serve_app.jobs.whole import new_file, new_folder, write


def test_a_folder_is_there_when_it_is_whole(tmp_path):
    out = tmp_path / "deep" / "out"
    with new_folder(out) as folder:
        (folder / "file").write_text("text")
        assert not out.exists()
    assert (out / "file").read_text() == "text"
    assert out.stat().st_mode & 0o777 == out.parent.stat().st_mode & 0o777
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("new", [new_folder, new_file])
def test_what_fails_leaves_nothing(new, tmp_path):
    def fail():
        with new(tmp_path / "out") as making:
            (making / "file" if new is new_folder else making).write_text("half")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("new", [new_folder, new_file])
def test_what_is_there_stays(new, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError, match="there already"), new(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_an_empty_folder_is_filled_and_another_is_not(tmp_path):
    with new_folder(tmp_path / "out") as folder:
        (folder / "file").write_text("mine")
    with pytest.raises(FileExistsError), new_folder(tmp_path / "out"):
        pass
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "file").write_text("text")
    assert (tmp_path / "empty" / "file").exists()


def test_a_file_is_there_when_it_is_whole(tmp_path):
    with new_file(tmp_path / "out") as file:
        file.write_text("text")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_takes_the_place_of_another_or_leaves_it(tmp_path, monkeypatch):
    write(tmp_path / ("x" * 250), b"old")
    write(tmp_path / ("x" * 250), b"new")

    def fail(*paths):
        raise OSError

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError):
        write(tmp_path / ("x" * 250), b"newer")
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == b"new"
