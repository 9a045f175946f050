"""A manager beside a local cluster: the process behind the page that `garrison dev` prints."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.process import LocalProcess

GARRISON_MANAGER = (sys.executable, "-m", "garrison", "manager", "run")
PROMPT_S = 0.05
START_TIMEOUT_S = 30.0


class LocalManager(LocalProcess):
    """One manager of the nodes at ``entries``, with its page at :attr:`url`."""

    def __init__(
        self,
        address: Address,
        directory: Path,
        entries: Sequence[Address],
        password: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(address, directory, log_name="manager.log", kind="manager")
        self._entries = entries
        self._password = password
        self._options = options

    @property
    def url(self) -> str:
        """The page, and what `--manager` takes."""
        return f"http://{self.address}/"

    async def start(self) -> None:
        """Start it, and return when its page can be opened. Raises ManagerError."""
        words = [*GARRISON_MANAGER, *map(str, self._entries), "--listen", str(self.address), *self._options]
        environment = {} if self._password is None else {"REDISCLI_AUTH": self._password}
        await self.run(words, environment)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT_S
        while not await self._listens():
            if not self.running or loop.time() > deadline:
                raise ManagerError(
                    f"the manager at {self.address} did not start; its log ends:\n{self.last_words()}"
                )
            await asyncio.sleep(PROMPT_S)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.address.host, self.address.port)
        except OSError:
            return False
        writer.close()
        return True
