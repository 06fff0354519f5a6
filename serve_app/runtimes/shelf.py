"""Folders on disk that are made once, shared by processes, and removed when nobody needs them.

A process locks the folders that it uses (flock) for as long as it lives. So what is not locked is
not in use, and what is half made and not locked was left by a process that died.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

KEPT_S = 30 * 24 * 3600.0  # since the last use
KEPT = 24  # those used last, of the ones that nobody uses now
_MAKING = ".making-"
_BEGINNING_S = 60.0  # by then a folder that is being made is locked
_FULL_BYTES = 16 * 2**20  # what a full disk may have left, where a file did not fit
in_use: dict[Path, int] = {}
"""The folders that this process has locked, and the descriptors that hold the locks."""


def taken(shelf: Path, name: str, write: Callable[[Path], None], load: Callable[[Path], T]) -> T:
    """What `load` makes of the folder `name` on the shelf, which `write` fills if need be.

    A folder that cannot be loaded was damaged, and is made again. Raises OSError where the shelf
    cannot be written or is full, and what `write` and `load` raise for other reasons.
    """
    path = shelf / name
    if _use(path):
        try:
            return load(path)
        except Exception:
            shutil.rmtree(path)
    shelf.mkdir(parents=True, exist_ok=True)
    try:
        _make(path, write)
        _use(path)
        loaded = load(path)
    except Exception as error:
        shutil.rmtree(path, ignore_errors=True)
        if shutil.disk_usage(shelf).free < _FULL_BYTES:  # libraries say that in words of their own
            raise OSError("no space left on the device") from error
        raise
    tidy(shelf)
    return loaded


def tidy(shelf: Path) -> None:
    """Remove what was left half made and what was not used lately, but nothing that is in use."""
    last_use = {}
    for path in shelf.iterdir():
        with suppress(FileNotFoundError):  # another process tidies too
            last_use[path] = path.stat().st_mtime
    kept = 0
    for path in sorted(last_use, key=last_use.__getitem__, reverse=True):
        unused_s = time.time() - last_use[path]
        if path.name.startswith(_MAKING):
            wanted = unused_s < _BEGINNING_S
        else:
            kept += 1
            wanted = unused_s < KEPT_S and kept <= KEPT
        if not wanted:
            _remove_unused(path)


def _make(path: Path, write: Callable[[Path], None]) -> None:
    """Fill a folder aside and rename it, so that it is there as a whole or not at all."""
    making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=path.parent))
    held = os.open(making, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        made = making / "made"
        made.mkdir()
        write(made)
        for file in made.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        try:
            made.rename(path)
        except OSError:  # a process that started at the same time was first, with the same
            if not path.exists():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
        os.close(held)


def _use(path: Path) -> bool:
    """Lock a folder for this process's life, and note when; False where there is none."""
    try:
        held = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    if path in in_use:
        os.close(in_use[path])
    in_use[path] = held
    with suppress(OSError):
        fcntl.flock(held, fcntl.LOCK_SH)
    with suppress(OSError):  # a read-only file system, or another user's folder
        os.utime(path)
    return True


def _remove_unused(path: Path) -> None:
    with suppress(OSError):
        held = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        finally:
            os.close(held)
