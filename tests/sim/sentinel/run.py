"""Run many seeds: ``python -m tests.sim.sentinel.run --seeds 1000 --first 1``. Prints each seed that fails.

A failing seed is the whole story: ``--first N --seeds 1 --trace`` runs it again with its trace.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.sim.common.hashing import fix_hashes

from .chaos import Chaos
from .checks import BrokenInvariantError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.sentinel.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--trace", action="store_true", help="print what happened")
    options = parser.parse_args()
    fix_hashes("tests.sim.sentinel.run")
    failed, busiest = [], (0, 0)
    began = time.monotonic()
    for seed in range(options.first, options.first + options.seeds):
        if (seed - options.first) % 100 == 99:
            print(f"... seed {seed} after {time.monotonic() - began:.0f} s", flush=True)
        chaos = Chaos(seed)
        try:
            chaos.run()
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed} FAILED: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, BrokenInvariantError) or options.trace:
                traceback.print_exc()
        busiest = (max(busiest[0], chaos.busiest[0]), max(busiest[1], chaos.busiest[1]))
        if options.trace:
            print("\n".join(chaos.sim.readable(chaos.sim.lines)))
        if failed and options.until_failure:
            break
    took = time.monotonic() - began
    print(f"{options.seeds} seeds in {took:.1f} s, {len(failed)} failed{f': {failed}' if failed else ''}")
    print(f"at most {busiest[0]} ticks and {busiest[1]} commands of a Sentinel in a simulated second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
