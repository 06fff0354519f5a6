"""What a command says where the packages that it needs are not installed. Imports none of them."""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def require(*packages: str) -> None:
    """End with one line that says what to do, unless all packages are there for this Python."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        sys.exit(f"serve_app: {sys.executable} has no {', '.join(missing)}; {advice(ROOT)}")


def advice(root: Path) -> str:
    """How to run this very command by a Python that has what is missing."""
    command = shlex.join(sys.orig_argv[1:])
    if not (root / "Makefile").is_file():  # installed as a package, which may be the client alone
        return "install the service too: pip install 'ray-serve-images[service]'"
    environment = root / ".venv"
    run = f"{environment / 'bin' / 'python'} {command}"
    here = Path(sys.prefix).resolve() == environment.resolve()
    if environment.is_dir() and not here:
        return f"the project's environment has: {run}"
    return f"run `make -C {root} install`, then {run}"
