"""What the tests of real processes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.replicating import Field


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A folder for servers, which are ended with the test."""
    field = Field(tmp_path)
    yield field
    field.close()
