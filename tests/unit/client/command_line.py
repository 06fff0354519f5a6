"""The command line against canned answers."""

from functools import partial

from serve_app.client import Client
from serve_app.client.__main__ import main
from tests.unit.client.service import event

GENERATE = ("generate", "--prompt", "x")


def run(service, *argv):
    """The exit code."""
    return main(list(argv), partial(Client, transport=service.transport, sleep=service.sleep))


def done(seed=7, caption=None):
    return event("completed", seed=seed, step=4, caption=caption)


def names(folder):
    return sorted(path.name for path in folder.iterdir())
