"""The command `again`: a picture of this service made once more, from what its PNG says of it."""

import sys
from argparse import Namespace

from serve_app.client import Client, files, pngs, recipes
from serve_app.client.bar import StepsBar
from serve_app.client.files import BadInput
from serve_app.client.recipes import Recipe


def again(client: Client, given: Namespace) -> bool:
    """Make it, and say whether it has the same pixels. Raises BadInput, ClientError.

    What the service does otherwise than the one that made it is told on stderr, a line each.
    """
    picture = files.read(given.picture)
    try:
        recipe = recipes.read(picture)
    except BadInput as error:
        raise BadInput(f"{given.picture}: {error}") from error
    sent = _pictures(recipe, given)
    if files.format_of(given.output) != "png":
        raise BadInput(f"{given.output}: a picture is made again as PNG, which tells how")
    files.check_writable(given.output)
    made = _made(client, recipe, sent)
    files.write(given.output, made)
    for line in recipe.differences(_recipe_of(made)):
        _tell(line)
    same = pngs.same_pixels(picture, made)
    print(given.output, f"seed={recipe.options['seed']}", "the same pixels" if same else "differs")
    if not same:
        _tell(f"its pixels are not those of {given.picture}")
    return same


def _recipe_of(made: bytes) -> Recipe:
    try:
        return recipes.read(made)
    except BadInput as error:
        raise BadInput(f"what the service made cannot be compared: {error}") from error


def _pictures(recipe: Recipe, given: Namespace) -> dict[str, bytes]:
    """What the recipe needs, as it was sent. Raises BadInput where one is missing or another."""
    found = {}
    for field in ("image", "control_image", "mask"):
        path, wanted = getattr(given, field), recipe.hashes.get(field)
        option = "--" + field.replace("_", "-")
        if wanted is None:
            if path is not None:
                raise BadInput(f"{option} {path}: {given.picture} was made without one")
            continue
        if path is None:
            raise BadInput(
                f"{given.picture} was made from a picture that it does not hold: give the file "
                f"whose SHA-256 begins with {wanted} by {option}"
            )
        data = files.read(path)
        actual = recipes.hash_of(data, len(wanted))
        if actual != wanted:
            raise BadInput(
                f"{option} {path}: not the file that {given.picture} was made from: its SHA-256 "
                f"begins with {actual}, and not with {wanted}"
            )
        found[recipe.mask_field if field == "mask" else field] = data
    return found


def _made(client: Client, recipe: Recipe, sent: dict[str, bytes]) -> bytes:
    control = sent.get("control_image")
    with StepsBar(1) as bar:
        if "image" not in sent:
            made = client.generate(recipe.prompt, control, on_progress=bar.follow, **recipe.options)  # type: ignore[misc]
        else:
            made = client.edit(
                sent["image"],
                recipe.prompt,
                mask=sent.get("mask"),
                mask_image=sent.get("mask_image"),
                control_image=control,
                on_progress=bar.follow,
                **recipe.options,
            )
    return made.image.data


def _tell(line: str) -> None:
    print(f"serve_app.client: {line}", file=sys.stderr)
