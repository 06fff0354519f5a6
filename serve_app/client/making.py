"""The commands `generate` and `edit`: a bar while images are made, previews and images to files."""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from serve_app.client import Client, Generation, Job, PartialImage, Progress, arguments, files
from serve_app.client.bar import StepsBar

_PREVIEWS = 3
Make = Callable[..., Generation]
Start = Callable[..., Job]


def generate(client: Client, given: Namespace) -> None:
    """Make images from a text. Raises BadInput, ClientError."""
    image = _read(given.image)
    make = partial(client.generate, given.prompt, image)
    _make(make, partial(client.jobs.start, given.prompt, image), given)


def edit(client: Client, given: Namespace) -> None:
    """Make images from a text and an image. Raises BadInput, ClientError."""
    image, control = files.read(given.image), _read(given.control_image)
    mask, white = _read(given.mask), _read(given.mask_image)
    make = partial(
        client.edit, image, given.prompt, mask=mask, mask_image=white, control_image=control
    )
    start = partial(
        client.jobs.start, given.prompt, control, edit=image, mask=mask, mask_image=white
    )
    _make(make, start, given)


def _read(path: Path | None) -> bytes | None:
    return files.read(path) if path else None


def _make(make: Make, start: Start, given: Namespace) -> None:
    # Check all files before sending anything.
    output_format = files.format_of(given.output)
    options = {"output_format": output_format, **arguments.options(given)}
    if given.detach:
        if given.previews:
            raise files.BadInput("--previews are of images that are waited for: leave out --detach")
        print(start(**options).id)
        return
    files.check_writable(given.output)
    if given.previews:
        files.make_folder(given.previews)
    with StepsBar(given.n) as bar:

        def on_progress(event: Progress) -> None:
            bar.follow(event)
            if isinstance(event, PartialImage) and given.previews:
                files.write(_preview_path(given, event), event.data)

        previews = _PREVIEWS if given.previews else 0
        made = make(on_progress=on_progress, previews=previews, **options)
    save(made, given.output)


def _preview_path(given: Namespace, event: PartialImage) -> Path:
    """Named by the seed, since the image's number is not known yet."""
    name = f"{given.output.stem}-seed-{event.seed}-preview-{event.index + 1}"
    folder: Path = given.previews
    return folder / f"{name}{given.output.suffix}"


def save(made: Generation, output: Path) -> None:
    """Write the images, and say where. Raises BadInput."""
    for number, image in enumerate(made.images, start=1):
        path = files.numbered(output, number, len(made.images))
        files.write(path, image.data)
        print(path, f"seed={image.seed}", *([] if image.caption is None else [image.caption]))
