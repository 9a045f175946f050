"""The fence of a worker, as far as it can be seen from within this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from garrison.functions import sandbox


def test_library_imports_what_is_listed() -> None:
    assert sandbox.importer("json").dumps([]) == "[]"
    for name in ("os", "subprocess", "garrison.node", "importlib"):
        with pytest.raises(ImportError, match="a library may import"):
            sandbox.importer(name)
    with pytest.raises(ImportError):
        sandbox.importer("json", level=1)


def test_limits_hold_within_the_process() -> None:
    code = (
        "from garrison.functions import sandbox\n"
        "sandbox.preload(); sandbox.enter(256 << 20)\n"
        "import datetime\n"
        "print(datetime.datetime.strptime('2020', '%Y').year)\n"
        "for attempt in (lambda: open('/etc/passwd'), lambda: bytearray(1 << 30)):\n"
        "    try:\n        attempt()\n"
        "    except (OSError, MemoryError) as error:\n        print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2020", "OSError", "MemoryError"]
