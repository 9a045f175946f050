"""``python -m tests.integration.libraries``: the libraries of `make test`, and those too large for it.

The large ones are installed into an environment of their own, a temporary one, on top of this one's packages.
``--server redis`` runs the same bodies against a real Redis: who is to blame for a failure. Other options are
pytest's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

FOLDER = Path(__file__).parent
LARGE = ("Django>=5", "django-redis>=6", "taskiq-redis>=1.2")
"""What the files `campaign_*.py` need."""
FILES = ("test_*.py", "campaign_*.py")


def make_environment(folder: Path) -> Path:
    """An environment that sees this one's packages, with the large ones; its Python."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    [packages] = (folder / "lib").glob("python*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", *LARGE], check=True)
    return python


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.libraries", description=__doc__)
    parser.add_argument("--server", choices=("garrison", "redis"), default="garrison")
    options, words = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(Path(folder))
        files = [str(path) for pattern in FILES for path in sorted(FOLDER.glob(pattern))]
        environment = os.environ | {"LIBRARIES_SERVER": options.server}
        return subprocess.run([str(python), "-m", "pytest", *files, *words], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
