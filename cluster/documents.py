"""What ``--json`` prints: one document a command, described by these models.

Fields are only ever added. ``ok`` is true exactly when the exit code is 0.
"""

from pydantic import BaseModel, Field

from garrison.cluster.core.check import Finding
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.creation import CreationPlan
from garrison.cluster.core.ranges import SLOT_COUNT, format_ranges, format_slots
from garrison.cluster.core.repair import Repair
from garrison.cluster.core.reshard_plan import Move


class Document(BaseModel):
    """The root: every command's document says whether it went well."""

    command: str
    ok: bool = True


class ErrorDocument(Document):
    ok: bool = False
    error: str
    exit_code: int


class NodeDocument(BaseModel):
    id: str
    address: str
    role: str
    slots: str = Field(default="", description="ranges, as 0-99,205")
    slot_count: int = 0
    keys: int = 0
    epoch: int = 0
    primary_id: str | None = None
    reachable: bool = True
    link_up: bool | None = None
    data_lost: bool = Field(default=False, description="it owns slots whose data it does not have")
    version: str = ""


class InfoDocument(Document):
    nodes: list[NodeDocument]
    keys: int
    slots_covered: int


class FindingDocument(BaseModel):
    severity: str
    code: str
    message: str
    advice: str


class CheckDocument(InfoDocument):
    findings: list[FindingDocument]


class MoveDocument(BaseModel):
    source: str
    target: str
    slot_count: int
    slots: str


class MoveReport(Document):
    """Result of reshard, rebalance or fix. ``finished_first`` counts slots left open by an earlier run."""

    dry_run: bool = False
    moves: list[MoveDocument] = []
    slots_moved: int = 0
    slots_left: int = 0
    keys_moved: int = 0
    bytes_moved_estimate: int = 0
    finished_first: int = 0
    seconds: float = 0.0


class RepairDocument(BaseModel):
    action: str
    slots: str
    target: str
    sources: list[str]


class FixReport(MoveReport):
    repairs: list[RepairDocument] = []
    findings_left: list[FindingDocument] = []


class ShardDocument(BaseModel):
    primary: str
    slots: str
    replicas: list[str]


class CreateReport(Document):
    dry_run: bool = False
    shards: list[ShardDocument]
    warnings: list[str]
    seconds: float = 0.0


class MemberReport(Document):
    dry_run: bool = False
    node_id: str
    address: str
    primary: str | None = None


class LeftKeyDocument(BaseModel):
    key: str
    reason: str


class ImportReport(Document):
    dry_run: bool = False
    keys: int
    types: dict[str, int] = Field(default={}, description="how many keys of each type the source had")
    left_count: int = Field(default=0, description="how many stay there, without those of skipped types")
    left: list[LeftKeyDocument] = Field(default=[], description="the first of them")
    seconds: float


class FileDocument(BaseModel):
    node: str
    path: str
    bytes: int


class BackupReport(Document):
    files: list[FileDocument]
    seconds: float


class ReplyDocument(BaseModel):
    address: str
    reply: object = None
    error: str | None = None


class CallReport(Document):
    replies: list[ReplyDocument]


class LibraryDocument(BaseModel):
    name: str
    engine: str
    version: str = Field(description="the beginning of its source's SHA-1")
    functions: list[str]
    nodes: list[str]


class FunctionsListReport(Document):
    """A library that differs between nodes is in it once for each version."""

    libraries: list[LibraryDocument]
    nodes: list[str] = Field(description="all that were asked, replicas too")
    unreachable: list[str] = []


class PushedLibraryDocument(BaseModel):
    library: str
    path: str
    loaded: list[str] = Field(description="primaries that lacked it, or had another version")
    unchanged: list[str]


class FunctionsPushReport(Document):
    dry_run: bool = False
    libraries: list[PushedLibraryDocument]


class FunctionsDifferenceDocument(BaseModel):
    library: str
    kind: str = Field(
        description="missing, different, or unknown: at these primaries and in none of the files"
    )
    nodes: list[str]
    reference: str = Field(description="the file or the primaries that they are compared with")
    lines: list[str] = Field(default=[], description="a unified diff, from the reference to these primaries")


class FunctionsDiffReport(Document):
    primaries: list[str]
    libraries: int
    differences: list[FunctionsDifferenceDocument]


def describe_nodes(state: ClusterState) -> list[NodeDocument]:
    """All known nodes: each primary, then its replicas."""
    documents = []
    for primary in state.primaries:
        owned = state.slots_of.get(primary.id, frozenset())
        for node in (primary, *state.replicas_of(primary.id)):
            status = state.statuses.get(node.id)
            mine = owned if node is primary else frozenset()
            documents.append(
                NodeDocument(
                    id=node.id,
                    address=str(node.address),
                    role="primary" if node.is_primary else "replica",
                    slots=format_ranges(node.with_slots(mine).ranges),
                    slot_count=len(mine),
                    keys=status.keys if status else 0,
                    epoch=node.epoch,
                    primary_id=node.primary_id,
                    reachable=node.id in state.views,
                    link_up=status.link_up if status else None,
                    data_lost=status is not None and status.data_lost,
                    version=status.version if status else "",
                )
            )
    return documents


def describe_info(state: ClusterState, command: str = "info") -> InfoDocument:
    nodes = describe_nodes(state)
    keys = sum(node.keys for node in nodes if node.role == "primary")
    return InfoDocument(command=command, nodes=nodes, keys=keys, slots_covered=len(state.owners))


def describe_check(state: ClusterState, findings: list[Finding], command: str = "check") -> CheckDocument:
    info = describe_info(state, command)
    errors = [finding for finding in findings if finding.severity == "error"]
    return CheckDocument(
        **info.model_dump(exclude={"ok"}),
        ok=not errors and info.slots_covered == SLOT_COUNT,
        findings=describe_findings(findings),
    )


def describe_findings(findings: list[Finding]) -> list[FindingDocument]:
    return [
        FindingDocument(severity=f.severity, code=f.code, message=f.message, advice=f.advice)
        for f in findings
    ]


def describe_moves(state: ClusterState, moves: tuple[Move, ...]) -> list[MoveDocument]:
    return [
        MoveDocument(
            source=state.nodes[move.source].label,
            target=state.nodes[move.target].label,
            slot_count=len(move.slots),
            slots=format_ranges(move.ranges),
        )
        for move in moves
    ]


def describe_repairs(state: ClusterState, repairs: tuple[Repair, ...]) -> list[RepairDocument]:
    """Repairs that differ in the slot only, as one line."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for repair in repairs:
        groups.setdefault((repair.action, repair.target, repair.sources), []).append(repair.slot)
    return [
        RepairDocument(
            action=action,
            slots=format_slots(slots),
            target=state.nodes[target].label,
            sources=[state.nodes[source].label for source in sources],
        )
        for (action, target, sources), slots in groups.items()
    ]


def describe_plan(plan: CreationPlan) -> list[ShardDocument]:
    return [
        ShardDocument(
            primary=str(shard.primary),
            slots=format_ranges([shard.slots]),
            replicas=[str(replica) for replica in shard.replicas],
        )
        for shard in plan.shards
    ]
