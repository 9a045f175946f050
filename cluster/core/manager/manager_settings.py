"""Every limit of a manager's core. Durations are in milliseconds."""

from typing import Literal

from pydantic import Field

from garrison.cluster.core.manager.picture import Document

FILE_NODE = "file"
"""The id under which the shell is asked to read and store records when they are kept in a file."""

LEASE_MS_MIN = 300


class ManagerSettings(Document):
    """Settings of one manager."""

    id: str = Field(min_length=1, max_length=64, description="unlike that of every other manager")
    keeping: Literal["cluster", "file"] = Field(
        default="cluster", description="where lease and records are; in a file this manager works alone"
    )
    records_file: str = Field(default="", description="how the file is called, for people")
    lease_ms: int = Field(default=9_000, ge=LEASE_MS_MIN, description="how long a granted lease holds")
    clock_drift_percent_max: float = Field(
        default=10.0, ge=0, lt=50, description="how much of the lease is given up for clocks that differ"
    )
    records_bytes_max: int = Field(
        default=524_288, ge=4_096, description="of the records; older ended jobs and history go first"
    )
    ended_jobs_max: int = Field(default=200, ge=1, description="ended jobs that are kept")
    audit_entries_max: int = Field(default=1_000, ge=1, description="lines of the history")
    desired_before_max: int = Field(default=16, ge=1, description="former desired states, for undo")
    requests_max: int = Field(default=64, ge=1, description="that wait to be stored")
    picture_age_ms_max: int = Field(default=10_000, ge=100, description="nothing begins by an older picture")
    plan_every_ms: int = Field(default=5_000, ge=1, description="while nothing else happens")
    step_attempts_max: int = Field(
        default=4, ge=1, description="how often a step is tried before its job fails"
    )
    step_retry_ms: int = Field(default=2_000, ge=1, description="before the first retry; doubled each time")
    step_retry_ms_max: int = Field(default=60_000, ge=1, description="the longest wait between two tries")
    begin_patience_ms: int = Field(
        default=60_000, ge=1, description="how long a step may wait for what it needs; then its job stops"
    )
    failed_job_rest_ms: int = Field(
        default=600_000, ge=0, description="how long after a failure the same job is not planned again"
    )
    stopped_job_rest_ms: int = Field(
        default=60_000, ge=0, description="the same after a stop because the manager was not sure"
    )
    offers_max: int = Field(default=16, ge=1, description="plans of persons that wait for consent")
