"""Web UI's names of samplers and schedulers, and this service's of the same."""

from serve_app.config import SamplerName
from serve_app.errors import InvalidRequest
from serve_app.imaging.png_parameters import SAMPLER_NAMES

SAMPLERS = {theirs: ours for ours, theirs in SAMPLER_NAMES.items()}
_ALIASES: dict[SamplerName, list[str]] = {
    "dpmpp_2m": ["k_dpmpp_2m"],
    "dpmpp_2m_karras": ["k_dpmpp_2m_ka"],
    "euler": ["k_euler"],
    "euler_a": ["k_euler_a", "k_euler_ancestral"],
}
SCHEDULERS = {"automatic": "Automatic", "karras": "Karras"}
_OURS = {
    alias.lower(): ours
    for name, ours in SAMPLERS.items()
    for alias in (name, ours, *_ALIASES.get(ours, []))
}


def aliases_of(name: str) -> list[str]:
    """Other names of one of `SAMPLERS`."""
    return [SAMPLERS[name], *_ALIASES.get(SAMPLERS[name], [])]


def sampler_of(name: str | None, scheduler: str | None) -> tuple[SamplerName | None, bool]:
    """This service's name of a sampler, None where none is asked for, and whether the scheduler was
    heeded.

    Web UI's automatic scheduler is Karras' for DPM++ 2M, and each other sampler's own. Raises
    InvalidRequest for a sampler that is not here.
    """
    wanted = (scheduler or "automatic").strip().lower()
    if not name:
        return None, wanted == "automatic"
    ours = _OURS.get(name.strip().lower())
    if ours is None:
        message = f"sampler not found; here are {', '.join(SAMPLERS)}"
        raise InvalidRequest(message).about("sampler_name")
    if name.strip() != "DPM++ 2M":
        return ours, wanted == "automatic" or (wanted, ours) == ("karras", "dpmpp_2m_karras")
    karras = wanted in ("automatic", "karras")
    return ("dpmpp_2m_karras" if karras else "dpmpp_2m"), karras or wanted == "uniform"
