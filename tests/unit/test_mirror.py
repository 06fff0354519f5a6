"""The tests of a file are where the file is: `serve_app/a/b.py` in `tests/unit/a/test_b.py`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICE, UNIT = ROOT / "serve_app", ROOT / "tests" / "unit"

TESTED_ELSEWHERE = {
    "declarations, seen over the whole API": {
        "ingress/controlnet/schema.py",
        "ingress/jobs/schema.py",
        "ingress/openai/schema.py",
        "ingress/operations/schema.py",
        "ingress/stages/schema.py",
        "ingress/webui/schema.py",
    },
    "declarations, without behaviour": {
        "client/errors.py",
        "client/results.py",
        "ingress/middleware/special_paths.py",
        "messages.py",
    },
    "needs a running Serve: tests/e2e": {
        "app.py",
        "deployments/canny.py",
        "deployments/captioner.py",
        "deployments/upscaler.py",
    },
    "needs real networks: tests/integration": {
        "runtimes/attention.py",
        "runtimes/denoiser.py",
        "runtimes/git_decoding.py",
        "runtimes/openvino.py",
    },
    "converts real networks: tests/integration": {
        "jobs/convert/__main__.py",
        "jobs/convert/single_file.py",
        "jobs/convert/timm_reference.py",
        "jobs/triton_store/networks.py",
    },
    "tests/unit/jobs/test_triton_store.py": {
        "jobs/triton_store/__main__.py",
        "jobs/triton_store/configurations.py",
        "jobs/triton_store/pictures.py",
        "jobs/triton_store/preprocess.py",
    },
    "runs on Ray Data: tests/integration/test_jobs_images.py and test_jobs_tables.py": {
        "jobs/caption.py",
        "jobs/classify.py",
        "jobs/folders/options.py",
        "jobs/images/__main__.py",
        "jobs/images/actor.py",
        "jobs/images/models.py",
        "jobs/tables/actors.py",
        "jobs/tables/command.py",
    },
    "runs on Ray Data: tests/integration/test_evaluate.py and test_evaluate_generator.py": {
        "jobs/evaluate/generation/making.py",
        "jobs/evaluate/generation/predict.py",
        "jobs/evaluate/predict.py",
    },
    "words of the reports: tests/unit/jobs/evaluate/test_report.py": {
        "jobs/evaluate/wording.py",
    },
    "tests/unit/jobs/images/test_report.py": {
        "jobs/folders/summary.py",
        "jobs/folders/tables.py",
        "jobs/images/gallery.py",
    },
    "measures real networks for minutes": {
        "jobs/optimise/measure.py",
        "jobs/optimise/subjects.py",
        "jobs/optimise/worker.py",
    },
}
OF_MORE_THAN_ONE_FILE = {
    "jobs/test_triton_store.py",
    "client/test_signatures.py",
    "test_architecture.py",
    "test_config_files.py",
    "test_limits.py",
    "test_mirror.py",
    "test_notebook.py",
    "test_operating.py",
    "test_packaging.py",
}
OTHER_ROOMS = {"benchmarks", "demo", "deploy", "loadtest"}


def place_of_tests(module: Path) -> Path:
    """Where the tests of a file are, relative to `tests/unit`."""
    return module.parent / f"test_{module.stem.strip('_')}.py"


MODULES = {path.relative_to(SERVICE) for path in SERVICE.rglob("*.py") if path.stem != "__init__"}
TESTS = {path.relative_to(UNIT) for path in UNIT.rglob("test_*.py")}
EXCUSED = {Path(name) for names in TESTED_ELSEWHERE.values() for name in names}


def test_every_file_has_tests_of_its_own_or_a_reason_why_not():
    without = {module for module in MODULES if place_of_tests(module) not in TESTS}
    assert without - EXCUSED == set(), "write its tests, or say above why it has none"


def test_no_reason_has_outlived_its_file():
    assert EXCUSED <= MODULES
    assert {module for module in EXCUSED if place_of_tests(module) in TESTS} == set()


def test_no_tests_have_outlived_their_file():
    expected = {place_of_tests(module) for module in MODULES}
    expected |= {Path(name) for name in OF_MORE_THAN_ONE_FILE}
    stray = {path for path in TESTS - expected if path.parts[0] not in OTHER_ROOMS}
    assert stray == set()


@pytest.mark.parametrize(
    ("module", "test"), [("client/__main__.py", "client/test_main.py"), ("a.py", "test_a.py")]
)
def test_the_names_of_files_and_their_tests(module, test):
    assert place_of_tests(Path(module)) == Path(test)
