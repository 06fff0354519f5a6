"""Files wherever they are: a local path, or a URI such as `file://`, `s3://` or `gs://`.

URIs go to pyarrow's file systems, and those that it does not know to fsspec's.
"""

import os
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from serve_app.jobs import whole

_OF_URIS = string.punctuation  # `%` too: what is quoted stays so


@dataclass(frozen=True)
class Place:
    """A file or a folder, as a path or a URI. Every method raises OSError."""

    uri: str

    @classmethod
    def of(cls, text: str | Path) -> Self:
        """A local path becomes absolute: workers have working directories of their own. A URI may
        have spaces and the like as they are."""
        if isinstance(text, str) and "://" in text:
            return cls(quote(text.rstrip("/"), safe=_OF_URIS))
        return cls(str(Path(text).absolute()))

    @property
    def name(self) -> str:
        return self._resolved[1].rstrip("/").rpartition("/")[2]

    @property
    def local(self) -> Path | None:
        """The path, where it is on a local file system."""
        if "://" not in self.uri:
            return Path(self.uri)
        parts = urlsplit(self.uri)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def __truediv__(self, name: str) -> "Place":
        path, options = self._parts
        return Place(f"{path.rstrip('/')}/{quote(name) if '://' in path else name}{options}")

    @property
    def folder(self) -> "Place":
        """The one that it is in."""
        path, options = self._parts
        return Place((path.rpartition("/")[0] or "/") + options)

    @property
    def _parts(self) -> tuple[str, str]:
        """The path, with the scheme if it has one, and the file system's options, which stay
        behind it."""
        path, mark, options = self.uri.partition("?" if "://" in self.uri else "\0")
        return path, mark + options

    def joined(self, path: str) -> "Place":
        """A file below this folder; an absolute path or a URI is itself."""
        return Place.of(path) if "://" in path or path.startswith("/") else self / path

    def files(self) -> Iterator[tuple[str, int]]:
        """Names and sizes in bytes of the files in a folder, sorted by name."""
        if self.local is not None:  # pyarrow fails for a name that is no UTF-8
            found = [each for each in os.scandir(self.local) if each.is_file()]
            yield from sorted((each.name, each.stat().st_size) for each in found)
            return
        from pyarrow import fs

        system, path = self._resolved
        listed = system.get_file_info(fs.FileSelector(path))
        files = [each for each in listed if each.type == fs.FileType.File]
        yield from sorted((each.base_name, each.size) for each in files)

    def exists(self) -> bool:
        from pyarrow import fs

        system, path = self._resolved
        return bool(system.get_file_info(path).type != fs.FileType.NotFound)

    def is_folder(self) -> bool:
        from pyarrow import fs

        system, path = self._resolved
        return bool(system.get_file_info(path).type == fs.FileType.Directory)

    def make_folder(self) -> None:
        system, path = self._resolved
        system.create_dir(path, recursive=True)

    def read(self) -> bytes:
        system, path = self._resolved
        with system.open_input_file(path) as file:  # one request, where a stream makes one a block
            return bytes(file.readall())

    def write(self, data: bytes) -> None:
        """The whole file or nothing of it, also for a process that is killed."""
        system, path = self._resolved
        if self.local is None:  # an object is there once it is whole
            with system.open_output_stream(path) as stream:
                stream.write(data)
            return
        whole.write(self.local, data)

    @cached_property
    def _resolved(self) -> tuple[Any, str]:
        from pyarrow import ArrowInvalid, fs

        if self.local is not None:
            return fs.LocalFileSystem(), str(self.local)
        try:
            return fs.FileSystem.from_uri(self.uri)
        except ArrowInvalid as error:
            import fsspec

            try:
                system, path = fsspec.core.url_to_fs(unquote(self.uri))
            except (ValueError, ImportError) as unknown:
                raise OSError(f"{self.uri}: {unknown}") from error
            return fs.PyFileSystem(fs.FSSpecHandler(system)), path
