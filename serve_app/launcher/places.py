"""Where Ray may write: its sessions, and the token that its cluster asks for."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from serve_app.launcher import CannotStart, say

_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_LONGEST = 38  # characters; the name of a Unix socket has 107, of which Ray's own part takes 69


@contextmanager
def writable_places(given: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Environment variables that point Ray at writable folders; empty in the normal case.

    Says what it falls back to. Raises CannotStart where no temporary folder is writable.
    """
    folder = _temporary_folder(given)
    places = {} if _usual(given) == folder else {"RAY_TMPDIR": folder}
    if places:
        say(f"{_usual(given)} is not writable, or its name is too long for Ray: using {folder}")
        if not _writable(Path(given.get("TMPDIR") or "/tmp")):
            places["TMPDIR"] = folder
    if not _token_needs_a_file(given):
        yield places
        return
    with tempfile.NamedTemporaryFile("w", prefix="ray-token-", dir=folder) as token:  # mode 0600
        token.write(secrets.token_hex(32))
        token.flush()
        say(f"the home folder is not writable: the token of this cluster is in {token.name}")
        yield places | {"RAY_AUTH_TOKEN_PATH": token.name}


def _usual(given: Mapping[str, str]) -> str:
    return given.get("RAY_TMPDIR") or given.get("TMPDIR") or "/tmp"


def _temporary_folder(given: Mapping[str, str]) -> str:
    folders = list(dict.fromkeys([_usual(given), *_FOLDERS]))
    for folder in folders:
        if len(folder) <= _LONGEST and _writable(Path(folder)) and _ours(Path(folder, "ray")):
            return folder
    raise CannotStart(
        f"Ray needs a temporary folder that can be written, and none of {', '.join(folders)} can; "
        "mount one (docker run --tmpfs /tmp), or name one in RAY_TMPDIR"
    )


def _ours(folder: Path) -> bool:
    """Whether Ray could use this folder: absent, or writable."""
    return not folder.exists() or _writable(folder)


def _token_needs_a_file(given: Mapping[str, str]) -> bool:
    """Whether the token needs a file of its own: Ray's default is neither there nor writable."""
    if given.get("RAY_AUTH_MODE", "token") != "token":
        return False
    if given.get("RAY_AUTH_TOKEN") or given.get("RAY_AUTH_TOKEN_PATH"):
        return False
    folder = Path(given.get("HOME") or "/", ".ray")
    try:
        if (folder / "auth_token").read_text().strip():
            return False
    except OSError:
        pass
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return True
    return not _writable(folder)


def _writable(folder: Path) -> bool:
    """Tried, because permissions say nothing of a read-only file system."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
