"""The token that the commands show to a manager: from a file, or from the environment."""

import os
from pathlib import Path

from garrison.cluster.errors import UsageProblem

TOKEN_VARIABLE = "GARRISON_MANAGER_TOKEN"
TOKEN_FILE_VARIABLE = "GARRISON_MANAGER_TOKEN_FILE"


def find_token(path: Path | None) -> str:
    """The first token of a file, which has `TOKEN` or `NAME TOKEN` a line; else that of the variable.

    Empty when there is neither. UsageProblem when the file cannot be read or has none.
    """
    if path is None:
        return os.environ.get(TOKEN_VARIABLE, "")
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"cannot read the token: {error}") from error
    words = next((line.split() for line in lines if line.strip() and not line.startswith("#")), None)
    if words is None:
        raise UsageProblem(f"{path} has no token")
    return words[-1]
