"""What the real-size check changes in a configuration, and the vocabularies it makes."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.real_size import placed, vocabularies
from serve_app.config import AppArgs
from serve_app.model_config import PROJECT_ROOT


@pytest.mark.parametrize("name", ["sd15-gpu.yaml", "sd15-cluster.yaml"])
def test_only_paths_and_placement_change(name):
    config = yaml.safe_load((PROJECT_ROOT / "configs" / name).read_text())
    made = placed.on_cpu(config, Path("/models"), "bfloat16")
    args, models = (each["applications"][0]["args"] for each in (config, made))
    models = models["models"]
    assert models["generator"] | {"placement": None} == args["models"]["generator"] | {
        "path": "/models/generator", "controlnet": "/models/controlnet", "placement": None,
    }  # fmt: skip
    assert [models["upscaler"][scale] for scale in ("x2", "x4")] == [
        "/models/upscaler-x2", "/models/upscaler-x4",
    ]  # fmt: skip
    for model in models.values():
        assert model["placement"] == {"device": "cpu", "dtype": "bfloat16"}
    AppArgs.model_validate(made["applications"][0]["args"])
    for deployment in made["applications"][0]["deployments"]:
        assert deployment["ray_actor_options"] == {"num_cpus": 0}
    # The rest is as it was.
    for one, other in zip(config["applications"], made["applications"], strict=True):
        one["args"]["models"] = other["args"]["models"]
        for was, is_now in zip(one["deployments"], other["deployments"], strict=True):
            was["ray_actor_options"] = is_now["ray_actor_options"]
    assert made == config


def test_clips_vocabulary_has_its_size_and_every_merge_its_parts(tmp_path):
    vocabularies.write_clip(tmp_path / "tokenizer")
    vocabulary = json.loads((tmp_path / "tokenizer" / "vocab.json").read_text())
    assert sorted(vocabulary.values()) == list(range(49_408))
    header, *merges = (tmp_path / "tokenizer" / "merges.txt").read_text().splitlines()
    assert header == "#version: 0.2" and len(merges) == 48_894
    known = set(list(vocabulary)[:512])
    for merge in merges:
        left, right = merge.split(" ")
        assert left in known and right in known
        known.add(left + right)
    assert known | set(vocabularies._CLIP_SPECIAL) == set(vocabulary)


def test_berts_vocabulary_has_its_size_and_special_tokens(tmp_path):
    vocabularies.write_bert(tmp_path)
    tokens = (tmp_path / "vocab.txt").read_text().splitlines()
    assert len(tokens) == len(set(tokens)) == 30_522
    assert [tokens[index] for index in (0, 100, 101, 102, 103)] == [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    ]  # fmt: skip
