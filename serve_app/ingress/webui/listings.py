"""What clients ask for when they start: names of what is here, and settings."""

import os
from typing import Annotated, Any

from fastapi import APIRouter, Body

from serve_app.config import AppArgs
from serve_app.ingress.described import examples
from serve_app.ingress.json_body import JsonRoute
from serve_app.ingress.webui.controlnet import MODEL, MODULES
from serve_app.ingress.webui.conversion import check_model
from serve_app.ingress.webui.document import errors
from serve_app.ingress.webui.samplers import SAMPLERS, SCHEDULERS, aliases_of
from serve_app.metrics.readings import resident_bytes

UPSCALERS = {"Swin2SR 2x": 2, "Swin2SR 4x": 4}
EMPTY = (
    "extensions", "face-restorers", "hypernetworks", "latent-upscale-modes", "loras",
    "prompt-styles", "realesrgan-models", "script-info", "sd-vae",
)  # fmt: skip
REFRESHED = ("refresh-checkpoints", "refresh-loras", "refresh-vae")
Settings = Annotated[
    dict[str, Any],
    Body(
        description="settings by name",
        openapi_examples=examples(none={}, one_that_is_so={"samples_format": "png"}),
    ),
]
Listing = list[dict[str, Any]]


def build_router(args: AppArgs) -> APIRouter:
    """The routes, which ask no stage."""
    router = APIRouter(tags=["web UI"], responses=errors(), route_class=JsonRoute)
    model = args.models.generator.name

    @router.get("/sdapi/v1/options")
    async def options() -> dict[str, Any]:
        """The settings that there are: the only model is the checkpoint."""
        return {
            "sd_model_checkpoint": model,
            "sd_checkpoint_hash": "",
            "sd_vae": "None",
            "samples_format": "png",
            "CLIP_stop_at_last_layers": 1,
            "enable_pnginfo": args.embed_parameters,
        }

    @router.post("/sdapi/v1/options")
    async def set_options(body: Settings) -> dict[str, list[str]]:
        """The checkpoint may be set to the one that is here; the answer lists what is ignored."""
        check_model(body.get("sd_model_checkpoint"), args, "sd_model_checkpoint")
        now = await options()
        return {
            "ignored": sorted(
                name
                for name in body.keys() - {"sd_model_checkpoint"}
                if body[name] != now.get(name)
            )
        }

    @router.get("/sdapi/v1/sd-models")
    async def sd_models() -> Listing:
        names = {"title": model, "model_name": model, "filename": model}
        return [names | {"hash": None, "sha256": None, "config": None}]

    @router.get("/sdapi/v1/samplers")
    async def samplers() -> Listing:
        return [{"name": name, "aliases": aliases_of(name), "options": {}} for name in SAMPLERS]

    @router.get("/sdapi/v1/schedulers")
    async def schedulers() -> Listing:
        plain = {"aliases": None, "default_rho": -1, "need_inner_model": False}
        return [{"name": name, "label": label} | plain for name, label in SCHEDULERS.items()]

    @router.get("/sdapi/v1/upscalers")
    async def upscalers() -> Listing:
        offered = args.models.upscaler.by_scale
        found = {"None": 4} | {name: by for name, by in UPSCALERS.items() if by in offered}
        plain = {"model_name": None, "model_path": None, "model_url": None}
        return [{"name": name, "scale": scale} | plain for name, scale in found.items()]

    @router.get("/sdapi/v1/embeddings")
    async def embeddings() -> dict[str, dict[str, Any]]:
        return {"loaded": {}, "skipped": {}}

    @router.get("/sdapi/v1/scripts")
    async def scripts() -> dict[str, list[str]]:
        return {"txt2img": ["controlnet"], "img2img": ["controlnet"]}

    @router.get("/sdapi/v1/cmd-flags")
    async def cmd_flags() -> dict[str, Any]:
        return {"api": True}

    @router.get("/sdapi/v1/memory")
    async def memory() -> dict[str, dict[str, Any]]:
        """The ingress replica's, in bytes: models are in other processes, seen at `/metrics`."""
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        used = resident_bytes() or 0
        ram = {"free": total - used, "used": used, "total": total}
        return {"ram": ram, "cuda": {"error": "unavailable"}}

    async def nothing() -> Listing:
        """There are none here."""
        return []

    async def refreshed() -> None:
        """Nothing is read again: what is served comes from the configuration."""

    for name in EMPTY:
        router.add_api_route(f"/sdapi/v1/{name}", nothing, methods=["GET"], name=name)
    for name in REFRESHED:
        router.add_api_route(f"/sdapi/v1/{name}", refreshed, methods=["POST"], name=name)

    @router.get("/controlnet/version")
    async def version() -> dict[str, int]:
        return {"version": 3}

    @router.get("/controlnet/settings")
    async def settings() -> dict[str, int]:
        return {"control_net_unit_count": 1}

    @router.get("/controlnet/model_list")
    async def model_list() -> dict[str, list[str]]:
        return {"model_list": [MODEL]}

    @router.get("/controlnet/module_list")
    async def module_list() -> dict[str, Any]:
        defaults = args.defaults
        sliders = [
            {"name": f"Canny {name} Threshold", "value": value, "min": 0, "max": 255, "step": 1}
            for name, value in (
                ("Low", defaults.canny_low_threshold),
                ("High", defaults.canny_high_threshold),
            )
        ]
        details = {
            name: {"model_free": False, "sliders": [None, *sliders] if name == "canny" else []}
            for name in MODULES
        }
        return {"module_list": list(MODULES), "module_detail": details}

    @router.get("/controlnet/control_types")
    async def control_types() -> dict[str, Any]:
        kind = {
            "module_list": list(MODULES),
            "model_list": ["None", MODEL],
            "default_option": "canny",
            "default_model": MODEL,
        }
        return {"control_types": {"All": kind, "Canny": kind}}

    return router
