"""A folder of encoded images under names that nobody can guess, bounded in bytes and in age.

Replicas that share the folder share what is in it; none needs to know of another.
"""

import asyncio
import os
import re
import secrets
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from serve_app.config import FileSettings
from serve_app.errors import InvalidRequest, NotFound, mebibytes, over

_NAME = re.compile(r"[A-Za-z0-9_-]{43}\.(png|jpeg|webp)")  # 256 bits, which are the permission
_LOOK_S = 5.0  # how often a replica counts what others have written


class FileStore:
    """Raises ValueError where the folder is not a safe one, OSError where it cannot be made."""

    def __init__(self, settings: FileSettings, clock: Callable[[], float] = time.time) -> None:
        self._folder = settings.folder or _own_folder()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings = settings
        self._clock = clock
        self._looked = -float("inf")
        self._bytes = 0  # in the folder, as far as this replica knows
        self._lock = threading.Lock()

    async def keep(self, data: bytes, extension: str) -> str:
        """Write an image, and return its name. Raises InvalidRequest where it is too large."""
        return await asyncio.to_thread(self._write, data, extension)

    async def read(self, name: str) -> bytes:
        """Raises NotFound, for whatever is no name of a file that is still kept too."""
        data = await asyncio.to_thread(self._read, name) if _NAME.fullmatch(name) else None
        if data is None:
            raise NotFound("there is no such file, or its time is over")
        return data

    @property
    def keep_s(self) -> float:
        return self._settings.keep_s

    def _write(self, data: bytes, extension: str) -> str:
        if len(data) > self._settings.max_bytes:
            most = mebibytes(self._settings.max_bytes)
            message = over(f"the image has {mebibytes(len(data))}", most, "files.max_bytes")
            raise InvalidRequest(message).about("response_format")
        self._make_room(len(data))
        name = f"{secrets.token_urlsafe(32)}.{extension}"
        unfinished = self._folder / f".{name}"
        unfinished.write_bytes(data)
        os.utime(unfinished, (self._clock(), self._clock()))
        unfinished.rename(self._folder / name)
        return name

    def _read(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            over = path.stat().st_mtime + self._settings.keep_s <= self._clock()
            return None if over else path.read_bytes()
        except FileNotFoundError:
            return None

    def _make_room(self, size: int) -> None:
        limit = self._settings.max_bytes
        with self._lock:
            self._bytes += size
            if self._bytes > limit or self._clock() - self._looked > _LOOK_S:
                self._looked = self._clock()
                # To nine tenths, as each look goes through the whole folder.
                room = limit - size if self._bytes <= limit else max(0, limit * 9 // 10 - size)
                self._bytes = size + self._sweep(room)

    def _sweep(self, room: int) -> int:
        """Delete what is too old, and the oldest until the rest fits; the bytes that are left.

        Files of other names are not ours.
        """
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name.removeprefix(".")):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # another replica has deleted it
                        continue
                    found.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        expired = self._clock() - self._settings.keep_s
        for written, size, path in sorted(found):
            if written > expired and total <= room:
                break
            Path(path).unlink(missing_ok=True)
            total -= size
        return total


def _own_folder() -> Path:
    """Below the temporary folder, where others of this machine could have put one of that name."""
    folder = Path(tempfile.gettempdir(), f"image-files-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
    if not private or status.st_uid != os.getuid():
        raise ValueError(f"files: {folder} is not this user's alone; name another folder")
    return folder
