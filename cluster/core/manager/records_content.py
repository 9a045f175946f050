"""Records as bytes: what a node stores for the managers and does not look into.

A line with a mark and a CRC-32, then compact JSON, or the same compressed, in base 85, when that is worth it.
It is always text::

    GMR1 json 0f3a9c11
    {"desired":"...","jobs":[...]}

Old things are dropped until it fits: ended jobs and audit entries, then former desired states, the oldest
first.
"""

import base64
import zlib

from pydantic import ValidationError

from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.manager_settings import ManagerSettings

MARK = b"GMR1"
COMPRESSED_FROM_BYTES = 4_096
UNPACKED_BYTES_MAX = 64 * 1024 * 1024
"""A damaged or hostile content does not grow past this."""


class DamagedRecordsError(Exception):
    """A node's content is not what a manager has stored."""


class RecordsTooLargeError(Exception):
    """Nothing more can be dropped, and they still do not fit."""


def encoded(records: Records) -> bytes:
    """The bytes of these records."""
    text = records.model_dump_json(exclude_defaults=True).encode()
    if len(text) < COMPRESSED_FROM_BYTES:
        return b"%s json %08x\n%s" % (MARK, zlib.crc32(text), text)
    return b"%s zlib %08x\n%s" % (MARK, zlib.crc32(text), base64.b85encode(zlib.compress(text)))


def decoded(content: bytes) -> Records:
    """The records of these bytes; DamagedRecordsError says what is wrong with them."""
    head, _, body = content.partition(b"\n")
    words = head.split(b" ")
    if len(words) != 3 or words[0] != MARK or words[1] not in (b"json", b"zlib"):
        raise DamagedRecordsError(f"they begin with {content[:20]!r}, not with {MARK.decode()}")
    text = _unpacked(body) if words[1] == b"zlib" else body
    if words[2] != b"%08x" % zlib.crc32(text):
        raise DamagedRecordsError("their checksum does not fit")
    try:
        return Records.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DamagedRecordsError(f"{first['msg']} at {'.'.join(map(str, first['loc']))}") from error


def is_sound(content: bytes) -> bool:
    """Whether records can be read from these bytes."""
    try:
        decoded(content)
    except DamagedRecordsError:
        return False
    return True


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(base64.b85decode(body), UNPACKED_BYTES_MAX)
    except (zlib.error, ValueError) as error:
        raise DamagedRecordsError(str(error)) from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise DamagedRecordsError("they are cut short or too large")
    return text


def trimmed(records: Records, settings: ManagerSettings, bytes_max: int) -> tuple[Records, bytes]:
    """The records without what is too old, and their bytes. RecordsTooLargeError if that is not enough."""
    jobs_max, audit_max = settings.ended_jobs_max, settings.audit_entries_max
    while True:
        records = _with_at_most(records, jobs_max, audit_max)
        content = encoded(records)
        if len(content) <= bytes_max:
            return records, content
        if jobs_max == audit_max == 0 and records.desired_before:
            records = records.model_copy(update={"desired_before": records.desired_before[1:]})
            continue
        if jobs_max == audit_max == 0:
            raise RecordsTooLargeError(
                f"desired state and open jobs take {len(content)} bytes of at most {bytes_max}"
            )
        ended = sum(job.state.has_ended for job in records.jobs)
        jobs_max, audit_max = min(jobs_max, ended) // 2, min(audit_max, len(records.audit)) // 2


def _with_at_most(records: Records, ended_jobs: int, audit_entries: int) -> Records:
    surplus = sum(job.state.has_ended for job in records.jobs) - ended_jobs
    kept = []
    for job in records.jobs:
        if job.state.has_ended and surplus > 0:
            surplus -= 1
        else:
            kept.append(job)
    audit = records.audit[max(0, len(records.audit) - audit_entries) :]
    return records.model_copy(update={"jobs": tuple(kept), "audit": audit})
