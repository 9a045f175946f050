"""The process, its sockets, its log and its clients."""

from __future__ import annotations

from garrison.base.list_value_types import Repeated, Words
from garrison.base.value_types import (
    INT_MAX,
    LONG_MAX,
    UINT_MAX,
    AnyBytes,
    Choice,
    Directive,
    Integer,
    Memory,
    Octal,
    Text,
    Use,
    YesNo,
)
from garrison.node.directives.lists import (
    EventClasses,
    OomScores,
    Percentiles,
    ShutdownFlags,
)
from garrison.node.title import TitleTemplate

E, C, B, N, R = Use.ENGINE, Use.CONTROL, Use.BOTH, Use.NOTHING, Use.REFUSED
YES_NO = YesNo()

ROWS = (
    Directive(
        "bind",
        Words(0, 16, allowed="up to 16 addresses; a leading - makes one optional"),
        "* -::*",
        E,
        "Addresses on which clients are accepted.",
    ),
    Directive("bind-source-addr", Text(), "", C, "Local address of outgoing connections."),
    Directive("port", Integer(0, 65535), "6379", B, "TCP port for clients; 0 for none."),
    Directive(
        "tcp-backlog", Integer(), "511", E, "Connections that may wait to be accepted.", immutable=True
    ),
    Directive("unixsocket", Text(), "", E, "Path of a Unix socket for clients.", immutable=True),
    Directive("unixsocketperm", Octal(0, 0o777), "0", E, "Permissions of the Unix socket.", immutable=True),
    Directive("timeout", Integer(), "0", E, "Seconds after which an idle client is closed; 0 for never."),
    Directive("tcp-keepalive", Integer(), "300", E, "Seconds between keepalive probes; 0 for none."),
    Directive(
        "socket-mark-id", Integer(0, UINT_MAX), "0", N, "Mark of the listening sockets, for packet filters."
    ),
    Directive("protected-mode", YES_NO, "yes", E, "Serve loopback only as long as no password is set."),
    Directive("maxclients", Integer(1, UINT_MAX), "10000", E, "Most clients at a time."),
    Directive("databases", Integer(1), "16", E, "Number of databases.", immutable=True),
    Directive(
        "requirepass", AnyBytes(), "", E, "Password that AUTH asks of the default user.", sensitive=True
    ),
    Directive("aclfile", Text(), "", R, "File of users.", immutable=True),
    Directive(
        "acl-pubsub-default",
        Choice("allchannels", "resetchannels"),
        "resetchannels",
        N,
        "Channels that a new user may use.",
    ),
    Directive("acllog-max-len", Integer(0, LONG_MAX), "128", N, "Entries that ACL LOG keeps."),
    Directive("user", Repeated(), "", R, "A user and its rules.", file_only=True, sensitive=True),
    Directive("rename-command", Repeated(), "", R, "Another name for a command, or none.", file_only=True),
    Directive("loadmodule", Repeated(), "", R, "A module to load.", file_only=True),
    Directive(
        "enable-protected-configs",
        Choice("no", "yes", "local"),
        "no",
        C,
        "Who may CONFIG SET protected directives.",
        immutable=True,
    ),
    Directive(
        "enable-debug-command", Choice("no", "yes", "local"), "no", E, "Who may use DEBUG.", immutable=True
    ),
    Directive(
        "enable-module-command", Choice("no", "yes", "local"), "no", N, "Who may use MODULE.", immutable=True
    ),
    Directive("daemonize", YES_NO, "no", C, "Run in the background.", immutable=True),
    Directive(
        "supervised",
        Choice("upstart", "systemd", "auto", "no"),
        "no",
        C,
        "Tell a supervisor when the node is ready.",
        immutable=True,
    ),
    Directive("pidfile", Text(), "", C, "File that holds the process id.", immutable=True),
    Directive(
        "loglevel",
        Choice("debug", "verbose", "notice", "warning"),
        "notice",
        C,
        "Least important lines that are logged.",
    ),
    Directive("logfile", Text(), "", C, "Log file; empty for standard output.", immutable=True),
    Directive("syslog-enabled", YES_NO, "no", C, "Log to syslog as well.", immutable=True),
    Directive("syslog-ident", Text(), "redis", C, "Name in syslog.", immutable=True),
    Directive(
        "syslog-facility",
        Choice("user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
        "local0",
        C,
        "Facility in syslog.",
        immutable=True,
    ),
    Directive(
        "always-show-logo", YES_NO, "no", C, "Log a banner at the start, terminal or not.", immutable=True
    ),
    Directive("set-proc-title", YES_NO, "yes", C, "Show state in the list of processes.", immutable=True),
    Directive(
        "proc-title-template",
        TitleTemplate(),
        "{title} {listen-addr} {server-mode}",
        C,
        "Template of the process title.",
    ),
    Directive("crash-log-enabled", YES_NO, "yes", N, "Log a report when the process crashes."),
    Directive("crash-memcheck-enabled", YES_NO, "yes", N, "Check memory when the process crashes."),
    Directive("use-exit-on-panic", YES_NO, "no", N, "Exit instead of abort on a panic.", hidden=True),
    Directive(
        "watchdog-period", Integer(), "0", N, "Milliseconds after which a slow step is reported.", hidden=True
    ),
    Directive(
        "loading-process-events-interval-bytes",
        Memory(1024, INT_MAX),
        "2097152",
        N,
        "Bytes of a file that are loaded between two looks at the clients.",
        hidden=True,
    ),
    Directive(
        "lua-enable-deprecated-api",
        YES_NO,
        "no",
        N,
        "Give scripts what the peers have deprecated.",
        immutable=True,
        hidden=True,
    ),
    Directive("locale-collate", Text(), "", N, "Locale by which SORT with ALPHA compares."),
    Directive("ignore-warnings", Text(), "", N, "Warnings of the system check to leave out."),
    Directive("disable-thp", YES_NO, "yes", C, "Ask the kernel for no huge pages.", immutable=True),
    Directive(
        "oom-score-adj",
        Choice("no", "yes", "relative", "absolute"),
        "no",
        N,
        "Adjust the out-of-memory score by role.",
    ),
    Directive(
        "oom-score-adj-values", OomScores(), "0 200 800", N, "Scores of primary, replica and background work."
    ),
    Directive("server_cpulist", Text(), "", N, "Processors of the serving threads.", immutable=True),
    Directive("bio_cpulist", Text(), "", N, "Processors of the background threads.", immutable=True),
    Directive("aof_rewrite_cpulist", Text(), "", N, "Processors of an AOF rewrite.", immutable=True),
    Directive("bgsave_cpulist", Text(), "", N, "Processors of a background save.", immutable=True),
    Directive("io-threads", Integer(1, 128), "1", N, "Threads that read and write sockets.", immutable=True),
    Directive("io-threads-do-reads", YES_NO, "no", N, "Let those threads read as well.", immutable=True),
    Directive("hz", Integer(0, INT_MAX, clamp=(1, 500)), "10", E, "Turns a second of the background work."),
    Directive("dynamic-hz", YES_NO, "yes", N, "Raise hz with the number of clients."),
    Directive("shutdown-timeout", Integer(), "10", C, "Seconds that a shutdown waits for lagging replicas."),
    Directive("shutdown-on-sigint", ShutdownFlags(), "default", C, "How SIGINT shuts down."),
    Directive("shutdown-on-sigterm", ShutdownFlags(), "default", C, "How SIGTERM shuts down."),
    Directive("dir", Text(), "", C, "Working folder; files are written here.", protected=True),
    Directive(
        "busy-reply-threshold",
        Integer(0, LONG_MAX),
        "5000",
        E,
        "Milliseconds after which a script answers BUSY to others.",
        alias="lua-time-limit",
    ),
    Directive(
        "slowlog-log-slower-than",
        Integer(-1, LONG_MAX),
        "10000",
        E,
        "Microseconds from which a command is logged as slow; -1 for never.",
    ),
    Directive("slowlog-max-len", Integer(0, LONG_MAX), "128", E, "Entries that SLOWLOG keeps."),
    Directive(
        "latency-monitor-threshold",
        Integer(0, LONG_MAX),
        "0",
        E,
        "Milliseconds from which LATENCY records an event.",
    ),
    Directive("latency-tracking", YES_NO, "yes", E, "Keep latency histograms by command."),
    Directive(
        "latency-tracking-info-percentiles",
        Percentiles(),
        "50 99 99.9",
        E,
        "Percentiles in INFO latencystats.",
    ),
    Directive(
        "notify-keyspace-events", EventClasses(), "", E, "Classes of keyspace events that are published."
    ),
    Directive(
        "tracking-table-max-keys",
        Integer(0, LONG_MAX),
        "1000000",
        N,
        "Keys whose readers are remembered for client-side caching.",
    ),
)
