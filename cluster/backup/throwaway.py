"""A node of its own that loads the files of a backup, on loopback, for as long as a block runs.

It listens with a password that nobody knows, as other users of this machine could read the data otherwise;
the password is in a file that only we may read, not among the words that ``ps`` shows.
"""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from garrison.client import ClientError, Connection, open_connection
from garrison.cluster.backup.core.chain import Link
from garrison.cluster.backup.files import lay_out
from garrison.cluster.backup.target import Target
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.cluster import GARRISON_NODE
from garrison.cluster.local.ports import HOST, free_ports
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.manager.admin_client import read_fields

POLL_INTERVAL_S = 0.05
REPLY_TIMEOUT_S = 120.0
PASSWORD_BYTES = 24
DATABASES = 1024
CONFIG_FILE = "node.conf"
SETTINGS = {
    "bind": HOST,
    "save": '""',
    "databases": str(DATABASES),
    "maxmemory": "0",
    "appendfsync": "no",
    "auto-aof-rewrite-percentage": "0",
    "aof-load-truncated": "no",
}


@contextlib.asynccontextmanager
async def loaded_node(
    target: Target, chain: Sequence[Link], *, until: datetime | None = None, folder: Path | None = None
) -> AsyncIterator[Connection]:
    """A connection to a node that has loaded a shard. Raises ManagerError if the files cannot be loaded.

    ``folder`` is where temporary files go; they need as much room as the files of the shard.
    """
    place = Path(tempfile.mkdtemp(prefix="garrison-backup-", dir=folder))
    node = LocalProcess(Address(HOST, free_ports(1)[0]), place)
    try:
        is_log = await lay_out(target, chain, place, until=until, for_single_node=True)
        password = secrets.token_hex(PASSWORD_BYTES)
        settings = SETTINGS | {
            "port": str(node.address.port),
            "dir": str(place),
            "appendonly": "yes" if is_log else "no",
            "requirepass": password,
        }
        config = place / CONFIG_FILE
        config.touch(0o600)
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        await node.run([*GARRISON_NODE, str(config)])
        connection = await _wait_loaded(node, password, chain)
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await asyncio.shield(node.kill())
        shutil.rmtree(place, ignore_errors=True)


async def _wait_loaded(node: LocalProcess, password: str, chain: Sequence[Link]) -> Connection:
    """Wait until the node has read its files, however long that takes, or has ended."""
    while node.running:
        try:
            connection = await open_connection(
                node.address.host, node.address.port, password=password, timeout=REPLY_TIMEOUT_S
            )
        except ClientError:
            await asyncio.sleep(POLL_INTERVAL_S)
            continue
        with contextlib.suppress(ClientError):
            while node.running:
                fields = read_fields(await connection.call("INFO", "persistence"))
                if fields.get("loading") == "0":
                    return connection
                await asyncio.sleep(POLL_INTERVAL_S)
        await connection.close()
    last = chain[-1]
    raise ManagerError(
        f"backup {last.backup.id}, shard {last.shard.name}, does not load: use another backup; the log of "
        f"the node that tried ends:\n{node.last_words()}"
    )
