"""Files on disk: snapshots and the append-only file."""

from __future__ import annotations

from garrison.base.value_types import INT_MIN, Choice, Directive, Integer, Memory, Text, Use, YesNo
from garrison.node.directives.lists import SavePoints

E, N, A = Use.ENGINE, Use.NOTHING, Use.NEEDLESS
YES_NO = YesNo()

ROWS = (
    Directive(
        "save", SavePoints(), "3600 1 300 100 60 10000", E, "When a snapshot is written: seconds and changes."
    ),
    Directive(
        "dbfilename",
        Text(pattern="[^/]*", refusal="dbfilename can't be a path, just a filename"),
        "dump.rdb",
        E,
        "Name of the snapshot.",
        protected=True,
    ),
    Directive("rdbcompression", YES_NO, "yes", E, "Compress strings in snapshots."),
    Directive("rdbchecksum", YES_NO, "yes", E, "End snapshots with a checksum.", immutable=True),
    Directive("rdb-del-sync-files", YES_NO, "no", N, "Delete files that served a full sync only."),
    Directive("rdb-save-incremental-fsync", YES_NO, "yes", E, "Sync a snapshot piece by piece."),
    Directive(
        "rdb-key-save-delay",
        Integer(INT_MIN),
        "0",
        N,
        "Microseconds to wait between keys of a snapshot (for tests).",
        hidden=True,
    ),
    Directive(
        "key-load-delay",
        Integer(INT_MIN),
        "0",
        N,
        "Microseconds to wait between keys when loading (for tests).",
        hidden=True,
    ),
    Directive(
        "sanitize-dump-payload",
        Choice("no", "yes", "clients"),
        "no",
        A,
        "Check RESTORE payloads in depth (Garrison always does).",
    ),
    Directive("stop-writes-on-bgsave-error", YES_NO, "yes", E, "Refuse writes after a failed snapshot."),
    Directive("appendonly", YES_NO, "no", E, "Keep an append-only file."),
    Directive(
        "appendfilename",
        Text(pattern="[^/]*", refusal="appendfilename can't be a path, just a filename"),
        "appendonly.aof",
        E,
        "Base name of the append-only files.",
        immutable=True,
    ),
    Directive(
        "appenddirname",
        Text(pattern="[^/]*", refusal="appenddirname can't be a path, just a dirname"),
        "appendonlydir",
        E,
        "Folder of the append-only files.",
        immutable=True,
    ),
    Directive(
        "appendfsync",
        Choice("everysec", "always", "no"),
        "everysec",
        E,
        "When the append-only file is synced.",
    ),
    Directive("no-appendfsync-on-rewrite", YES_NO, "no", E, "Do not sync while a snapshot is being written."),
    Directive("auto-aof-rewrite-percentage", Integer(), "100", E, "Growth that starts a rewrite."),
    Directive("auto-aof-rewrite-min-size", Memory(), "67108864", E, "Size below which nothing is rewritten."),
    Directive("aof-load-truncated", YES_NO, "yes", E, "Load a file whose end is cut off."),
    Directive("aof-use-rdb-preamble", YES_NO, "yes", N, "Begin the append-only file with a snapshot."),
    Directive("aof-timestamp-enabled", YES_NO, "no", E, "Write timestamps into the append-only file."),
    Directive("aof-rewrite-incremental-fsync", YES_NO, "yes", E, "Sync a rewrite piece by piece."),
    Directive("aof-disable-auto-gc", YES_NO, "no", E, "Keep old append-only files."),
)
