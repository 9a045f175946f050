"""The demo's third act: one primary, two replicas and three Sentinels under load; kill, failover, hand-over.

The killed primary is started again as it was, a primary by its own file, and must come back as a replica
without having acknowledged a single write. Then the Sentinels are asked for a coordinated failover, which
loses nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from garrison.client import connect
from garrison.cluster.demo.load import Load, Losses, ShardRecord
from garrison.cluster.demo.story import Row, Story, loss_rows, show
from garrison.cluster.errors import ManagerError
from garrison.cluster.local.process import LocalProcess
from garrison.cluster.local.sentinel_group import NAME, LocalGroup

DOWN_AFTER_MS = 1_000
GAP_S_MAX = DOWN_AFTER_MS / 1000 + 1.0
HAND_OVER_S_MAX = 0.3
STEADY_S = 2.0
AFTER_S = 1.0
TASKS = 32
FAILOVER_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.01
ALL_SLOTS = frozenset(range(16_384))


@dataclass
class Result:
    """The measurements that the table shows."""

    kill_gap_s: float = 0.0
    hand_over_gap_s: float = 0.0
    returned_as: str = ""
    losses: Losses | None = None
    notes: list[str] = field(default_factory=list)


async def play(story: Story, node_command: Sequence[str], sentinel_command: Sequence[str]) -> bool:
    """Start the group, show what happens to it, stop it. Return whether every promise held."""
    group = LocalGroup(
        down_after_ms=DOWN_AFTER_MS, node_command=node_command, sentinel_command=sentinel_command
    )
    async with group:
        first = await group.primary()
        story.tell(f"three Sentinels watch {NAME} at {first.address} and its two replicas ({group.url})")
        result = Result()
        async with await connect(group.url) as client:
            load = Load(client, {first.address: ALL_SLOTS}, TASKS)
            load.start()
            await asyncio.sleep(STEADY_S)
            story.tell(
                f"{load.written / STEADY_S:,.0f} acknowledged writes a second, down-after {DOWN_AFTER_MS} ms"
            )
            await _kill_the_primary(group, first, load.shards[0], story, result)
            await asyncio.sleep(AFTER_S)
            await _hand_over(group, load.shards[0], story, result)
            await asyncio.sleep(AFTER_S)
            await load.stop()
            result.losses = await load.read_back()
        story.tell(f"load stopped, {result.losses.keys:,} keys read back")
        return show(
            "one primary, two replicas, three Sentinels",
            _rows(load, result),
            load.first_errors,
            result.losses,
        )


async def _kill_the_primary(
    group: LocalGroup, victim: LocalProcess, record: ShardRecord, story: Story, result: Result
) -> None:
    record.longest_gap_s = 0.0
    await victim.kill()
    killed_at = time.monotonic()
    story.tell(f"SIGKILL for the primary {victim.address}")
    heir = await _until_another(group, victim)
    story.tell(
        f"{heir.address} is primary {time.monotonic() - killed_at:.2f} s later, by vote of the Sentinels"
    )
    await asyncio.sleep(AFTER_S)
    result.kill_gap_s = record.longest_gap_s
    await group.start_node(victim)
    await _until_role(group, victim, b"slave")
    result.returned_as = "replica"
    story.tell(f"{victim.address}, started again as a primary, is a replica of it")


async def _hand_over(group: LocalGroup, record: ShardRecord, story: Story, result: Result) -> None:
    old = await group.primary()
    await _until_role(group, old, b"master")
    record.longest_gap_s = 0.0
    await group.call(group.sentinels[0], "SENTINEL", "FAILOVER", NAME, "COORDINATED")
    new = await _until_another(group, old)
    await asyncio.sleep(AFTER_S)
    result.hand_over_gap_s = record.longest_gap_s
    story.tell(
        f"{old.address} has handed over to {new.address}: no write for {result.hand_over_gap_s * 1000:.0f} ms"
    )


async def _until_another(group: LocalGroup, old: LocalProcess) -> LocalProcess:
    """The new primary, once all Sentinels name one."""
    deadline = time.monotonic() + FAILOVER_TIMEOUT_S
    while True:
        new = await group.primary()
        if new is not old:
            return new
        if time.monotonic() > deadline:
            words = group.sentinels[0].last_words()
            raise ManagerError(
                f"no failover within {FAILOVER_TIMEOUT_S:.0f} s; a Sentinel's log ends:\n{words}"
            )
        await asyncio.sleep(POLL_INTERVAL_S)


async def _until_role(group: LocalGroup, node: LocalProcess, role: bytes) -> None:
    await group.wait_for(
        node, "ROLE", check=lambda reply: bool(reply[0] == role), timeout_s=FAILOVER_TIMEOUT_S
    )


def _rows(load: Load, result: Result) -> list[Row]:
    assert result.losses is not None
    return [
        Row("acknowledged writes", f"{load.written:,}"),
        Row("errors seen by the callers", str(load.error_count), "0", not load.error_count),
        Row(
            "longest time without a successful write, at the kill",
            f"{result.kill_gap_s:.2f} s",
            f"<= {GAP_S_MAX:.1f} s",
            result.kill_gap_s <= GAP_S_MAX,
        ),
        Row(
            "  the same, at the coordinated failover",
            f"{result.hand_over_gap_s:.2f} s",
            f"<= {HAND_OVER_S_MAX:.1f} s",
            result.hand_over_gap_s <= HAND_OVER_S_MAX,
        ),
        Row(
            "the killed primary came back as", result.returned_as, "replica", result.returned_as == "replica"
        ),
        *loss_rows(result.losses),
    ]
