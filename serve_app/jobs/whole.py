"""Outputs that are whole or are not there: written beside their place, then renamed into it."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` at the end, or is removed if an exception is raised.

    Raises FileExistsError where `path` is there already, unless it is an empty folder.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise FileExistsError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        making.chmod(0o777 & ~_umask())  # mkdtemp's is for its owner alone
        yield making
        os.replace(making, path)
    except BaseException:
        shutil.rmtree(making)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file to write, which becomes `path` at the end, or is removed if an exception is raised.

    Raises FileExistsError where `path` is there already.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _renamed_into(path) as making:
        yield making


def write(path: Path, data: bytes) -> None:
    """A file, in the place of the one that may be there. Raises OSError."""
    with _renamed_into(path) as making:
        making.write_bytes(data)


@contextmanager
def _renamed_into(path: Path) -> Iterator[Path]:
    making = path.with_name(f".{uuid.uuid4().hex}.part")  # no longer than a name may be
    try:
        yield making
        os.replace(making, path)
    finally:
        making.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
