"""Print the `dev` extra of pyproject.toml, one requirement a line: its tools install without a new build."""

import tomllib
from pathlib import Path

with Path("pyproject.toml").open("rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"]["dev"]))
