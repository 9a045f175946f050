//! Which commands COMMAND DOCS calls deprecated or internal, as Redis does; Valkey has taken most of them back.

/// Since when a command has been deprecated, and what replaces it.
pub(super) fn deprecated(full_name: &str) -> Option<(&'static str, &'static str)> {
    Some(match full_name {
        "brpoplpush" => ("6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`"),
        "cluster|slaves" => ("5.0.0", "`CLUSTER REPLICAS`"),
        "cluster|slots" => ("7.0.0", "`CLUSTER SHARDS`"),
        "georadius" => ("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`"),
        "georadius_ro" => ("6.2.0", "`GEOSEARCH` with `BYRADIUS`"),
        "georadiusbymember" => ("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS` and `FROMMEMBER`"),
        "georadiusbymember_ro" => ("6.2.0", "`GEOSEARCH` with `BYRADIUS` and `FROMMEMBER`"),
        "getset" => ("6.2.0", "`SET` with `GET`"),
        "hmset" => ("4.0.0", "`HSET` with several fields"),
        "psetex" | "setex" => ("2.6.12", "`SET` with `PX` or `EX`"),
        "quit" => ("7.2.0", "closing the connection"),
        "rpoplpush" => ("6.2.0", "`LMOVE` with `RIGHT` and `LEFT`"),
        "setnx" => ("2.6.12", "`SET` with `NX`"),
        "slaveof" => ("5.0.0", "`REPLICAOF`"),
        "substr" => ("2.0.0", "`GETRANGE`"),
        "zrangebylex" => ("6.2.0", "`ZRANGE` with `BYLEX`"),
        "zrangebyscore" => ("6.2.0", "`ZRANGE` with `BYSCORE`"),
        "zrevrange" => ("6.2.0", "`ZRANGE` with `REV`"),
        "zrevrangebylex" => ("6.2.0", "`ZRANGE` with `REV` and `BYLEX`"),
        "zrevrangebyscore" => ("6.2.0", "`ZRANGE` with `REV` and `BYSCORE`"),
        _ => return None,
    })
}

/// Whether a command is there for servers, not for clients.
pub(super) fn is_internal(full_name: &str) -> bool {
    matches!(full_name, "debug" | "pfdebug" | "pfselftest" | "replconf" | "restore-asking")
}
