"""Images in and out of files."""

import pytest

from serve_app.client import files
from tests.unit.client.command_line import names


def test_a_write_that_fails_leaves_what_was_there(folder, monkeypatch):
    def half(path, data):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (folder / "out.png").write_bytes(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(files.Path, "write_bytes", half)
        with pytest.raises(files.BadInput, match="No space"):
            files.write(folder / "out.png", b"after")
    assert (folder / "out.png").read_bytes() == b"before"
    assert names(folder) == ["in.png", "out.png"]
