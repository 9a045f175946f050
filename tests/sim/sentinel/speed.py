"""How long after a kill the new primary is named: ``python -m tests.sim.sentinel.speed --seeds 200``.

No other fault: one primary is killed, or with --stopped stopped, at a random moment. Counted is the time
beyond down-after-milliseconds until a replica is promoted, until the first Sentinel names it, and until
all do. The network takes 0-4 ms.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

from garrison.sentinel.core.settings import Monitor

from .simulation import Simulation

LIMIT_MS = 60_000


class Times(NamedTuple):
    """Milliseconds after the kill plus down-after."""

    promoted: int
    first_names_it: int
    all_name_it: int


def measure(seed: int, down_after_ms: int = 1_000, sentinels: int = 3, *, stopped: bool = False) -> Times:
    """One kill; `stopped` leaves the connections open and silent."""
    sim = Simulation(seed)
    sim.monitor = lambda group: Monitor(group.name, *group.first, 2, down_after_ms, 10_000)
    group = sim.add_group("g", 3)
    for _ in range(sentinels):
        sim.add_sentinel()
    assert sim.run_until(lambda: not sim.checks.converged(), LIMIT_MS)
    sim.run(sim.rng.randrange(15_000))
    if stopped:
        group.servers[0].paused = True
    else:
        group.servers[0].kill()
    begin_ms = sim.now_ms + down_after_ms

    def promoted() -> bool:
        return any(server.follows is None for server in group.servers[1:])

    def named() -> list[bool]:
        cores = [host.core for host in sim.sentinels.values()]
        return [core.context.primaries["g"].current_address() != group.first for core in cores]

    found = []
    for done in (promoted, lambda: any(named()), lambda: all(named())):
        assert sim.run_until(done, LIMIT_MS, 1), f"seed {seed}: no failover"
        found.append(sim.now_ms - begin_ms)
    return Times(*found)


def percentile(values: Sequence[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.sentinel.speed", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--down-after", type=int, default=1_000)
    parser.add_argument("--sentinels", type=int, default=3)
    parser.add_argument("--stopped", action="store_true", help="SIGSTOP in place of SIGKILL")
    options = parser.parse_args()
    runs = [
        measure(seed, options.down_after, options.sentinels, stopped=options.stopped)
        for seed in range(1, options.seeds + 1)
    ]
    what = "stops" if options.stopped else "kills"
    print(f"{options.seeds} {what}, down-after {options.down_after} ms, {options.sentinels} Sentinels")
    for name in Times._fields:
        values = [getattr(run, name) for run in runs]
        shown = "  ".join(f"p{int(100 * share)} {percentile(values, share)}" for share in (0.5, 0.9, 0.99))
        print(f"{name:>15}: down-after + ms: min {min(values)}  {shown}  max {max(values)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
