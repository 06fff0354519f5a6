"""Whether one more job can be taken: within the bounds of those that wait, and in time."""

import math
import time
from collections.abc import Sequence

from serve_app.config import JobSettings
from serve_app.errors import DeadlineUnmet, QueueFull, mebibytes, over
from serve_app.ingress.openai.work import Work


def check_room(
    work: Work, taken: Sequence[Work], images: int, pace: float | None, settings: JobSettings
) -> None:
    """Raise QueueFull or DeadlineUnmet where `work` is not to be taken beside the work of those
    queued and running, `images` of them in all; an image takes `pace` seconds, if that is known."""
    held = sum(each.bytes for each in taken)
    if len(taken) >= settings.max_jobs:
        sent = f"{len(taken)} jobs are queued or running"
        full = QueueFull(over(sent, settings.max_jobs, "jobs.max_jobs"))
    elif held + work.bytes > settings.max_bytes:
        sent = f"queued jobs hold {mebibytes(held)}, and this one {mebibytes(work.bytes)}"
        full = QueueFull(over(sent, mebibytes(settings.max_bytes), "jobs.max_bytes"))
    else:
        return _check_in_time(work, images, pace, settings)
    raise full.after(max(1, math.ceil(images * (pace or 1.0))))


def _check_in_time(work: Work, images: int, pace: float | None, settings: JobSettings) -> None:
    finish_by, images = work.terms.finish_by, images + work.images
    if pace is None or finish_by is None or images <= settings.max_running:
        return  # the generator knows better when what begins at once will be finished
    late_s = images * pace - (finish_by - time.time())
    if late_s > 0:
        raise DeadlineUnmet(f"it would be finished in {images * pace:.1f} s").after(
            math.ceil(late_s)
        )
