"""Stand-ins for what is slow: stages without models, and handles without Ray."""

import numpy as np
from ray.exceptions import RayTaskError

from serve_app.config import AppArgs
from serve_app.errors import ServiceError
from serve_app.ingress.replicas import DeploymentReport
from serve_app.messages import (
    CaptionResult,
    ClassifierCard,
    ClassResult,
    ImageResult,
    PreprocessResult,
    Progress,
    StageReport,
)


def app_args(settings: dict[str, object] | None = None, **limits: object) -> AppArgs:
    """A small valid configuration, with limits and other settings of one's own."""
    models = {
        "generator": {"name": "demo", "path": "hub/model", "controlnet": "hub/controlnet"},
        "upscaler": {"x4": "hub/upscaler"},
        "captioner": {"path": "hub/captioner"},
        "classifier": {"path": "hub/classifier"},
    }
    defaults = {"width": 128, "height": 64}
    args = {"models": models, "limits": limits, "defaults": defaults}
    return AppArgs.model_validate(args | (settings or {}))


STAGES = ("Canny", "Generator", "Upscaler", "Captioner", "Classifier")


def reports(running: dict[str, int]) -> dict[str, DeploymentReport]:
    """What Serve says of deployments of which so many replicas run."""
    return {
        name: DeploymentReport(status="HEALTHY", running=count, target=1)
        for name, count in running.items()
    }


def report(stage: str) -> StageReport:
    return StageReport(stage, queue_s=0.001, run_s=0.01, batch_size=2)


class FakeHandle:
    """Looks like a DeploymentHandle: remembers its calls, answers with `answer(*args)`.

    What `answer` returns is a stage's result or refusal, or an exception of the transport's own;
    what it raises is the stage's, and comes as Ray brings it: bare with `grpc`, else as
    RayTaskError. Each of `methods` is a handle of its own.
    """

    def __init__(self, answer, *, grpc=False, **methods):
        for name, method in methods.items():
            setattr(self, name, FakeHandle(method, grpc=grpc))
        self.calls = []
        self.responses = []
        self.answer, self.grpc = answer, grpc

    def remote(self, *args):
        self.calls.append(args)
        self.responses.append(FakeResponse(self.answer, args, self.grpc))
        return self.responses[-1]

    def options(self, method_name, stream):
        return self


class HandleTo:
    """Looks like a DeploymentHandle on an object that lives right here."""

    def __init__(self, target):
        self._target = target

    def __getattr__(self, method):
        return FakeHandle(getattr(self._target, method))

    def options(self, method_name, stream):
        return _Streaming(getattr(self._target, method_name))


class _Streaming:
    def __init__(self, method):
        self._method = method

    def remote(self, *args):
        return _Stream(self._method(*args))


class _Stream:
    def __init__(self, items):
        self._items = items

    def __aiter__(self):
        return self._items

    def cancel(self):
        pass


class FakeResponse:
    """Looks like a DeploymentResponse, that may be awaited more than once, or like a stream."""

    def __init__(self, answer, args, grpc):
        self._answer, self._args, self._grpc = answer, args, grpc
        self.cancelled = False

    def __await__(self):
        return self._run().__await__()

    def cancel(self):
        self.cancelled = True

    async def __aiter__(self):
        """Two steps' progress, the first with a preview, then the answer."""
        for step, pixels in ((0, None), (1, np.zeros((64, 128, 3), np.uint8)), (2, None)):
            index = None if pixels is None else 0
            yield Progress(step, 4, 0.5, 0, pixels, index)
        yield await self

    async def _run(self):
        try:
            result = self._answer(*self._args)
            if hasattr(result, "__await__"):
                result = await result
        except Exception as error:
            if self._grpc:
                raise
            raise RayTaskError("fake", f"traceback: {error}", error).as_instanceof_cause() from None
        if isinstance(result, BaseException) and not isinstance(result, ServiceError):
            raise result
        return result


def edges(request) -> ImageResult:
    width, height = request.size or (32, 32)
    return ImageResult(np.zeros((height, width), np.uint8), report("canny"))


def generated(request, terms, edges=None) -> ImageResult:
    """An image whose grey is its seed."""
    shape = (request.height, request.width, 3)
    return ImageResult(np.full(shape, request.seed % 256, np.uint8), report("generate"))


def enlarged(picture, scale) -> ImageResult:
    return ImageResult(np.zeros((64 * scale, 128 * scale, 3), np.uint8), report("upscale"))


def described(picture) -> CaptionResult:
    return CaptionResult("a red circle", report("caption"))


LABELS = ("circle", "square")


def classified(picture) -> ClassResult:
    """A circle, of an image and of pixel values."""
    return ClassResult(LABELS, np.array([0.75, 0.25], np.float32), report("classify"))


def preprocessed(picture) -> PreprocessResult:
    return PreprocessResult(np.full((3, 4, 4), 0.5, np.float32), report("preprocess"))


def handles(grpc=False, **answers) -> dict[str, FakeHandle]:
    """One for each stage, by its name in `Stages`; `answers` replace the usual ones."""
    usual = {
        "canny": edges,
        "generator": generated,
        "upscaler": enlarged,
        "captioner": described,
    }
    made = {name: FakeHandle(answers.get(name, usual[name]), grpc=grpc) for name in usual}
    return made | {"classifier": classifier()}


def classifier() -> FakeHandle:
    return FakeHandle(
        classified,
        preprocess=preprocessed,
        classify=classified,
        describe=lambda: ClassifierCard((3, 4, 4), LABELS),
    )
