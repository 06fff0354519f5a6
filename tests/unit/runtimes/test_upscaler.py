"""What the upscaler is loaded from; what it makes: tests/integration."""

import pytest
import transformers

from serve_app.model_config import UpscalerModel
from tests.unit.runtimes.loading import Stop


def test_every_part_is_loaded_at_its_revision(asked, monkeypatch):
    from serve_app.runtimes import upscaler

    class Network:
        def to(self, device):
            return self

        def eval(self):
            return self

    def from_pretrained(path, revision, **options):
        asked.append(("Swin2SR", path, revision))
        return Network()

    def judged(kind, model, sources, placed):
        asked.append(sources)
        raise Stop

    monkeypatch.setattr(
        transformers.Swin2SRForImageSuperResolution, "from_pretrained", from_pretrained
    )
    monkeypatch.setattr(upscaler, "Enlargement", lambda network: network)
    monkeypatch.setattr(upscaler, "require_passed", judged)
    model = UpscalerModel(x2="hub/a", x2_revision="v1", x4="hub/b")
    with pytest.raises(Stop):
        upscaler.UpscalerRuntime(model)
    assert asked == [
        ("Swin2SR", "hub/a", "v1"), ("AutoImageProcessor", "hub/a", "v1"),
        ("Swin2SR", "hub/b", "main"), ("AutoImageProcessor", "hub/b", "main"),
        model.sources,
    ]  # fmt: skip
