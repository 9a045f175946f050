//! The tips of COMMAND INFO: what a client of a cluster does with commands that concern more than one
//! node, and which replies may differ from call to call.

const UNSTEADY: &str = "nondeterministic_output";
const UNORDERED: &str = "nondeterministic_output_order";
const ALL_NODES: &str = "request_policy:all_nodes";
const ALL_SHARDS: &str = "request_policy:all_shards";
const MULTI_SHARD: &str = "request_policy:multi_shard";
const ALL_SUCCEEDED: &str = "response_policy:all_succeeded";
const SPECIAL: &str = "response_policy:special";
const SUM: &str = "response_policy:agg_sum";
const MIN: &str = "response_policy:agg_min";

/// The tips for a command.
pub(super) fn tips(full_name: &str) -> &'static [&'static str] {
    match full_name {
        "config|set" | "slowlog|reset" | "latency|reset" | "script|flush" => &[ALL_NODES, ALL_SUCCEEDED],
        "ping" | "flushall" | "flushdb" | "memory|purge" => &[ALL_SHARDS, ALL_SUCCEEDED],
        "dbsize" => &[ALL_SHARDS, SUM],
        "wait" => &[ALL_SHARDS, MIN],
        "keys" => &[ALL_SHARDS, UNORDERED],
        "scan" => &[UNSTEADY, "request_policy:special"],
        "randomkey" => &[ALL_SHARDS, UNSTEADY],
        "del" | "unlink" | "exists" | "touch" => &[MULTI_SHARD, SUM],
        "mset" => &[MULTI_SHARD, ALL_SUCCEEDED],
        "msetnx" => &[MULTI_SHARD, MIN],
        "mget" => &[MULTI_SHARD],
        "info" => &[UNSTEADY, ALL_SHARDS, SPECIAL],
        "memory|doctor" | "memory|malloc-stats" | "memory|stats" => &[UNSTEADY, ALL_SHARDS, SPECIAL],
        "latency|doctor" | "latency|graph" | "latency|histogram" | "latency|history" | "latency|latest" => {
            &[UNSTEADY, ALL_NODES, SPECIAL]
        }
        "slowlog|get" => &[ALL_NODES, UNSTEADY],
        "slowlog|len" => &[ALL_NODES, SUM, UNSTEADY],
        "command" | "command|docs" | "command|info" | "command|list" | "hkeys" | "hvals" | "hgetall"
        | "module|list" | "sdiff" | "sinter" | "smembers" | "sunion" => &[UNORDERED],
        "time"
        | "lastsave"
        | "client|list"
        | "client|info"
        | "dump"
        | "ttl"
        | "pttl"
        | "hscan"
        | "hrandfield"
        | "migrate"
        | "spop"
        | "srandmember"
        | "sscan"
        | "zrandmember"
        | "zscan"
        | "object|encoding"
        | "object|freq"
        | "object|idletime"
        | "object|refcount"
        | "cluster|bumpepoch"
        | "cluster|count-failure-reports"
        | "cluster|getkeysinslot"
        | "cluster|info"
        | "cluster|links"
        | "cluster|nodes"
        | "cluster|replicas"
        | "cluster|shards"
        | "cluster|slaves"
        | "cluster|slots" => &[UNSTEADY],
        _ => &[],
    }
}
