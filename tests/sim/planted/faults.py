"""Every planted fault."""

from __future__ import annotations

from typing import Final

from .fault import Fault
from .of_elections import ELECTIONS

FAULTS: Final[tuple[Fault, ...]] = (*ELECTIONS,)
