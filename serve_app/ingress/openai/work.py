"""What a request for images asks for, once it is checked: the same work whoever does it, and when.

Crosses replicas.
"""

from dataclasses import dataclass

from serve_app.config import AppArgs
from serve_app.ingress import conversion
from serve_app.ingress.openai.edit_form import Edit
from serve_app.ingress.schema import ImageRequest
from serve_app.messages import GenerationRequest, Terms
from serve_app.pipeline import Composition

# OpenAI answers these with URLs unless told otherwise, which their clients read unasked.
_BY_URL = {"dall-e-2", "dall-e-3"}


@dataclass(frozen=True)
class Work:
    """`kind`, as `image_edit`, begins its events' types. `files_url` is where clients find files,
    if the answer is to be URLs; `warnings` say which fields had no effect.
    """

    kind: str
    body: ImageRequest
    request: GenerationRequest
    composition: Composition
    terms: Terms
    files_url: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        return self.body.n or 1

    @property
    def output_format(self) -> str:
        return self.body.output_format or "png"

    @property
    def bytes(self) -> int:
        """About what it takes to keep it."""
        control = self.composition.control
        images = [value for value in vars(self.request).values() if isinstance(value, bytes)]
        if control is not None:
            images.append(control.image)
        return 4096 + len(self.request.prompt) + sum(map(len, images))


def work_of(
    kind: str, body: ImageRequest, args: AppArgs, files_url: str, edit: Edit | None = None
) -> Work:
    """Raises ServiceError for what is impossible. A deadline counts from now. It takes a while with
    a mask."""
    if edit is None:
        request, composition = conversion.image_generation(body, args)
    else:
        request, composition = conversion.image_generation(
            body, args, edit.image, edit.control_image, mask=edit.mask
        )
    return Work(
        kind,
        body.model_copy(update={"control_image": None}),  # it is in the composition
        request,
        composition,
        conversion.terms(body),
        files_url if _is_by_url(body, args) else None,
    )


def _is_by_url(body: ImageRequest, args: AppArgs) -> bool:
    if body.response_format is None:
        return body.model in _BY_URL and not body.stream and args.files is not None
    return body.response_format == "url"
