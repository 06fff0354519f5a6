"""`python -m serve_app.client`: the service from a command line.

    python -m serve_app.client generate --prompt "a red circle" --image docs/sketch.jpg -o out.png

What was made goes to stdout, a line each. What went wrong is one line on stderr, and the exit
code: 2 bad input, 3 refused by the service, 4 no service there, 5 made again, but another picture,
130 interrupted.
"""

import sys
from argparse import Namespace
from collections.abc import Callable

from serve_app.client import Client, Refused, Unreachable, arguments, files
from serve_app.client.again import again
from serve_app.client.making import edit, generate

REFUSED, UNREACHABLE, DIFFERENT, INTERRUPTED = 3, 4, 5, 130


def main(argv: list[str] | None = None, connect: Callable[..., Client] = Client) -> int:
    """Run one command and return the exit code."""
    given = arguments.parse(argv)
    try:
        with connect(given.url, given.api_key) as client:
            if _COMMANDS[given.command](client, given) is False:
                return DIFFERENT
    except (files.BadInput, ValueError) as error:  # the second: cannot be put into a request
        return _fail(arguments.USAGE, str(error))
    except Refused as error:
        field = f", {error.param}" if error.param else ""
        return _fail(REFUSED, f"refused ({error.status} {error.code}{field}): {error}")
    except Unreachable as error:
        return _fail(UNREACHABLE, f"{given.url}: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _fail(code: int, message: str) -> int:
    print(f"serve_app.client: {message}", file=sys.stderr)
    return code


def _canny(client: Client, given: Namespace) -> None:
    image = files.read(given.image)
    if files.format_of(given.output) != "png":
        raise files.BadInput(f"{given.output}: edges are PNG")
    files.check_writable(given.output)
    low, high = given.low_threshold, given.high_threshold
    edges = client.canny(image, low_threshold=low, high_threshold=high)
    files.write(given.output, edges.data)
    print(given.output)


def _upscale(client: Client, given: Namespace) -> None:
    image = files.read(given.image)
    output_format = files.format_of(given.output)
    files.check_writable(given.output)
    large = client.upscale(image, scale=given.scale, output_format=output_format)
    files.write(given.output, large.data)
    print(given.output)


def _caption(client: Client, given: Namespace) -> None:
    print(client.caption(files.read(given.image)).text)


def _classify(client: Client, given: Namespace) -> None:
    found = client.classify(files.read(given.image)).probabilities
    for label in sorted(found, key=lambda label: -found[label]):
        print(f"{label} {found[label]:.3f}")


def _models(client: Client, given: Namespace) -> None:
    for name in client.models():
        print(name)


_COMMANDS: dict[str, Callable[[Client, Namespace], bool | None]] = {
    "generate": generate,
    "edit": edit,
    "again": again,
    "canny": _canny,
    "upscale": _upscale,
    "caption": _caption,
    "classify": _classify,
    "models": _models,
}

if __name__ == "__main__":
    sys.exit(main())
