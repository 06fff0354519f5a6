"""The ControlNet extension's unit of a generation, in the service's words."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from serve_app.config import AppArgs
from serve_app.errors import InvalidField, InvalidRequest
from serve_app.ingress import checks
from serve_app.ingress.problems import invalid_field
from serve_app.ingress.webui.neutral import asks
from serve_app.ingress.webui.schema import ControlUnit

SCRIPT = "controlnet"
FIELD = "alwayson_scripts.controlnet.args"
MODEL = "canny"
MODULES = ("none", "canny")


@dataclass(frozen=True)
class Control:
    """`image` is encoded, and an edge map already where `is_edges`; `ignored` are the unit's fields
    that have no effect."""

    image: bytes
    is_edges: bool
    weight: float | None
    thresholds: tuple[int, int]
    ignored: list[str]


def control_of(script: Any, args: AppArgs, init_image: bytes | None = None) -> Control | None:
    """What `alwayson_scripts.controlnet` asks for, None if nothing.

    A unit without an image of its own takes the one that image to image starts from. Raises
    InvalidField, and InvalidRequest for what is not here: another module or model, a second unit.
    """
    units = [unit for unit in map(_unit, _units(script)) if unit.enabled is not False]
    if not units:
        return None
    if len(units) > 1:
        raise InvalidRequest("one ControlNet unit is served at a time").about(FIELD)
    (unit,) = units
    sent = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
    if sent is not None and not isinstance(sent, str):
        raise InvalidField(f"{FIELD}: an image is text in base64").about(FIELD)
    image = checks.from_base64(sent, FIELD) if sent else init_image
    if image is None:
        raise InvalidRequest("the ControlNet unit has no image").about(FIELD)
    model = (unit.model or "none").lower()
    if model != "none" and MODEL not in model:
        raise InvalidRequest(f"ControlNet model not found; here is {MODEL}").about(FIELD)
    module = module_of(unit.module, FIELD)
    thresholds = thresholds_of(unit.threshold_a, unit.threshold_b, args)
    ignored = [f"controlnet.{name}" for name in asks(unit.model_extra)]
    return Control(image, module == "none", unit.weight, thresholds, ignored)


def module_of(name: str | None, param: str) -> str:
    """One of `MODULES`. Raises InvalidRequest."""
    module = (name or "none").lower()
    if module not in MODULES:
        message = f"ControlNet module not found; here are {', '.join(MODULES)}"
        raise InvalidRequest(message).about(param)
    return module


def thresholds_of(low: float | None, high: float | None, args: AppArgs) -> tuple[int, int]:
    """Canny's, the lower one first, as OpenCV takes them."""
    given = [None if each is None or each < 0 else round(each) for each in (low, high)]
    values = [
        default if each is None else each
        for each, default in zip(given, checks.thresholds(None, None, args), strict=True)
    ]
    return min(values), max(values)


def _units(script: Any) -> list[Any]:
    found = script.get("args") if isinstance(script, dict) else None
    if found is not None and not isinstance(found, list):
        raise InvalidField(f"{FIELD}: not a list").about(FIELD)
    return [unit for unit in found or [] if unit]


def _unit(sent: Any) -> ControlUnit:
    if not isinstance(sent, dict):
        raise InvalidField(f"{FIELD}: a unit is an object").about(FIELD)
    try:
        return ControlUnit.model_validate(sent)
    except ValidationError as error:
        raise invalid_field(error.errors()).about(FIELD) from error
