"""The two clients are one interface: what one can do, the other can, with the same arguments."""

import inspect

import pytest

from serve_app.client import AsyncClient, Client

ITS_OWN = {"transport", "sleep", "on_progress"}  # their types tell blocking from asynchronous
METHODS = sorted(name for name in vars(Client) if not name.startswith("_"))


def parameters(method):
    return [
        (each.name, each.kind, each.default if each.name != "sleep" else None)
        + (() if each.name in ITS_OWN else (each.annotation,))
        for each in inspect.signature(method).parameters.values()
    ]


def test_both_have_the_same_methods():
    assert sorted(name for name in vars(AsyncClient) if not name.startswith("_")) == METHODS


@pytest.mark.parametrize("name", ["__init__", *METHODS])
def test_both_take_the_same_arguments(name):
    assert parameters(getattr(AsyncClient, name)) == parameters(getattr(Client, name))


@pytest.mark.parametrize("name", [each for each in METHODS if each not in ("stream", "close")])
def test_both_return_the_same(name):
    blocking, asynchronous = getattr(Client, name), getattr(AsyncClient, name)
    assert inspect.iscoroutinefunction(asynchronous)
    assert (
        inspect.signature(asynchronous).return_annotation
        == inspect.signature(blocking).return_annotation
    )
