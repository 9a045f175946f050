"""Since which version of Redis each command of a Sentinel is there, for COMMAND DOCS."""

from __future__ import annotations

_BY_VERSION = {
    "1.0.0": "ping shutdown info auth",
    "2.0.0": "subscribe unsubscribe psubscribe punsubscribe publish",
    "2.4.0": "client client|kill client|list",
    "2.6.9": "client|getname client|setname",
    "2.8.0": "sentinel|slaves",
    "2.8.4": "sentinel sentinel|ckquorum sentinel|failover sentinel|flushconfig "
    "sentinel|get-master-addr-by-name sentinel|is-master-down-by-addr sentinel|master sentinel|masters "
    "sentinel|monitor sentinel|pending-scripts sentinel|remove sentinel|reset sentinel|sentinels "
    "sentinel|set",
    "2.8.12": "role",
    "2.8.13": "command command|count command|getkeys command|info",
    "2.9.50": "client|pause",
    "3.2.0": "client|reply sentinel|info-cache sentinel|simulate-failure",
    "5.0.0": "client|help client|id client|unblock command|help sentinel|replicas",
    "6.0.0": "hello acl acl|cat acl|deluser acl|genpass acl|getuser acl|help acl|list acl|load acl|log "
    "acl|save acl|setuser acl|users acl|whoami client|caching client|getredir client|tracking",
    "6.2.0": "client|info client|trackinginfo client|unpause sentinel|config sentinel|help sentinel|myid "
    "reset",
    "7.0.0": "acl|dryrun client|no-evict command|docs command|getkeysandflags command|list sentinel|debug",
}
SINCE = {name: version for version, names in _BY_VERSION.items() for name in names.split()}
