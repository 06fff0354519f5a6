import diffusers
import pytest
import transformers

from tests.unit.runtimes.loading import Stop


@pytest.fixture
def asked(monkeypatch):
    """What `from_pretrained` is asked for, by class; networks come last and end the loading."""
    seen = []

    def record(owner, name, ends):
        def from_pretrained(path, **options):
            seen.append((name, path, options.get("revision")))
            if ends:
                raise Stop

        monkeypatch.setattr(getattr(owner, name), "from_pretrained", from_pretrained)

    record(diffusers, "ControlNetModel", False)
    record(diffusers, "StableDiffusionControlNetPipeline", True)
    record(transformers, "AutoImageProcessor", False)
    record(transformers, "AutoTokenizer", False)
    record(transformers, "GitForCausalLM", True)
    record(transformers, "ViTForImageClassification", True)
    return seen
