"""Composition root: the only file that knows the ingress and the deployments both.

Postponed annotations stay out of this file: with them Ray hands the builder an unvalidated dict.
"""

from ray.serve import Application

from serve_app.config import AppArgs
from serve_app.deployments.canny import Canny
from serve_app.deployments.captioner import Captioner
from serve_app.deployments.classifier import Classifier
from serve_app.deployments.generator import Generator
from serve_app.deployments.upscaler import Upscaler
from serve_app.ingress.api import Ingress
from serve_app.ingress.jobs.deployment import Jobs


def build_app(args: AppArgs) -> Application:
    """Compose the service from the `args:` of a Serve YAML file."""
    models, limits = args.models, args.limits
    stages = {
        "canny": Canny.bind(limits),
        "generator": Generator.bind(models.generator, limits, args.defaults),
        "upscaler": Upscaler.bind(models.upscaler, limits),
        "captioner": Captioner.bind(models.captioner, limits),
        "classifier": Classifier.bind(models.classifier, limits),
    }
    jobs = Jobs.bind(args, **stages) if args.jobs is not None else None
    return Ingress.bind(args, **stages, jobs=jobs)
