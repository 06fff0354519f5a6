"""The command line: its commands and options, named as the request's fields are."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, cast

from serve_app.client.calls import EditOptions

_NUMBERS = {
    "seed": (int, "the same seed makes the same image; random if left out"),
    "num_inference_steps": (int, "denoising steps"),
    "guidance_scale": (float, "how strictly the text is followed"),
    "guidance_rescale": (float, "0 to 1, against overexposed pictures"),
    "guidance_end": (float, "the share of the steps that are guided, 0 to 1"),
    "strength": (float, "how much of the image is redrawn, 0 to 1"),
    "controlnet_conditioning_scale": (float, "how strictly the edges are followed, 0 to 2"),
    "canny_low_threshold": (int, "0 to 255"),
    "canny_high_threshold": (int, "0 to 255"),
    "output_compression": (int, "0 to 100"),
    "deadline_ms": (int, "fail at once if it cannot be done by then"),
    "priority": (int, "-10 to 10; each point is worth 10 s of waiting"),
}
_WORDS = {
    "size": '"WxH" in multiples of 8, or "auto"',
    "negative_prompt": "what should not be there",
    "sampler": "the noise integrator",
    "model": "one of those that `models` lists",
}
USAGE = 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(USAGE)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The arguments of `python -m serve_app.client`. Exits with 2 if they are invalid."""
    parser = _Parser(prog="serve_app.client", description="Make and process images on the service.")
    _connection(parser, "http://127.0.0.1:8000", os.environ.get("IMAGES_API_KEY") or None)
    commands = parser.add_subparsers(dest="command", required=True)
    described = {
        "generate": "an image from a text, whose edges follow those of --image",
        "edit": "an image from a text and the image that it starts from",
        "again": "a picture of this service once more, from what its PNG says of it",
        "canny": "the edges of an image",
        "upscale": "an image, 2 or 4 times as wide and as high",
        "caption": "what is in an image, in words",
        "classify": "which class an image is of",
        "models": "the models that are served",
    }
    for name, text in described.items():
        command = commands.add_parser(name, help=text, description=text.capitalize())
        # Accepted after the command too; if omitted there, the values given before it apply.
        _connection(command, argparse.SUPPRESS, argparse.SUPPRESS)
        _FILL[name](command)
    return parser.parse_args(argv)


def options(arguments: argparse.Namespace) -> EditOptions:
    """The fields of a generation or an edit that were given."""
    names = EditOptions.__annotations__
    given = {name: value for name, value in vars(arguments).items() if name in names}
    return cast(EditOptions, given)


def _connection(parser: argparse.ArgumentParser, url: str, api_key: str | None) -> None:
    parser.add_argument("--url", default=url, help="of the service (http://127.0.0.1:8000)")
    parser.add_argument("--api-key", default=api_key, help="or in IMAGES_API_KEY")


def _generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", type=Path, help="a picture whose edges are followed")
    _generation(parser)


def _edit(parser: argparse.ArgumentParser) -> None:
    _input(parser)
    parser.add_argument("--mask", type=Path, help="a PNG, transparent where the image is edited")
    parser.add_argument("--mask-image", type=Path, help="the same in white on black")
    parser.add_argument("--mask-blur", type=float, help="pixels of the mask's soft rim")
    parser.add_argument(
        "--padding-mask-crop", type=int, help="generate the masked part and so many pixels around"
    )
    parser.add_argument("--control-image", type=Path, help="a picture whose edges are followed")
    _generation(parser)


def _again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("picture", type=Path, help="a PNG that the service made")
    parser.add_argument("--image", type=Path, help="the file that it started from, if one")
    parser.add_argument("--control-image", type=Path, help="the one whose edges it follows, if one")
    parser.add_argument("--mask", type=Path, help="the mask, if one, as it was sent")
    _output(parser, "again.png")


def _generation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prompt", required=True)
    parser.add_argument("-n", type=_positive, default=1, help="how many images")
    for name, text in _WORDS.items():
        parser.add_argument(_flag(name), help=text)
    for name, (kind, text) in _NUMBERS.items():
        parser.add_argument(_flag(name), type=kind, help=text)
    parser.add_argument("--latent-clamp", action=argparse.BooleanOptionalAction)
    parser.add_argument(
        "--native", action="store_true", default=None, help="make --size itself, not enlarged"
    )
    parser.add_argument("--upscale", type=int, choices=(1, 2, 4))
    parser.add_argument("--caption", action="store_true", default=None, help="print a caption")
    parser.add_argument("--previews", type=Path, metavar="DIR", help="save three previews here")
    _output(parser, "out.png")


def _canny(parser: argparse.ArgumentParser) -> None:
    _input(parser)
    parser.add_argument("--low-threshold", type=int, help="0 to 255")
    parser.add_argument("--high-threshold", type=int, help="0 to 255")
    _output(parser, "edges.png")


def _upscale(parser: argparse.ArgumentParser) -> None:
    _input(parser)
    parser.add_argument("--scale", type=int, choices=(2, 4), default=4)
    _output(parser, "large.png")


def _input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path)


def _output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("-o", "--output", type=Path, default=Path(default), help=f"({default})")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


_FILL: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "generate": _generate,
    "edit": _edit,
    "again": _again,
    "canny": _canny,
    "upscale": _upscale,
    "caption": _input,
    "classify": _input,
    "models": lambda parser: None,
}
