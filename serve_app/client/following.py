"""The command `job`: how a job stands, its images when it is done, or its end."""

from argparse import Namespace
from pathlib import Path

from serve_app.client import Client, Job, files
from serve_app.client.bar import StepsBar
from serve_app.client.making import save


def job(client: Client, given: Namespace) -> None:
    """Follow, cancel or look at a job. Raises BadInput, ClientError."""
    if given.cancel:
        print(_line(client.jobs.cancel(given.id)))
    elif given.wait:
        _wait(client, given)
    else:
        print(_line(client.jobs.state(given.id)))


def _wait(client: Client, given: Namespace) -> None:
    if given.output:
        files.format_of(given.output)
        files.check_writable(given.output)
    with StepsBar(1) as bar:
        made = client.jobs.wait(given.id, on_progress=bar.follow)
    output = given.output or Path(f"out.{made.output_format}")
    if files.format_of(output) != made.output_format:
        raise files.BadInput(f"{output}: the job's images are {made.output_format}")
    save(made, output)


def _line(state: Job) -> str:
    """The status first, for scripts."""
    if state.error is not None:
        return f"{state.status}: {state.error}"
    if state.done:
        return state.status
    place = f", number {state.queue_position} in the queue" if state.queue_position else ""
    left = "" if state.eta_s is None else f", {state.eta_s:.1f} s left"
    return f"{state.status}, step {state.step} of {state.num_inference_steps}{place}{left}"
