import pytest

from tests.unit.client.service import PNG


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the command line is run: it has an image, and no key is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGES_API_KEY", raising=False)
    (tmp_path / "in.png").write_bytes(PNG)
    return tmp_path
