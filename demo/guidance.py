"""`python -m demo.guidance`: what ending guidance early and clamping latents do.

Draws held-out scenes along their edges with each setting, prints how near the pictures come to the
scenes, and writes `docs/guidance.png`: a column a setting, from left to right as printed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from PIL import Image

from demo import measures
from demo.architectures import IMAGE_SIZE
from demo.control import canny
from demo.heldout import held_out_scenes
from demo.served import Generator
from demo.shapes import Scene, caption, render
from serve_app.imaging.comparison import edge_f1, psnr
from serve_app.model_config import PROJECT_ROOT

_SETTINGS: dict[str, dict[str, object]] = {
    "plain": {"guidance_end": 1.0, "latent_clamp": False},
    "clamped": {"guidance_end": 1.0, "latent_clamp": True},
    "ended early": {"guidance_end": 0.4, "latent_clamp": False},
    "both": {"guidance_end": 0.4, "latent_clamp": True},
}
_SHOWN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100)
    count = parser.parse_args().count
    generator = Generator()
    scenes = list(held_out_scenes(count, "control", same_kind=False))
    print("| guidance | setting | shape colours | PSNR to the scene | edge F1 |")
    print("|---|---|---|---|---|")
    columns = []
    for scale in (3.0, 9.0):
        for name, fields in _SETTINGS.items():
            images = _draw(generator, scenes, fields | {"guidance_scale": scale})
            print(f"| {scale:g} | {name} | {_row(images, scenes)} |")
            columns.append(np.concatenate(images[:_SHOWN]))
    sheet = np.concatenate(columns, axis=1)
    Image.fromarray(sheet).save(PROJECT_ROOT / "docs" / "guidance.png", optimize=True)


def _draw(generator: Generator, scenes: list[Scene], fields: dict[str, object]) -> list[np.ndarray]:
    works = [
        generator.work_of(caption(scene), seed, render(scene, IMAGE_SIZE))
        for seed, scene in enumerate(scenes)
    ]
    return generator.draw_all(
        [replace(work, request=replace(work.request, **fields)) for work in works]
    )


def _row(images: list[np.ndarray], scenes: list[Scene]) -> str:
    right, decibels, f1 = [], [], []
    for image, scene in zip(images, scenes, strict=True):
        colors = measures.shape_colors(image, scene)
        right += [a == shape.color for a, shape in zip(colors, scene.shapes, strict=True)]
        truth = render(scene, IMAGE_SIZE)
        decibels.append(psnr(image, truth))
        f1.append(edge_f1(canny(image), canny(truth)))
    return f"{np.mean(right):.1%} | {np.mean(decibels):.1f} dB | {np.mean(f1):.3f}"


if __name__ == "__main__":
    main()
