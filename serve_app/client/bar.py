"""The progress bar: denoising steps of all images of a request, the ETA, the place in the queue."""

from typing import Self, TextIO

from tqdm import tqdm

from serve_app.client.results import Progress


class StepsBar:
    """Follows the events of a request for `count` images. Shows nothing before the first one.

    Shows nothing if `file` (stderr if None) is not a terminal, unless `always`.
    """

    def __init__(self, count: int, file: TextIO | None = None, always: bool = False) -> None:
        self._count = count
        self._file = file
        self._disable = False if always else None  # tqdm's None: unless it is a terminal
        self._bar: tqdm | None = None
        self._latest: dict[int, Progress] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def follow(self, event: Progress) -> None:
        """Update the bar from an event."""
        self._latest[event.seed] = event
        if self._bar is None:
            self._bar = tqdm(
                total=self._count * event.num_inference_steps,
                unit="step",
                file=self._file,
                disable=self._disable,
                leave=False,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps{postfix}",
            )
        # How many images a job has is seen from its events.
        self._bar.total = max(self._count, len(self._latest)) * event.num_inference_steps
        self._bar.n = sum(image.step for image in self._latest.values())
        self._bar.set_postfix_str(self._outlook())

    def _outlook(self) -> str:
        latest = self._latest.values()
        waiting = [image.queue_position for image in latest if image.queue_position]
        eta = f"{max(image.eta_s for image in latest):.1f} s left"
        return f"number {min(waiting)} in the queue, {eta}" if waiting else eta
