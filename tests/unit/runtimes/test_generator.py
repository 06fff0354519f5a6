"""What the generator is loaded from; what it makes: tests/integration."""

import pytest

from serve_app.model_config import GeneratorModel
from tests.unit.runtimes.loading import Stop


def test_every_part_is_loaded_at_its_revision(asked):
    from serve_app.runtimes.generator import GeneratorRuntime

    model = GeneratorModel(
        name="x", path="hub/a", revision="v1", controlnet="hub/b", controlnet_revision="v2"
    )
    with pytest.raises(Stop):
        GeneratorRuntime(model)
    assert asked == [
        ("ControlNetModel", "hub/b", "v2"),
        ("StableDiffusionControlNetPipeline", "hub/a", "v1"),
    ]
