"""A password from the first line of a file, so that it is on no command line."""

from __future__ import annotations


def read_password_file(path: str) -> str:
    """The first line of a file, or of standard input for ``-``.

    Raises ValueError, with a message for the user, where there is none.
    """
    try:
        with open(0 if path == "-" else path, encoding="utf-8", closefd=path != "-") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"cannot read the password file {path}: {reason}") from None
    if not password:
        raise ValueError(f"the first line of the password file {path} is empty")
    return password
