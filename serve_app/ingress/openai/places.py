"""Where a client finds an image: in the answer itself, or at a URL."""

from serve_app.ingress.encoding import in_base64
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.openai.work import Work


class Places:
    """Over the files of this service, if it keeps any."""

    def __init__(self, files: FileStore | None) -> None:
        self._files = files

    async def place(self, data: bytes, work: Work) -> dict[str, str]:
        """The field of an answer that has the image, `b64_json` or `url`."""
        if self._files is None or work.files_url is None:
            return {"b64_json": in_base64(data)}
        return {"url": f"{work.files_url}/{await self._files.keep(data, work.output_format)}"}
