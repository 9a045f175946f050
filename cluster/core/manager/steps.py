"""The steps that planners make, one function for each, with their sentences and command lines.

A node is named by its id; a spare that is not a member of the cluster yet by host:port.
"""

import json
from collections.abc import Iterable, Mapping
from shlex import quote

from garrison.cluster.core.manager.jobs import Step, StepKind
from garrison.cluster.core.manager.picture import NodePicture
from garrison.cluster.core.manager.situation import Situation, Spare
from garrison.cluster.core.ranges import format_slots

RANGES_SHOWN = 4


def move_slots(source: str, target: str, slots: tuple[int, ...], situation: Situation) -> Step:
    ranges = format_slots(slots)
    shown = format_slots(slots, limit=RANGES_SHOWN)
    return Step(
        kind=StepKind.MOVE_SLOTS,
        arguments={"source": source, "target": target, "slots": ranges},
        explanation=f"Move {len(slots)} slots ({shown}) from {label(source, situation)} to "
        f"{label(target, situation)}; clients go on.",
    )


def meet(spare: Spare) -> Step:
    return Step(
        kind=StepKind.MEET,
        arguments={"address": spare.address},
        explanation=f"Introduce {spare.address} to the cluster.",
    )


def replicate(node: str, primary: str, situation: Situation) -> Step:
    return Step(
        kind=StepKind.REPLICATE,
        arguments={"node": node, "primary": primary},
        explanation=f"Make {label(node, situation)} a replica of {label(primary, situation)} and wait "
        "until it is in sync.",
    )


def hand_over(node: str, primary: str, situation: Situation) -> Step:
    return Step(
        kind=StepKind.HAND_OVER,
        arguments={"node": node, "from": primary},
        explanation=f"Make {label(node, situation)} the primary in place of {label(primary, situation)}; "
        "writes wait until it has them all.",
    )


def forget(node: NodePicture) -> Step:
    return Step(
        kind=StepKind.FORGET,
        arguments={"node": node.id, "address": node.address},
        explanation=f"Let every node forget {node.address}.",
    )


def reset(node: NodePicture) -> Step:
    return Step(
        kind=StepKind.RESET,
        arguments={"node": node.id, "address": node.address},
        explanation=f"Empty {node.address}: it keeps running, as a spare.",
    )


def dismiss(spare: Spare) -> list[Step]:
    """The steps after which a spare that was taken is one again."""
    named = {"node": spare.name, "address": spare.address}
    return [
        Step(
            kind=StepKind.FORGET, arguments=named, explanation=f"Let every node forget {spare.address} again."
        ),
        Step(
            kind=StepKind.RESET, arguments=named, explanation=f"Empty {spare.address}: it is a spare again."
        ),
    ]


def configure(node: NodePicture, settings: Mapping[str, str]) -> Step:
    words = ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
    return Step(
        kind=StepKind.CONFIGURE,
        arguments={"node": node.id, "settings": json.dumps(dict(settings), sort_keys=True)},
        explanation=f"Set {words} on {node.address}.",
    )


def restart(node: NodePicture) -> Step:
    """Names the process that shall end: clocks of managers differ, so a time would not say which."""
    return Step(
        kind=StepKind.RESTART,
        arguments={"node": node.id, "run_id": node.run_id},
        explanation=f"Shut {node.address} down, let its supervisor start it, and wait until it is in sync.",
    )


def verify(expect: str, explanation: str) -> Step:
    return Step(kind=StepKind.VERIFY, arguments={"expect": expect}, explanation=explanation)


def label(name: str, situation: Situation) -> str:
    """The address of a node that a step names."""
    node = situation.nodes.get(name)
    return node.address if node else name


def command_for(steps: Iterable[Step], situation: Situation) -> str:
    """The command lines that do the same by hand, one after the other."""
    return " && ".join(line for step in steps if (line := _line(step, situation)))


def _line(step: Step, situation: Situation) -> str:
    words, entry = step.arguments, situation.entry
    node = label(words.get("node", ""), situation)
    match step.kind:
        case StepKind.MOVE_SLOTS:
            return reshard_command(entry, label(words["target"], situation), words["slots"])
        case StepKind.MEET:
            host, _, port = words["address"].rpartition(":")
            return f"{_cli(entry)} CLUSTER MEET {quote(host.strip('[]'))} {port}"
        case StepKind.REPLICATE:
            return f"{_cli(node)} CLUSTER REPLICATE {words['primary']}"
        case StepKind.HAND_OVER:
            return f"{_cli(node)} CLUSTER FAILOVER"
        case StepKind.FORGET:
            return f"garrison cluster call {quote(entry)} CLUSTER FORGET {words['node']}"
        case StepKind.RESET:
            return f"{_cli(words['address'])} CLUSTER RESET HARD"
        case StepKind.CONFIGURE:
            pairs = json.loads(words["settings"]).items()
            return f"{_cli(node)} CONFIG SET " + " ".join(f"{name} {quote(value)}" for name, value in pairs)
        case StepKind.RESTART:
            return f"{_cli(node)} SHUTDOWN"
        case StepKind.BACKUP:
            return f"garrison backup create {quote(words['target'])} --from {quote(entry)}"
        case StepKind.PROVE:
            return f"garrison backup verify {quote(words['target'])} latest"
        case _:
            return ""


def reshard_command(entry: str, target: str, slots: str) -> str:
    """The command line that moves slots to a primary, whoever has them."""
    return f"garrison cluster reshard {quote(entry)} --to {quote(target)} --ranges {slots} --yes"


def _cli(address: str) -> str:
    host, _, port = address.rpartition(":")
    return f"garrison cli -h {quote(host.strip('[]'))} -p {port}"
