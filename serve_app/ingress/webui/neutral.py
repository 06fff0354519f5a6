"""Which of the fields that this service does not know ask for something."""

from collections.abc import Iterator, Mapping
from typing import Any

# What clients send for all that they leave as it is.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "CLIP_stop_at_last_layers": (1,),
    "clip_skip": (1,),
    "control_mode": ("balanced",),
    "do_not_save_grid": (True,),
    "do_not_save_samples": (True,),
    "eta": (1,),
    "hr_option": ("both",),
    "hr_upscaler": ("none",),
    "image_cfg_scale": (1.5,),
    "initial_noise_multiplier": (1,),
    "inpainting_fill": (1,),
    "mask_blur": (4,),
    "override_settings_restore_afterwards": (True,),
    "processor_res": (512, -1),
    "resize_mode": ("resize and fill", "crop and resize", 1, 2),
    "s_noise": (1,),
    "sd_vae": ("none", "automatic"),
    "show_extras_results": (True,),
    "subseed": (-1,),
    "upscaler_2": ("none",),
    "upscaling_crop": (True,),
}


def asks(fields: Mapping[str, Any] | None) -> Iterator[str]:
    """The names, sorted, of the fields that do not say "nothing"."""
    for name, value in sorted((fields or {}).items()):
        plain = value.lower() if isinstance(value, str) else value
        if plain and plain not in _NEUTRAL.get(name, ()):
            yield name
