"""What a manager answers when asked how it does, and what clients of its HTTP API send."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from garrison.cluster.core.manager.picture import Document

MOVES_MAX = 1_024


class ManagerStatus(Document):
    """The manager in one screen."""

    id: str
    version: str = ""
    leads: bool = False
    leader: str = Field(default="", description="the id of the manager that leads; empty for none")
    leader_address: str = Field(default="", description="of its HTTP API, where it has said so")
    epoch: int = 0
    kind: Literal["cluster", "sentinel", "single"] = "cluster"
    only_watches: bool = Field(default=False, description="it keeps no records here and begins no jobs")
    keeping: Literal["cluster", "file"] = "cluster"
    mode: Literal["dry-run", "act", "paused"] = "dry-run"
    paused_by: str = ""
    why_idle: str = Field(default="", description="one sentence: why it does not act; empty when it does")
    jobs_open: int = 0
    picture_at_ms: int = 0
    slots_covered: int = 0
    majority_answers: bool = True
    problems: tuple[str, ...] = ()


class Sent(BaseModel):
    """The root of what clients send: unknown words are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MoveRequest(Sent):
    """Slots of one primary to another."""

    source: str = Field(min_length=1, max_length=128, description="id of a primary")
    target: str = Field(min_length=1, max_length=128, description="id of a primary")
    slots: str = Field(min_length=1, max_length=65_536, description="ranges, as 0-99,205")


class ReshardRequest(Sent):
    """What `POST /api/reshard` takes."""

    moves: list[MoveRequest] = Field(min_length=1, max_length=MOVES_MAX)


class KeySearch(Sent):
    """What `POST /api/keys/search` takes."""

    node: str = Field(min_length=1, max_length=128, description="the id of a node")
    what: Literal["big", "hot"] = "big"


class Refusal(Document):
    """The body of every error."""

    error: str
    path: str = Field(default="", description="the place in the document that is wrong")
    leader: str = Field(default="", description="where the manager that leads is, with status 409")
    errors: tuple["Refusal", ...] = Field(default=(), description="all that is wrong, with its place")
