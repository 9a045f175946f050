"""Readable scenarios: a script of what happens, and what the nodes then log and show.

In `golden/*.txt` a line that begins with ``> `` is a step; the lines below it are what came of it.
``python -m tests.sim.cluster.golden`` writes the outcomes anew; read the difference before you commit it.

    > cluster nodes=6 primaries=3 timeout=1000     form a cluster of nodes A, B, C ...
    > nodes nodes=3 timeout=1000                   start nodes that do not know each other
    > A MEET B                                     a CLUSTER command; names stand for ids and addresses
    > run 2000                                     let time pass (ms)
    > crash A | restart A | pause A | resume A | cut A | heal
    > show A                                       CLUSTER NODES of A, without times
"""

from __future__ import annotations

import sys
from pathlib import Path

from .simulation import Simulation

FOLDER = Path(__file__).parent / "golden"
SEED = 1
NOISE = ("No cluster configuration", "(engine)")


class Script:
    """Runs the steps of one scenario."""

    def __init__(self) -> None:
        self._sim: Simulation
        self._seen = 0

    def play(self, text: str) -> str:
        """The scenario with its outcomes as they are."""
        out = []
        for line in text.splitlines():
            if line.startswith("#"):
                out.append(line)
            elif line.startswith("> "):
                out += ["", line] if out else [line]
                out += self._step(line[2:].split())
        return "\n".join(out) + "\n"

    def _step(self, words: list[str]) -> list[str]:
        answer: list[str] = []
        if words[0] in ("cluster", "nodes"):
            options = {key: int(value) for key, value in (word.split("=") for word in words[1:])}
            self._sim = Simulation(SEED, nodes=options["nodes"], timeout_ms=options["timeout"])
            if words[0] == "cluster":
                self._sim.form(options["primaries"])
                self._seen = len(self._sim.lines)
        elif words[0] == "run":
            self._sim.run(int(words[1]))
        elif words[0] == "show":
            answer = self._show(words[1])
        elif words[0] in ("crash", "restart", "pause", "resume"):
            node = self._sim.nodes[words[1]]
            (node.start if words[0] == "restart" else getattr(node, words[0]))()
        elif words[0] == "cut":
            for other in self._sim.nodes:
                if other != words[1]:
                    self._sim.network.cut |= {(words[1], other), (other, words[1])}
        elif words[0] == "heal":
            self._sim.network.heal()
        else:
            answer = self._command(words)
        return self._news() + answer

    def _command(self, words: list[str]) -> list[str]:
        sim = self._sim
        arguments: list[object] = list(words[1:])
        if words[1] == "MEET":
            arguments = ["MEET", sim.nodes[words[2]].address, 7000]
        else:
            arguments = [sim.id(str(word)) if word in sim.nodes else word for word in arguments]
        return sim.readable(sim.nodes[words[0]].command(*arguments).splitlines())

    def _news(self) -> list[str]:
        lines = self._sim.readable(self._sim.lines[self._seen :])
        self._seen = len(self._sim.lines)
        return [line for line in lines if not any(noise in line for noise in NOISE)]

    def _show(self, name: str) -> list[str]:
        shown = []
        for line in sorted(self._sim.readable(self._sim.nodes[name].command("NODES").splitlines())):
            fields = line.split()
            shown.append(
                "  " + " ".join([fields[0], fields[2], fields[3], f"epoch={fields[6]}", *fields[7:]])
            )
        return shown


def main() -> int:
    for path in sorted(FOLDER.glob("*.txt")):
        path.write_text(Script().play(path.read_text()))
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
