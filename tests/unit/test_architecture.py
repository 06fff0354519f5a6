"""Who may import whom. An arrow that is not drawn here does not belong in the code."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "config": set(),
    "errors": set(),
    "messages": set(),
    "admission": {"errors"},
    "observability": {"messages"},
    "imaging": {"config", "errors", "messages", "imaging"},
    "device": {"errors", "device"},
    "denoise": {"config", "device", "errors", "messages", "denoise"},
    "runtimes": {"config", "errors", "messages", "imaging", "runtimes"},
    "deployments": {
        "config", "device", "errors", "messages", "imaging", "denoise", "runtimes",
        "observability", "deployments",
    },
    "calls": {"errors", "observability"},
    "pipeline": {"config", "errors", "messages", "admission", "calls"},
    "ingress": {
        "config", "errors", "messages", "pipeline", "imaging", "observability", "ingress",
    },
    "app": {"config", "deployments", "ingress"},
    "client": {"client"},
    # What a backend may lose is measured on the demo's world, where a picture's truth is known.
    "jobs": {"config", "errors", "messages", "imaging", "denoise", "runtimes", "demo", "jobs"},
    "demo": {"client", "imaging", "denoise", "runtimes", "messages", "config", "errors", "demo"},
}  # fmt: skip
SHARED_BY_DEPLOYMENTS = {"micro_batching", "replica"}


def our_imports(path: Path) -> set[tuple[str, str]]:
    """(package, module) of everything of ours that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "serve_app" and len(parts) > 1:
                found.add((parts[1], parts[2] if len(parts) > 2 else ""))
    return found


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


def test_deployments_do_not_know_each_other():
    for path in (ROOT / "serve_app" / "deployments").glob("*.py"):
        siblings = {module for package, module in our_imports(path) if package == "deployments"}
        assert siblings <= SHARED_BY_DEPLOYMENTS | {""}, path


def test_app_builder_has_no_postponed_annotations():
    """With them Ray hands the builder an unvalidated dict."""
    assert "from __future__" not in (ROOT / "serve_app" / "app.py").read_text()


def test_heavy_libraries_stay_out_of_the_ingress():
    for path in (ROOT / "serve_app" / "ingress").glob("*.py"):
        assert not {"torch", "diffusers", "transformers", "cv2"} & {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        }, path
