import pytest
import torch

from serve_app.device.failures import Health, device_lost, is_ours, out_of_memory, without_frames
from serve_app.errors import InvalidImage, InvalidRequest, NotEnoughMemory, StageFailed


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_out_of_memory_is_no_lost_device(error):
    assert out_of_memory(error) and not device_lost(error)


def test_what_torch_itself_says_without_room():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    assert out_of_memory(raised.value)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("CUDA error: invalid configuration argument"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("no"), False),
    ],
)
def test_a_lost_device(error, lost):
    assert device_lost(error) is lost and not out_of_memory(error)


def test_health_after_failures():
    health = Health()
    for _ in range(2):
        health.saw([ValueError("a"), ValueError("b")])
    health.saw([InvalidRequest("theirs"), NotEnoughMemory("later")])  # says nothing
    health.check()
    health.saw([ValueError("a"), "a result"])
    health.saw([])
    for _ in range(3):
        health.check()
        health.saw([ValueError("a"), InvalidRequest("theirs")])
    with pytest.raises(RuntimeError, match="the last with ValueError: a"):
        health.check()
    health.saw(["a result"])
    health.check()


def test_frames_are_dropped_of_causes_too():
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        dropped = without_frames(error)
    assert dropped.__traceback__ is None and dropped.__cause__.__traceback__ is None


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (StageFailed("the image is not a number"), True),
        (KeyError("a mistake"), True),
        (InvalidImage("truncated"), False),
        (NotEnoughMemory("later"), False),
    ],
)
def test_what_is_to_be_logged(error, ours):
    assert is_ours(error) is ours
