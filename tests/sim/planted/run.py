"""Plant each fault and see that it is caught: ``python -m tests.sim.planted [--only NAME] [--seeds 200]``.

Prints a table: the fault, what has caught it, the seed if it was a simulator, and the seconds that took.
Exits with 1 if any fault was not caught.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from .fault import SEEDS_MAX, Directed, Fault, Rust, Seeds
from .faults import FAULTS
from .tree import ROOT, planted

LIMIT_S: Final = 1800
"""How long one fault may take."""
QUICK_BUILD: Final = {"CARGO_PROFILE_TEST_OPT_LEVEL": "0", "CARGO_PROFILE_TEST_DEBUG": "0"} | {
    "CARGO_PROFILE_DEV_OPT_LEVEL": "0",
    "CARGO_PROFILE_DEV_DEBUG": "0",
}
"""What is built for one test is not optimized."""
_SEED = re.compile(r"^seed (\d+) FAILED: (\w+): (.*)$", re.MULTILINE)
CATCHES: Final = ("BrokenInvariantError", "AssertionError")
"""What counts as caught: another exception is a fault that does not even run."""


class Outcome(NamedTuple):
    """What became of a planted fault."""

    fault: Fault
    caught: bool
    seed: int | None
    seconds: float
    said: str


def plant(fault: Fault, seeds: int = SEEDS_MAX) -> Outcome:
    """Try one fault, in a copy of the sources."""
    began = time.monotonic()
    with planted(fault) as top:
        seed, caught, said = _try(fault.by, top, seeds)
    return Outcome(fault, caught, seed, time.monotonic() - began, said)


def _try(by: Seeds | Directed | Rust, top: Path, seeds: int) -> tuple[int | None, bool, str]:
    if isinstance(by, Seeds):
        return _simulate(by, top, seeds)
    if isinstance(by, Directed):
        done = _python(top, "pytest", "-q", "-p", "no:cacheprovider", "-x", by.test)
        return None, done.returncode == 1 and " failed" in done.stdout, done.stdout[-2000:]
    return _cargo(by, top)


def _simulate(by: Seeds, top: Path, seeds: int) -> tuple[int | None, bool, str]:
    words = ["--until-failure", "--seeds", str(seeds), "--first", str(by.first)]
    if by.simulator == "cluster":
        words += ["--kind", by.kind]
    done = _python(top, f"tests.sim.{by.simulator}.run", *words)
    found = _SEED.search(done.stdout)
    if found is None:
        return None, False, (done.stdout + done.stderr)[-2000:]
    return int(found[1]), found[2] in CATCHES, f"{found[2]}: {found[3]}"


def _python(top: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(top), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(
        command, cwd=top, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def _cargo(by: Rust, top: Path) -> tuple[int | None, bool, str]:
    """The engine's objects are shared by all faults, beside those of the real sources."""
    target = ROOT / "node" / "engine" / "target" / "planted"
    manifest = top / "node" / "engine" / "Cargo.toml"
    toolchain = ROOT / ".ci" / "toolchain"
    package = "-p garrison-engine-core --lib"
    script = f'. "{toolchain}" && cargo test --manifest-path "{manifest}" {package} "{by.test}"'
    done = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, env=os.environ | QUICK_BUILD | {"CARGO_TARGET_DIR": str(target)},
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    caught = done.returncode != 0 and "test result: FAILED" in done.stdout
    return None, caught, (done.stdout + done.stderr)[-2000:]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.planted", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this fault")
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help="how many seeds a simulator may need")
    parser.add_argument("--say", action="store_true", help="print what the test or the simulator said")
    options = parser.parse_args()
    names = [fault.name for fault in FAULTS]
    unknown = sorted(set(options.only) - set(names))
    if unknown:
        parser.error(f"there is no fault {', '.join(unknown)}; there are {', '.join(names)}")
    width = max(map(len, names))
    missed = []
    for fault in FAULTS:
        if options.only and fault.name not in options.only:
            continue
        outcome = plant(fault, options.seeds)
        seed = f"seed {outcome.seed}" if outcome.seed is not None else ""
        verdict = str(fault.by) if outcome.caught else f"NOT CAUGHT by {fault.by}"
        print(f"{fault.name:<{width}}  {seed:>8}  {outcome.seconds:>6.1f} s  {verdict}", flush=True)
        if options.say or not outcome.caught:
            print(outcome.said, flush=True)
        if not outcome.caught:
            missed.append(fault.name)
    print(f"not caught: {', '.join(missed)}" if missed else "every planted fault was caught")
    return 1 if missed else 0
