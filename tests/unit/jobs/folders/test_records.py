"""Which rows a second start leaves alone."""

import pytest

from serve_app.jobs.folders import records
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Journal


@pytest.fixture
def done(tmp_path):
    """A row with its input, its result and its record."""
    (tmp_path / "in.png").write_bytes(b"pixels")
    (tmp_path / "out.png").write_bytes(b"result")
    row = {"key": "out.png", "settings": "s", "image": str(tmp_path / "in.png")}
    digest = records.digest(b"pixels")
    return row, {**row, "input_sha256": digest, "finished_at": 1.0}, Place.of(tmp_path)


def finished(row, record, folder):
    return records.finished([row], [record], folder.__truediv__)


def test_a_finished_row_is_left_alone(done):
    row, record, folder = done
    assert finished(row, record, folder) == [record]
    assert records.finished([row], [record], None) == [record]


@pytest.mark.parametrize("change", ["input", "settings", "result", "no input", "no record"])
def test_a_row_is_done_again_where_anything_differs(done, change):
    row, record, folder = done
    if change == "input":
        (folder / "in.png").write(b"others")
    elif change == "settings":
        row = row | {"settings": "t"}
    elif change == "result":
        (folder / "out.png").local.unlink()
    elif change == "no input":
        (folder / "in.png").local.unlink()
    else:
        record = record | {"key": "other.png"}
    assert not finished(row, record, folder)


@pytest.mark.parametrize("scheme", ["", "memory:/"])
def test_a_journal_is_read_by_the_next_start(tmp_path, scheme):
    place = Place.of(f"{scheme}{tmp_path}/records")
    first, second = Journal(place), Journal(place)
    first.write({"key": "a", "finished_at": 1.0})
    first.write({"key": "b", "finished_at": 2.0})
    second.write({"key": "a", "finished_at": 3.0})
    first.flush()
    second.flush()
    told = sorted(records.read(place), key=lambda record: record["key"])
    assert told == [{"key": "a", "finished_at": 3.0}, {"key": "b", "finished_at": 2.0}]


def test_half_a_line_is_no_record(tmp_path):
    Journal(Place.of(tmp_path)).write({"key": "a", "finished_at": 1.0, "text": "ü"})
    (tmp_path / "killed.jsonl").write_bytes(
        '{"key": "b", "finished_at": 2.0, "text": "ü'.encode()[:-1]
    )
    (tmp_path / "other.jsonl").write_text("[1]\n3\n{}\n")
    assert [record["key"] for record in records.read(Place.of(tmp_path))] == ["a"]


def test_no_journal_is_no_record(tmp_path):
    assert records.read(Place.of(tmp_path / "none")) == []
