"""Every single wrong bit of about a hundred small files: an error that names file and place, or the data.

    python -m tests.integration.bit_flips --starts 300

Each flip of an RDB file goes through the reader of `garrison rdb check`, which makes each value as a start
does; each flip of an increment through that of `garrison aof check`; each flip of a manifest through its
parser. A sample is given to real nodes. What is claimed:

- RDB: an error with the offset, or exactly the same keys and values. A checksum stands over all of it.
- Increments have no checksum. A flip of their structure (counts, lengths, line ends) is an error with the
  offset; in the last command it may look like a torn end, which a start cuts off, and says so. Nobody can see
  a flip within an argument or a comment, which leaves the structure as it was, nor a wrong length that ends
  just where another argument ends, so that the file is sound with other commands.
- Manifests: an error with the line, a name of a file that is not there, or the same files in the same order.
  In one of a real Redis, which has no checksum, a number may change: what is read does not depend on it; and
  an increment of its history may count again, as long as the file is there.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from garrison.node._engine import AofScan, RdbLines, RdbScan, read_manifest
from tests.integration.damaged_starts import start_on
from tests.integration.log_structure import Structure, read_structure
from tests.integration.small_files import SmallFile, all_files

PLACE = re.compile(r"offset \d+")
CHECKSUM = b"# crc64 "
SLOW_S = 2.0
"""A reading that takes longer is a fault."""
Wrong = str
Manifest = tuple[tuple[str, int] | None, list[tuple[str, int]], list[tuple[str, int]]]


def flipped(content: bytes, bit: int) -> bytes:
    """The bytes with one wrong bit."""
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


class Flips:
    """Reads files with one wrong bit, and says what is wrong with what comes of it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "damaged"
        self.outcomes: Counter[str] = Counter()

    def check(self, file: SmallFile, bits: Iterable[int]) -> Iterator[Wrong]:
        """What is wrong with these bits of a file."""
        self._path.write_bytes(file.content)
        expected = self._lines() if file.kind == "rdb" else []
        structure = read_structure(file.content) if file.kind == "aof" else Structure()
        for bit in bits:
            damaged = flipped(file.content, bit)
            self._put(damaged, bit // 8)
            began = time.monotonic()
            match file.kind:
                case "rdb":
                    outcome = self._rdb(expected)
                case "aof":
                    outcome = self._log(bit // 8, structure, damaged)
                case _:
                    outcome = self._manifest(file.content, damaged)
            self.outcomes[f"{file.kind}: {outcome}"] += 1
            self._put(file.content, bit // 8)
            if outcome.startswith("WRONG"):
                yield f"{file.name}, bit {bit}: {outcome}"
            if time.monotonic() - began > SLOW_S:
                yield f"{file.name}, bit {bit}: it took {time.monotonic() - began:.1f} s"

    def _put(self, content: bytes, at: int) -> None:
        """Write the byte at this offset. A file that is cut and written again may be flushed each time."""
        with self._path.open("r+b", buffering=0) as file:
            file.seek(at)
            file.write(content[at : at + 1])

    def _lines(self) -> list[bytes]:
        reader, lines = RdbLines(str(self._path)), []
        while (line := reader.step()) is not None:
            lines.append(line)
        return lines

    def _rdb(self, expected: list[bytes]) -> str:
        try:
            scan = RdbScan(str(self._path), 0, build=True)
            while scan.step() is not None:
                pass
        except ValueError as error:
            return "an error with the offset" if self._is_placed(error) else f"WRONG: {error}"
        return "exact data" if self._lines() == expected else "WRONG: other data"

    def _is_placed(self, error: ValueError) -> bool:
        return str(self._path) in str(error) and PLACE.search(str(error)) is not None

    def _log(self, at: int, sound: Structure, damaged: bytes) -> str:
        scan = AofScan(str(self._path))
        while (facts := scan.step()) is None:
            pass
        problem = facts["problem"]
        if problem is not None:
            if not PLACE.search(problem):
                return f"WRONG: no place: {problem}"
            if at not in sound.values and facts["safe_offset"] > at:
                return "an error with the offset, behind a command that has swallowed the next"
            return "an error with the offset"
        if at not in sound.values:
            return "a length that ends where another ends" if is_valid(damaged) else "WRONG: it is not seen"
        if facts["commands"] != len(sound.commands):
            return f"WRONG: {facts['commands']} of {len(sound.commands)} commands"
        return "within a value: not to be seen, the structure is as it was"

    def _manifest(self, content: bytes, damaged: bytes) -> str:
        sound = read_manifest(content)
        try:
            found = read_manifest(damaged)
        except ValueError as error:
            return "an error with the line" if "line " in str(error) else f"WRONG: {error}"
        there = {*live_names(sound), *(name for name, _ in sound[2])}
        if live_names(found) == live_names(sound):
            return "the same files"
        if not there.issuperset(live_names(found)):
            return "a file that is not there"
        if CHECKSUM not in content:
            return "history that counts again, in a manifest without a checksum"
        return f"WRONG: other files: {live_names(found)}"


def is_valid(content: bytes) -> bool:
    """Whether it is a sound file of commands, by the plain reader."""
    try:
        read_structure(content)
    except ValueError:
        return False
    return True


def live_names(manifest: Manifest) -> list[str]:
    """The files that a start reads, in order."""
    base, increments, _ = manifest
    return [name for name, _ in ([base] if base else []) + increments]


def campaign(
    files: list[SmallFile], folder: Path, bits_max: int, starts: int, seed: int
) -> tuple[list[str], str]:
    """What is wrong, and the figures; `bits_max` bits of each file are flipped, or all with 0."""
    chosen, flips = random.Random(seed), Flips(folder)
    wrong: list[str] = []
    for file in files:
        bits: Iterable[int] = range(len(file.content) * 8)
        if 0 < bits_max < len(file.content) * 8:
            bits = chosen.sample(range(len(file.content) * 8), bits_max)
        wrong += flips.check(file, bits)
    if starts:
        print(f"{sum(flips.outcomes.values()):,} bits, {len(wrong)} broken promises; now starts", flush=True)
    for number in range(starts):
        file = chosen.choice(files)
        bit = chosen.randrange(len(file.content) * 8)
        outcome = start_on(file, flipped(file.content, bit), folder / f"start{number}")
        flips.outcomes[f"start on {file.kind}: {outcome}"] += 1
        if outcome.startswith("WRONG"):
            wrong.append(f"{file.name}, bit {bit}: {outcome}")
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures = [
        f"{len(files)} files, {sum(len(file.content) for file in files)} bytes, {memory_mb} MB at most"
    ]
    figures += [f"{count:>9,}  {outcome}" for outcome, count in sorted(flips.outcomes.items())]
    return wrong, "\n".join(figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bits", type=int, default=0, help="of each file; 0: all")
    parser.add_argument("--starts", type=int, default=0, help="real starts on damaged files")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong, figures = campaign(all_files(folder), folder, given.bits, given.starts, given.seed)
    print(figures)
    print(f"{len(wrong)} broken promises")
    for line in wrong[:100]:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
