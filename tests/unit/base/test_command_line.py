"""Commands end with one line and the right status, not with a traceback."""

from __future__ import annotations

import errno
import shlex
import subprocess
import sys

import pytest

from garrison.base.command_line import run_guarded


def test_ctrl_c_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run_guarded(interrupted, "garrison") == 130
    assert capsys.readouterr().err == "garrison: stopped\n"


def test_want_of_descriptors_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    assert run_guarded(refused, "garrison") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ulimit -n" in line


def test_other_errors_of_the_system_are_not_hidden() -> None:
    def refused() -> int:
        raise OSError(errno.EIO, "a defect")

    with pytest.raises(OSError, match="a defect"):
        run_guarded(refused, "garrison")


def test_reader_that_is_gone_is_silent() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "garrison", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # As `head` does, only earlier: nothing is read at all.
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


@pytest.mark.parametrize(("arguments", "code"), [(("version",), 0), (("manager", "status"), 2)])
def test_closed_output_changes_no_exit_code(arguments: tuple[str, ...], code: int) -> None:
    line = " ".join([shlex.quote(sys.executable), "-m", "garrison", *arguments])
    ended = subprocess.run(["sh", "-c", f"{line} >&- <&-"], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)


def test_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "garrison", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "garrison: cannot write: No space left on device; free some, then try again\n"


def test_typer_command_without_reader_has_code_of_its_own() -> None:
    """Its 1 would say that something is wrong with the cluster."""
    command = [sys.executable, "-m", "garrison", "manager", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 141
