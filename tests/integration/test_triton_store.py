"""A Triton model repository answers as the service's classifier does.

Triton itself is not here: its Python model is run in a process of its own, with the copied code and
a stand-in for Triton's module, and the networks by ONNX Runtime and by TorchScript.
"""

import pickle
import subprocess
import sys
import sysconfig

import numpy as np
import pytest
import yaml
from PIL import Image

from serve_app.imaging import codec
from serve_app.jobs.triton_store import __main__ as job
from serve_app.jobs.triton_store import networks
from serve_app.model_config import PROJECT_ROOT, ClassifierModel
from serve_app.runtimes.classifier import ClassifierRuntime
from tests.images import encoded, sketch

# Run isolated, as Triton does: the service's own code cannot be imported.
PREPROCESS = """
import json, pathlib, pickle, sys
version, stand_ins, packages = sys.argv[1:]
sys.path += [version, stand_ins, packages]
import model, triton_python_backend_utils as utils
import numpy as np
python_model = model.TritonPythonModel()
python_model.initialize({
    "model_repository": str(pathlib.Path(version).parent), "model_version": "1",
    "model_config": json.dumps({
        "parameters": {"max_image_pixels": {"string_value": "16777216"}},
        "output": [{"dims": ["3", "64", "64"]}],
    }),
})
batches = pickle.load(sys.stdin.buffer)
requests = [[utils.Tensor("image", np.array(each, object).reshape(-1, 1))] for each in batches]
answers = python_model.execute(requests)
heavy = sorted({"torch", "transformers", "cv2", "pydantic"} & set(sys.modules))
found = [each.error.message if each.error else each.outputs[0].array for each in answers]
pickle.dump((heavy, sys.modules["serve_app"].__file__, found), sys.stdout.buffer)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    out = tmp_path_factory.mktemp("triton") / "repository"
    assert job.main([str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def runtime():
    return ClassifierRuntime(ClassifierModel(path="demo/weights/classifier"))


def preprocess(repository, batches):
    version = repository / "preprocess" / "1"
    packages = sysconfig.get_paths()["purelib"]
    stand_ins = PROJECT_ROOT / "tests" / "stand_ins"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PREPROCESS, version, stand_ins, packages],
        input=pickle.dumps(batches),
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    heavy, origin, found = pickle.loads(done.stdout)
    assert not heavy and origin == str(version / "serve_app" / "__init__.py")
    return found


def pictures():
    sideways = Image.Exif()
    sideways[0x0112] = 6
    return [
        encoded(sketch(100, 60)),
        encoded(sketch(1200, 900), "JPEG"),
        encoded(sketch(300, 200), "JPEG", exif=sideways.tobytes()),
        encoded(sketch(90, 200).convert("RGBA"), "WEBP"),
        encoded(sketch(50, 50).convert("L"), "TIFF"),
        (PROJECT_ROOT / "docs" / "samples.png").read_bytes(),
    ]


def test_probabilities_are_those_of_the_service(repository, runtime):
    side = max(runtime.input_shape)
    decoded = [codec.decode(each, 2**24, least_side=side) for each in pictures()]
    expected = runtime.classify(runtime.preprocess(decoded))
    batch, one, refused = preprocess(repository, [pictures(), pictures()[:1], [b"no image"]])
    assert batch.dtype == np.float32 and np.array_equal(one[0], batch[0])
    assert refused.startswith("not an image")
    onnx = networks.run_onnx(repository / "classifier" / "1" / "model.onnx", batch)
    path = repository / "classifier_torchscript" / "1" / "model.pt"
    for found in (onnx, networks.run_torchscript(path, batch)):
        assert found.dtype == np.float32 and found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4
    assert np.abs(networks.run_torchscript(path, one) - expected[:1]).max() < 1e-4


def test_labels_lie_beside_every_model_that_classifies(repository, runtime):
    for name in ("classifier", "classifier_torchscript", "ensemble"):
        labels = (repository / name / "labels.txt").read_text().splitlines()
        assert tuple(labels) == runtime.labels
        assert (repository / name / "1").is_dir() and (repository / name / "config.pbtxt").exists()


def test_what_answers_differently_is_not_written(tmp_path, capsys, monkeypatch):
    settings = job._settings
    monkeypatch.setattr(job, "_settings", lambda runtime: settings(runtime) | {"image_std": [1.0]})
    assert job.main([str(tmp_path / "out")]) == 1
    assert "differs by more than" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_batches_are_those_of_the_serve_file(tmp_path, monkeypatch):
    config = yaml.safe_load((PROJECT_ROOT / "serve_config.yaml").read_text())
    (classifier,) = (
        each for each in config["applications"][0]["deployments"] if each["name"] == "Classifier"
    )
    classifier["user_config"] = {"max_batch_size": 5, "batch_wait_timeout_s": 0.5}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(job.networks, "write_onnx", lambda *_: None)
    monkeypatch.setattr(job.networks, "write_torchscript", lambda *_: None)
    monkeypatch.setattr(job, "differences", lambda *_: {})
    options = ["--config", str(tmp_path / "config.yaml"), "--instances", "3"]
    assert job.main([str(tmp_path / "out"), *options]) == 0
    text = (tmp_path / "out" / "classifier" / "config.pbtxt").read_text()
    assert "max_batch_size: 5" in text and "max_queue_delay_microseconds: 500000" in text
    assert "count: 3" in text
