"""The two clients are one interface: what one can do, the other can, with the same arguments."""

import inspect

import pytest

from serve_app.client import AsyncClient, AsyncJobs, Client, Jobs

ITS_OWN = {"transport", "sleep", "on_progress"}  # their types tell blocking from asynchronous
PAIRS = [(Client, AsyncClient), (Jobs, AsyncJobs)]
METHODS = [(*pair, name) for pair in PAIRS for name in vars(pair[0]) if not name.startswith("_")]
STREAMS = ("stream", "events")


def parameters(method):
    return [
        (each.name, each.kind, each.default if each.name != "sleep" else None)
        + (() if each.name in ITS_OWN else (each.annotation,))
        for each in inspect.signature(method).parameters.values()
    ]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_have_the_same_methods(pair):
    blocking, asynchronous = (
        {name for name in vars(each) if not name.startswith("_")} for each in pair
    )
    assert blocking == asynchronous


@pytest.mark.parametrize(
    ("blocking", "asynchronous", "name"), [(Client, AsyncClient, "__init__"), *METHODS]
)
def test_both_take_the_same_arguments(blocking, asynchronous, name):
    assert parameters(getattr(asynchronous, name)) == parameters(getattr(blocking, name))


@pytest.mark.parametrize(
    ("blocking", "asynchronous", "name"),
    [each for each in METHODS if each[2] not in (*STREAMS, "close")],
)
def test_both_return_the_same(blocking, asynchronous, name):
    one, other = getattr(blocking, name), getattr(asynchronous, name)
    assert inspect.iscoroutinefunction(other)
    assert inspect.signature(other).return_annotation == inspect.signature(one).return_annotation
