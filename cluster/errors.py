"""What can go wrong in the manager: one tree, each with the exit code of the command line.

::

    ManagerError            the operation failed or was refused (exit code 1)
    ├── UsageProblem        the request itself cannot be meant; nothing was done (2)
    ├── UnreachableError    a node that is needed does not answer, or refuses the credentials (3)
    └── StoppedError        stopped by Ctrl-C at a slot boundary; running again goes on (4)

Each message says what was wrong, where, and what to do.
"""


class ManagerError(Exception):
    """The root; ``str()`` is one or two sentences for the user."""

    exit_code = 1


class UsageProblem(ManagerError):  # noqa: N818 - it is not a failure of the cluster
    exit_code = 2


class UnreachableError(ManagerError):
    exit_code = 3


class StoppedError(ManagerError):
    exit_code = 4
