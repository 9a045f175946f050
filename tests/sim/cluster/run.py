"""Run many seeds: ``python -m tests.sim.cluster.run --seeds 1000 --first 1``. Prints each seed that fails.

A failing seed is the whole story: ``--first N --seeds 1 --trace`` runs it again with its trace. So that no
order of a set changes a run, the program starts itself again with PYTHONHASHSEED=0.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.sim.common.hashing import fix_hashes

from .chaos import Chaos
from .checks import BrokenInvariantError
from .manager_chaos import ManagerChaos
from .scenario import KINDS, Scenario


def run_seed(seed: int) -> Chaos:
    """One whole run; raises what it finds."""
    chaos = Chaos(seed)
    chaos.run()
    return chaos


def _new_run(seed: int, kind: str) -> Chaos | ManagerChaos | Scenario:
    if kind == "chaos":
        return Chaos(seed)
    return ManagerChaos(seed) if kind == "managers" else Scenario(seed, kind)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.cluster.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument(
        "--kind", choices=["chaos", "managers", *KINDS], default="chaos", help="what happens in a run"
    )
    parser.add_argument("--until-failure", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--trace", action="store_true", help="print what the nodes logged")
    options = parser.parse_args()
    fix_hashes("tests.sim.cluster.run")
    failed = []
    began = time.monotonic()
    for seed in range(options.first, options.first + options.seeds):
        run = _new_run(seed, options.kind)
        try:
            run.run()
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed} FAILED: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, BrokenInvariantError) or options.trace:
                traceback.print_exc()
        if options.trace:
            print("\n".join(run.sim.readable(run.sim.lines)))
            print("\n".join(run.sim.readable(run.notes)) if isinstance(run, Scenario) else "")
        if failed and options.until_failure:
            break
    took = time.monotonic() - began
    print(
        f"{options.seeds} seeds in {took:.1f} s, {len(failed)} failed{': ' + str(failed) if failed else ''}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
