"""What the captioner is loaded from; what it makes: tests/integration."""

import pytest

from serve_app.model_config import CaptionerModel
from tests.unit.runtimes.loading import Stop


def test_every_part_is_loaded_at_its_revision(asked):
    from serve_app.runtimes.captioner import CaptionerRuntime

    with pytest.raises(Stop):
        CaptionerRuntime(CaptionerModel(path="hub/a", revision="v1"))
    assert asked == [
        (name, "hub/a", "v1") for name in ("AutoImageProcessor", "AutoTokenizer", "GitForCausalLM")
    ]
