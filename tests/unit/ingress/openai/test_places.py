"""Where a client finds an image."""

from dataclasses import replace

from serve_app.config import FileSettings
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.openai.places import Places
from tests.unit.ingress.jobs.making import work


async def test_in_the_answer_or_at_a_url(tmp_path):
    files = FileStore(FileSettings(folder=tmp_path))
    asked = work(output_format="jpeg")
    assert await Places(files).place(b"image", asked) == {"b64_json": "aW1hZ2U="}
    place = await Places(files).place(b"image", replace(asked, files_url="http://x/v1/files"))
    name = place["url"].removeprefix("http://x/v1/files/")
    assert name.endswith(".jpeg") and await files.read(name) == b"image"
