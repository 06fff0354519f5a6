"""Images in and out of files. Writes are atomic: to a temporary name, which is renamed when
complete."""

import os
from pathlib import Path

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class BadInput(Exception):
    """What was asked for cannot be done with these files; one line for people."""


def read(path: Path) -> bytes:
    """A file's bytes. Raises BadInput."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def write(path: Path, data: bytes) -> None:
    """Write a file atomically. Raises BadInput."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Raise BadInput now for a path whose write would fail after the image is made."""
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise BadInput(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise BadInput(f"cannot write {path}: the folder is read-only")


def make_folder(path: Path) -> None:
    """Make a folder unless it is there. Raises BadInput."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {path}: {error.strerror}") from error


def format_of(path: Path) -> str:
    """The output format that a file's ending names. Raises BadInput."""
    if path.suffix.lower() not in FORMATS:
        raise BadInput(f"{path}: the name of an image ends in {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


def numbered(path: Path, number: int, count: int) -> Path:
    """`out.png` for a single image, else `out-1.png`, `out-2.png`, …"""
    return path if count == 1 else path.with_stem(f"{path.stem}-{number}")
