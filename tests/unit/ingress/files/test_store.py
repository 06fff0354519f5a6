"""Files under names that nobody can guess, for a while."""

import os
import re
import tempfile

import pytest

from serve_app.config import FileSettings
from serve_app.errors import InvalidRequest, NotFound
from serve_app.ingress.files.store import FileStore


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def store(tmp_path, now):
    def made(**settings):
        return FileStore(FileSettings(folder=tmp_path / "files", **settings), lambda: now[0])

    return made


async def test_what_is_kept_can_be_read_by_any_replica(store):
    name = await store().keep(b"image", "png")
    assert re.fullmatch(r"[\w-]{43}\.png", name)
    assert await store().read(name) == b"image"
    assert await store().keep(b"image", "png") != name


async def test_nothing_else_can_be_read(store, tmp_path):
    files = store()
    name = await files.keep(b"image", "png")
    (tmp_path / "files" / "secret.png").write_text("x")
    token = name.partition(".")[0]
    for wrong in (
        "secret.png", f"../files/{name}", f"{token}.jpeg", f"{token}.txt", token, f"{name}/",
        f".{name}", f"{name}\n", "", "..", "A" * 43 + ".png",
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await files.read(wrong)


async def test_its_time_ends(store, now):
    files = store(keep_s=60)
    name = await files.keep(b"image", "png")
    now[0] += 59
    assert await files.read(name) == b"image"
    now[0] += 1
    with pytest.raises(NotFound):
        await files.read(name)
    await files.keep(b"another", "png")
    assert len(os.listdir(files._folder)) == 1


async def test_the_oldest_make_room_whoever_wrote_them(store, now):
    one, other = store(max_bytes=100), store(max_bytes=100)
    names = []
    for number in range(6):
        now[0] += 10
        names.append(await (one, other)[number % 2].keep(bytes(30), "webp"))
    left = sorted(names.index(name) for name in os.listdir(one._folder))
    assert left == [3, 4, 5]
    assert sum(path.stat().st_size for path in one._folder.iterdir()) <= 100


async def test_what_is_not_ours_stays(store, now):
    files = store(max_bytes=10, keep_s=1)
    stranger = files._folder / "notes.txt"
    stranger.write_bytes(bytes(50))
    for _ in range(3):
        now[0] += 100
        await files.keep(bytes(9), "png")
    assert stranger.exists() and len(os.listdir(files._folder)) == 2
    with pytest.raises(InvalidRequest):
        await files.keep(bytes(11), "png")


def test_a_folder_of_its_own_is_private(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = FileStore(FileSettings())._folder
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    assert FileStore(FileSettings())._folder == folder
    folder.chmod(0o777)
    with pytest.raises(ValueError, match="alone"):
        FileStore(FileSettings())
    folder.rmdir()
    folder.symlink_to("/etc")
    with pytest.raises(ValueError, match="alone"):
        FileStore(FileSettings())
