"""The directives of a Sentinel's process: one table; the lines that begin with `sentinel` have their own.

Names, ranges and defaults are Redis 7.0's, except for the limits of clients: no request or reply of a
Sentinel comes near Redis's, so ours protect its memory. What Redis knows beside these is accepted without
effect, for redis-sentinel takes any directive of redis-server, and its files carry some."""

from __future__ import annotations

from garrison.base import tls_directives
from garrison.base.list_value_types import BufferLimits, Repeated, Words
from garrison.base.metrics import metrics_directives
from garrison.base.value_types import UINT_MAX, Choice, Directive, Integer, Memory, Octal, Text, Use, YesNo

C, N, R = Use.CONTROL, Use.NOTHING, Use.REFUSED
YES_NO = YesNo()

_PROCESS = (
    Directive("port", Integer(0, 65535), "26379", C, "TCP port for clients; 0 for none."),
    Directive(
        "bind",
        Words(0, 16, allowed="up to 16 addresses; a leading - makes one optional"),
        "* -::*",
        C,
        "Addresses on which clients are accepted.",
    ),
    Directive("bind-source-addr", Text(), "", C, "Local address of outgoing connections."),
    Directive("protected-mode", YES_NO, "no", C, "Serve loopback only as long as no password is set."),
    Directive("tcp-backlog", Integer(), "511", C, "Connections that may wait to be accepted."),
    Directive("unixsocket", Text(), "", C, "Path of a Unix socket for clients."),
    Directive("unixsocketperm", Octal(0, 0o777), "0", C, "Permissions of the Unix socket."),
    Directive("timeout", Integer(), "0", C, "Seconds after which an idle client is closed; 0 for never."),
    Directive("tcp-keepalive", Integer(), "300", C, "Seconds between keepalive probes; 0 for none."),
    Directive("dir", Text(), "", C, "Working folder; relative paths start here."),
    Directive("daemonize", YES_NO, "no", C, "Run in the background."),
    Directive(
        "supervised",
        Choice("upstart", "systemd", "auto", "no"),
        "no",
        C,
        "Tell a supervisor when the Sentinel is ready.",
    ),
    Directive("pidfile", Text(), "", C, "File that holds the process id."),
    Directive("logfile", Text(), "", C, "Log file; empty for standard output."),
    Directive(
        "loglevel",
        Choice("debug", "verbose", "notice", "warning", "nothing"),
        "notice",
        C,
        "Least important lines that are logged.",
    ),
    Directive("always-show-logo", YES_NO, "no", C, "Log a banner at the start, terminal or not."),
    Directive("syslog-enabled", YES_NO, "no", C, "Log to syslog as well."),
    Directive("syslog-ident", Text(), "sentinel", C, "Name in syslog."),
    Directive(
        "syslog-facility",
        Choice("user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
        "local0",
        C,
        "Facility in syslog.",
    ),
)

_CLIENTS = (
    Directive("maxclients", Integer(1, UINT_MAX), "10000", C, "Most clients at a time."),
    Directive("requirepass", Text(), "", C, "Password that AUTH asks of the default user.", sensitive=True),
    Directive("user", Repeated(), "", C, "A user and its rules.", file_only=True, sensitive=True),
    Directive("aclfile", Text(), "", C, "File of users."),
    Directive(
        "acl-pubsub-default",
        Choice("allchannels", "resetchannels"),
        "resetchannels",
        C,
        "Channels that a new user may use.",
    ),
    Directive("acllog-max-len", Integer(0, 1 << 20), "128", C, "Entries that ACL LOG keeps."),
    Directive(
        "client-query-buffer-limit", Memory(65536), "1048576", C, "Most bytes of one request of a client."
    ),
    Directive(
        "client-output-buffer-limit",
        BufferLimits(),
        "normal 33554432 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        C,
        "Most bytes of replies and messages that wait for one client.",
    ),
    Directive("loadmodule", Repeated(), "", R, "A module to load.", file_only=True),
    Directive("rename-command", Repeated(), "", R, "Another name for a command, or none.", file_only=True),
)

_OWN = (
    Directive(
        "link-connect-timeout-ms",
        Integer(10),
        "5000",
        C,
        "Milliseconds after which an attempt to connect to an instance is given up.",
    ),
    Directive(
        "link-output-bytes-max",
        Memory(4096),
        "1048576",
        C,
        "Most bytes of commands that wait on one link to an instance before it is dropped.",
    ),
    Directive(
        "link-reply-bytes-max",
        Memory(65536),
        "16777216",
        C,
        "Longest reply of an instance; a longer one drops its link.",
    ),
    Directive("scripts-running-max", Integer(1, 1024), "16", C, "Scripts that run at a time."),
    Directive("scripts-queue-length-max", Integer(1), "256", C, "Scripts that wait; older ones are dropped."),
    Directive("script-retries-max", Integer(1), "10", C, "How often a script is started that asks for it."),
)

ROWS: dict[str, Directive] = {
    row.name: row
    for rows in (_PROCESS, _CLIENTS, _OWN, tls_directives.ROWS, metrics_directives.ROWS)
    for row in rows
}

_NAMES = """
active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes
active-defrag-max-scan-fields active-defrag-threshold-lower active-defrag-threshold-upper
active-expire-effort activedefrag activerehashing aof-disable-auto-gc aof-load-truncated
aof-rewrite-incremental-fsync aof-timestamp-enabled aof-use-rdb-preamble aof_rewrite_cpulist
appenddirname appendfilename appendfsync appendonly auto-aof-rewrite-min-size
auto-aof-rewrite-percentage bgsave_cpulist bio_cpulist busy-reply-threshold
cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down cluster-allow-replica-migration
cluster-announce-bus-port cluster-announce-hostname cluster-announce-human-nodename
cluster-announce-ip cluster-announce-port cluster-announce-tls-port cluster-config-file
cluster-enabled cluster-link-sendbuf-limit cluster-migration-barrier cluster-node-timeout
cluster-port cluster-preferred-endpoint-type cluster-replica-no-failover
cluster-replica-validity-factor cluster-require-full-coverage cluster-slave-no-failover
cluster-slave-validity-factor cluster-slot-stats-enabled crash-log-enabled crash-memcheck-enabled
databases dbfilename disable-thp dual-channel-replication-enabled dynamic-hz enable-debug-command
enable-module-command enable-protected-configs hash-max-listpack-entries hash-max-listpack-value
hash-max-ziplist-entries hash-max-ziplist-value hll-sparse-max-bytes hz ignore-warnings io-threads
io-threads-do-reads jemalloc-bg-thread key-load-delay latency-monitor-threshold latency-tracking
latency-tracking-info-percentiles lazyfree-lazy-eviction lazyfree-lazy-expire
lazyfree-lazy-server-del lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time
lfu-log-factor list-compress-depth list-max-listpack-size list-max-ziplist-size
loading-process-events-interval-bytes locale-collate lua-enable-deprecated-api lua-time-limit
masterauth masteruser maxmemory maxmemory-clients maxmemory-eviction-tenacity maxmemory-policy
maxmemory-samples min-replicas-max-lag min-replicas-to-write min-slaves-max-lag min-slaves-to-write
no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj oom-score-adj-values
proc-title-template proto-max-bulk-len propagation-error-behavior rdb-del-sync-files
rdb-key-save-delay rdb-save-incremental-fsync rdbchecksum rdbcompression repl-backlog-size
repl-backlog-ttl repl-disable-tcp-nodelay repl-diskless-load repl-diskless-sync
repl-diskless-sync-delay repl-diskless-sync-max-replicas repl-ping-replica-period
repl-ping-slave-period repl-rdb-channel repl-timeout replica-announce-ip replica-announce-port
replica-announced replica-full-sync-buffer-limit replica-ignore-disk-write-errors
replica-ignore-maxmemory replica-lazy-flush replica-priority replica-read-only
replica-serve-stale-data replicaof sanitize-dump-payload save server_cpulist set-max-intset-entries
set-max-listpack-entries set-max-listpack-value set-proc-title shutdown-on-sigint
shutdown-on-sigterm shutdown-timeout slave-announce-ip slave-announce-port slave-ignore-maxmemory
slave-lazy-flush slave-priority slave-read-only slave-serve-stale-data slaveof
slowlog-log-slower-than slowlog-max-len socket-mark-id stop-writes-on-bgsave-error
stream-node-max-bytes stream-node-max-entries tracking-table-max-keys use-exit-on-panic
watchdog-period zset-max-listpack-entries zset-max-listpack-value zset-max-ziplist-entries
zset-max-ziplist-value
"""

WITHOUT_MEANING = frozenset(_NAMES.split())
"""Directives of redis-server that a Sentinel accepts and ignores; their values are not checked."""


def find(name: str) -> Directive | None:
    """The directive of that name, in any case of letters."""
    return ROWS.get(name.lower())
