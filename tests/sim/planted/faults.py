"""Every planted fault."""

from __future__ import annotations

from typing import Final

from .fault import Fault
from .of_data import DATA
from .of_elections import ELECTIONS
from .of_managers import MANAGERS
from .of_registers import REGISTERS
from .of_sentinels import SENTINELS
from .of_the_engine import ENGINE

FAULTS: Final[tuple[Fault, ...]] = (*ELECTIONS, *DATA, *SENTINELS, *MANAGERS, *REGISTERS, *ENGINE)
