"""Descriptions of requests: what their parameters ask for, and what of them is refused."""

import time

import pytest

from serve_app.errors import InvalidRequest
from serve_app.ingress.open_inference.request import Description, Signature, read_tensors
from serve_app.ingress.open_inference.tensors import TensorSpec
from tests.unit.ingress.open_inference.asking import PROMPT

SIGNATURE = Signature([TensorSpec("prompt", "BYTES", (1,))], [TensorSpec("a", "BYTES", (1,))], 8)


def terms(**parameters):
    described = Description(inputs=[PROMPT], parameters=parameters)
    return read_tensors(described, memoryview(b""), SIGNATURE).terms


def test_a_request_without_parameters_has_the_usual_terms():
    usual = terms()
    assert (usual.priority, usual.finish_by, usual.partial_images) == (0, None, 0)


@pytest.mark.parametrize(("level", "points"), [(0, 0), (1, 10), (10, 1), (11, 0), (21, -10)])
def test_the_first_level_is_the_highest_priority(level, points):
    assert terms(priority=level).priority == points


def test_a_timeout_is_in_microseconds():
    assert terms(timeout=2_000_000).finish_by == pytest.approx(time.time() + 2, abs=0.5)
    assert terms(timeout=0).finish_by is None


@pytest.mark.parametrize("parameters", [{"sequence_id": 0}, {"sequence_id": ""}])
def test_no_sequence_is_no_sequence(parameters):
    assert terms(**parameters) == terms()


@pytest.mark.parametrize(
    "parameters", [{"sequence_id": 1}, {"sequence_id": "a"}, {"sequence_end": True}]
)
def test_sequences_are_refused(parameters):
    with pytest.raises(InvalidRequest, match="sequence"):
        terms(**parameters)


def test_parameters_of_others_are_ignored():
    assert terms(binary_data_output=True, triton_enable_empty_final_response=True) == terms()
