"""A Serve YAML file, read and checked before anything is started.

Ray accepts a misspelt key in silence, and finds the rest only once it runs.
"""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy
from ray.serve.schema import (
    DeploymentSchema,
    HTTPOptionsSchema,
    LoggingConfig,
    RayActorOptionsSchema,
    ServeApplicationSchema,
    ServeDeploySchema,
    gRPCOptionsSchema,
)

from serve_app.config import Limits
from serve_app.launcher import CannotStart


class InvalidConfig(CannotStart):
    """The file is missing or wrong; the message says where."""

    exit_code = 2


def read_config(path: Path, host: str | None = None, port: int | None = None) -> ServeDeploySchema:
    """A Serve YAML file, checked, with another address where one is given. Raises InvalidConfig."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise InvalidConfig(f"{path}: no valid YAML: {' '.join(str(error).split())}") from error
    try:
        config = check(content)
    except ValueError as error:
        raise InvalidConfig(f"{path}: {error}") from error
    address = {"host": host, "port": port}
    given = {name: value for name, value in address.items() if value is not None}
    options = config.http_options.model_copy(update=given)
    return config.model_copy(update={"http_options": options})


def check(content: Any) -> ServeDeploySchema:
    """A Serve file's content as Ray has it. Raises ValueError with what is wrong, in one line."""
    if not isinstance(content, dict) or not content.get("applications"):
        raise ValueError("no Serve file: it has no list of applications")
    config = _valid(ServeDeploySchema, content, "")
    _known(content, ServeDeploySchema, "")
    _known(content.get("http_options"), HTTPOptionsSchema, "http_options.")
    _known(content.get("grpc_options"), gRPCOptionsSchema, "grpc_options.")
    _known(content.get("logging_config"), LoggingConfig, "logging_config.")
    for application in content["applications"]:
        where = f"{application.get('name', 'default')}."
        _known(application, ServeApplicationSchema, where)
        names = _check_import(application, where)
        for deployment in application.get("deployments") or ():
            inside = f"{where}{deployment['name']}."
            if deployment["name"] not in names:
                raise ValueError(f"{inside[:-1]}: no such deployment; there are {', '.join(names)}")
            _known(deployment, DeploymentSchema, inside)
            _known(deployment.get("ray_actor_options"), RayActorOptionsSchema, inside)
            scaling = deployment.get("autoscaling_config")
            if scaling and scaling != "auto":
                _known(scaling, AutoscalingConfig, inside)
                _known(scaling.get("policy"), AutoscalingPolicy, f"{inside}policy.")
    return config


def longest_request_s(config: ServeDeploySchema) -> float:
    """How long a request may take in any of the file's applications."""
    limits = [application.args.get("limits", {}) for application in config.applications]
    return max(float(each.get("request_timeout_s", Limits().request_timeout_s)) for each in limits)


def _check_import(application: Mapping[str, Any], where: str) -> list[str]:
    """The names of the deployments that an application's module knows, its `args` checked too."""
    module_name, _, name = application["import_path"].replace(":", ".").rpartition(".")
    try:
        module = importlib.import_module(module_name)
        builder = getattr(module, name)
    except Exception as error:
        raise ValueError(f"{where}import_path: {type(error).__name__}: {error}") from error
    if inspect.isfunction(builder):
        for parameter in inspect.signature(builder).parameters.values():
            if inspect.isclass(parameter.annotation) and issubclass(
                parameter.annotation, BaseModel
            ):
                _valid(parameter.annotation, application.get("args") or {}, f"{where}args.")
    return sorted(v.name for v in vars(module).values() if isinstance(v, serve.Deployment))


def _valid(model: type[BaseModel], content: Any, where: str) -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = (
            f"{where}{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        raise ValueError("; ".join(faults)) from error


def _known(keys: Iterable[str] | None, model: type[BaseModel], where: str) -> None:
    unknown = sorted(set(keys or ()) - set(model.model_fields))
    if unknown:
        keys = ", ".join(sorted(model.model_fields))
        raise ValueError(f"{where}{unknown[0]}: no such key; there are {keys}")
