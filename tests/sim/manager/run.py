"""Run many seeds: ``python -m tests.sim.manager.run --seeds 1-1000``. Prints each seed that fails.

A failing seed is the whole story: ``--seeds N --trace`` runs it again and prints what the managers said.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.sim.common.hashing import fix_hashes

from .chaos import CHAOS_MS, MINUTE_MS, Chaos
from .checks import BrokenInvariantError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.manager.run", description=__doc__)
    parser.add_argument("--seeds", default="100", help="A-B: from A to B; N: N of them, from --first on")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--minutes", type=int, default=CHAOS_MS // MINUTE_MS, help="of faults, simulated")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--trace", action="store_true", help="print what happened")
    options = parser.parse_args()
    fix_hashes("tests.sim.manager.run")
    low, dash, high = options.seeds.partition("-")
    seeds = range(int(low), int(high) + 1) if dash else range(options.first, options.first + int(low))
    began, failed, simulated_ms, effects = time.monotonic(), [], 0, 0
    for count, seed in enumerate(seeds, 1):
        chaos = Chaos(seed)
        try:
            chaos.run(options.minutes * MINUTE_MS)
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed} FAILED: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, BrokenInvariantError):
                traceback.print_exc()
        simulated_ms += chaos.sim.events.now_ms
        effects += chaos.sim.checks.effects
        if options.trace:
            print("\n".join(chaos.sim.lines))
        if count % 100 == 0:
            print(f"... {count} seeds after {time.monotonic() - began:.0f} s", flush=True)
        if failed and options.until_failure:
            break
    took, days = time.monotonic() - began, simulated_ms / 86_400_000
    print(f"{len(seeds)} seeds in {took:.1f} s, {len(failed)} failed{f': {failed}' if failed else ''}")
    print(f"{days:.1f} simulated days, {effects} changes of nodes by managers")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
