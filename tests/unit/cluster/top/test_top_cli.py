"""`garrison top` on the command line."""

import pytest

from garrison.cluster.top.top_cli import main


def test_without_a_terminal_it_points_to_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["127.0.0.1:7000"]) == 2
    assert capsys.readouterr().err == (
        "garrison top: it needs a terminal; 'garrison status' prints one screen\n"
    )


def test_address_is_checked_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--manager", "ftp://x"]) == 2
    assert "is not an address of a manager" in capsys.readouterr().err
