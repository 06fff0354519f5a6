"""Who may import whom. An arrow that is not drawn here does not belong in the code."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "model_config": set(),
    "config": {"model_config"},
    "errors": set(),
    "installation": set(),
    "messages": set(),
    "admission": {"errors"},
    "autoscaling": set(),
    "tracing": {"messages"},
    "observability": {"tracing"},
    "refusals": {"errors"},
    "metrics": {"admission", "errors", "messages", "observability", "metrics"},
    "timings": {"messages"},
    "imaging": {"config", "errors", "messages", "imaging"},
    "device": {"errors", "device"},
    "denoise": {"config", "device", "errors", "messages", "denoise"},
    "runtimes": {"config", "model_config", "errors", "messages", "imaging", "runtimes"},
    "deployments": {
        "autoscaling", "config", "model_config", "device", "errors", "messages", "imaging",
        "denoise", "runtimes", "observability", "metrics", "refusals", "tracing", "deployments",
    },
    "calls": {"errors", "observability", "metrics", "tracing"},
    "stages": {"messages", "calls"},
    "mailbox": {"errors"},
    "pipeline": {
        "config", "errors", "messages", "admission", "calls", "mailbox", "metrics", "stages",
    },
    "ingress": {
        "config", "errors", "messages", "admission", "calls", "mailbox", "pipeline", "stages",
        "imaging", "observability", "metrics", "refusals", "timings", "tracing", "ingress",
    },
    "app": {"config", "deployments", "ingress"},
    # Deployments are known to the launcher by the import path in the YAML alone.
    "ray_settings": set(),
    "launcher": {"config", "launcher", "ray_settings"},
    "__main__": {"installation", "launcher", "ray_settings"},
    "client": {"client"},
    "jobs": {
        "config", "model_config", "device", "errors", "installation", "messages", "imaging",
        "denoise", "runtimes", "jobs",
    },
}  # fmt: skip
SHARED_BY_DEPLOYMENTS = {
    "decoding", "denoising_spans", "gauges", "micro_batching", "starting",
}  # fmt: skip
FOLDERS = {"serve_app", "demo", "benchmarks", "loadtest"}


def imports(path: Path) -> set[str]:
    """Every module, and every name in it, that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide where they lead"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def our_imports(path: Path) -> set[tuple[str, str]]:
    """(package, module) of everything of the service's that a file imports."""
    parts = [name.split(".") for name in imports(path)]
    return {
        (each[1], each[2] if len(each) > 2 else "")
        for each in parts
        if each[0] == "serve_app" and len(each) > 1
    }


def outside(folder: str) -> set[tuple[str, str]]:
    """(file, folder) of what a folder imports of the other folders."""
    return {
        (path.relative_to(ROOT).as_posix(), name.partition(".")[0])
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(path)
        if name.partition(".")[0] in FOLDERS - {folder}
    }


def test_both_forms_of_import_are_seen(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("import torch.nn\nfrom torch import nn\nfrom serve_app import config\n")
    assert {"torch.nn", "torch", "serve_app.config"} <= imports(path)
    assert our_imports(path) == {("config", "")}


def test_imports_follow_the_drawn_arrows():
    strangers = []
    for path in (ROOT / "serve_app").rglob("*.py"):
        room = path.relative_to(ROOT / "serve_app").parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for target, _ in our_imports(path):
            if target not in MAY_IMPORT[room] | {"__version__"}:
                strangers.append(f"{path.relative_to(ROOT)} imports {target}")
    assert not strangers


def test_the_service_knows_nothing_of_what_is_around_it():
    assert not outside("serve_app")


def test_the_load_test_knows_the_service_from_outside():
    assert not outside("loadtest") - {
        (path.relative_to(ROOT).as_posix(), "serve_app")
        for path in (ROOT / "loadtest").glob("*.py")
        if our_imports(path) and {package for package, _ in our_imports(path)} <= {"client"}
    }


def test_the_demo_is_made_with_the_service_alone():
    assert {folder for _, folder in outside("demo")} == {"serve_app"}


def test_deployments_do_not_know_each_other():
    for path in (ROOT / "serve_app" / "deployments").glob("*.py"):
        siblings = {module for package, module in our_imports(path) if package == "deployments"}
        assert siblings <= SHARED_BY_DEPLOYMENTS | {""}, path


def test_app_builder_has_no_postponed_annotations():
    """With them Ray hands the builder an unvalidated dict."""
    assert "from __future__" not in (ROOT / "serve_app" / "app.py").read_text()


def test_heavy_libraries_stay_out_of_the_ingress():
    for path in (ROOT / "serve_app" / "ingress").rglob("*.py"):
        heavy = {"torch", "diffusers", "transformers", "cv2"}
        assert not heavy & {name.partition(".")[0] for name in imports(path)}, path
