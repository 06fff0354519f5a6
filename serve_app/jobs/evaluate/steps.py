"""The steps of each task, in their order."""

from collections.abc import Callable

from serve_app.jobs.evaluate.generation.join import join as join_pictures
from serve_app.jobs.evaluate.generation.load import load as load_prompts
from serve_app.jobs.evaluate.generation.predict import predict as predict_pictures
from serve_app.jobs.evaluate.generation.preprocess import preprocess as preprocess_pictures
from serve_app.jobs.evaluate.join import join
from serve_app.jobs.evaluate.load import load
from serve_app.jobs.evaluate.metrics import metrics
from serve_app.jobs.evaluate.predict import predict
from serve_app.jobs.evaluate.preprocess import preprocess
from serve_app.jobs.evaluate.report import report
from serve_app.jobs.evaluate.run_folder import Left, Run

Step = Callable[[Run], Left]

_OF_ANSWERS: dict[str, Step] = {
    "load": load,
    "preprocess": preprocess,
    "predict": predict,
    "join": join,
    "metrics": metrics,
    "report": report,
}
_OF_PICTURES: dict[str, Step] = {
    "load": load_prompts,
    "preprocess": preprocess_pictures,
    "predict": predict_pictures,
    "join": join_pictures,
    "metrics": metrics,
    "report": report,
}
NAMES = tuple(_OF_ANSWERS)
STEPS = {"classify": _OF_ANSWERS, "caption": _OF_ANSWERS, "generate": _OF_PICTURES}
