"""The commands `generate` and `edit`: a bar while images are made, previews and images to files."""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from serve_app.client import Client, Generation, PartialImage, Progress, arguments, files
from serve_app.client.bar import StepsBar

_PREVIEWS = 3
Make = Callable[..., Generation]


def generate(client: Client, given: Namespace) -> None:
    """Make images from a text. Raises BadInput, ClientError."""
    image = files.read(given.image) if given.image else None
    _make(partial(client.generate, given.prompt, image), given)


def edit(client: Client, given: Namespace) -> None:
    """Make images from a text and an image. Raises BadInput, ClientError."""
    mask, mask_image, control_image = (
        files.read(path) if path else None
        for path in (given.mask, given.mask_image, given.control_image)
    )
    make = partial(
        client.edit,
        files.read(given.image),
        given.prompt,
        mask=mask,
        mask_image=mask_image,
        control_image=control_image,
    )
    _make(make, given)


def _make(make: Make, given: Namespace) -> None:
    # Check all files before sending anything.
    output_format = files.format_of(given.output)
    files.check_writable(given.output)
    if given.previews:
        files.make_folder(given.previews)
    with StepsBar(given.n) as bar:

        def on_progress(event: Progress) -> None:
            bar.follow(event)
            if isinstance(event, PartialImage) and given.previews:
                files.write(_preview_path(given, event), event.data)

        made = make(
            on_progress=on_progress,
            previews=_PREVIEWS if given.previews else 0,
            output_format=output_format,
            **arguments.options(given),
        )
    _save(made, given.output)


def _preview_path(given: Namespace, event: PartialImage) -> Path:
    """Named by the seed, since the image's number is not known yet."""
    name = f"{given.output.stem}-seed-{event.seed}-preview-{event.index + 1}"
    folder: Path = given.previews
    return folder / f"{name}{given.output.suffix}"


def _save(made: Generation, output: Path) -> None:
    for number, image in enumerate(made.images, start=1):
        path = files.numbered(output, number, len(made.images))
        files.write(path, image.data)
        print(path, f"seed={image.seed}", *([] if image.caption is None else [image.caption]))
