//! The names of all commands of Redis and Valkey, for the answer to one that this version does not have.
//!
//! A client that asks for a command of its server and hears "unknown command" looks for a mistake of its own.
//! So the answer says that it is not built yet. It begins as the peers' answer does, since clients look for
//! those words.

/// Where users read what this version has.
pub const COMPATIBILITY_URL: &str = "https://github.com/garrison-db/garrison/blob/main/docs/compatibility.md";

/// What the answer to an unknown command adds, if it is one of the peers': `name`, with a subcommand behind a
/// bar.
pub fn not_built_yet(name: &str) -> Option<String> {
    let is_known = PEERS.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name));
    let shown = name.replace('|', " ").to_ascii_uppercase();
    is_known
        .then(|| format!("{shown} is not built yet in Garrison {}, see {COMPATIBILITY_URL}", crate::VERSION))
}

const PEERS: &str = "
_ft.config _ft.config|get _ft.config|help _ft.config|set _ft.debug _ft.debug|_ft.aggregate
_ft.debug|_ft.hybrid _ft.debug|_ft.profile _ft.debug|_ft.search _ft.debug|bg_scan_controller
_ft.debug|clear_pending_topology _ft.debug|coord_threads _ft.debug|delete_local_coord_cursors
_ft.debug|delete_local_cursors _ft.debug|disk_flush _ft.debug|disk_io_control _ft.debug|docidtoid
_ft.debug|docinfo _ft.debug|dump_deleted_ids _ft.debug|dump_geomidx _ft.debug|dump_hnsw
_ft.debug|dump_invidx _ft.debug|dump_numidx _ft.debug|dump_numidxtree _ft.debug|dump_phonetic_hash
_ft.debug|dump_prefix_trie _ft.debug|dump_schema _ft.debug|dump_suffix_trie _ft.debug|dump_tagidx
_ft.debug|dump_terms _ft.debug|ft.aggregate _ft.debug|ft.hybrid _ft.debug|ft.profile _ft.debug|ft.search
_ft.debug|gc_clean_numeric _ft.debug|gc_continue_schedule _ft.debug|gc_forcebginvoke
_ft.debug|gc_forceinvoke _ft.debug|gc_stop_schedule _ft.debug|gc_wait_for_jobs
_ft.debug|get_hide_user_data_from_logs _ft.debug|get_max_doc_id _ft.debug|git_sha _ft.debug|help
_ft.debug|idtodocid _ft.debug|indexer_sleep_before_yield_micros _ft.debug|indexes _ft.debug|info
_ft.debug|info_tagidx _ft.debug|invidx_summary _ft.debug|numidx_summary _ft.debug|pause_topology_updater
_ft.debug|query_controller _ft.debug|register_test_scorers _ft.debug|resume_topology_updater
_ft.debug|set_max_indexes _ft.debug|set_monitor_expiration _ft.debug|shard_connection_states
_ft.debug|spec_invidxes_info _ft.debug|ttl _ft.debug|ttl_expire _ft.debug|ttl_pause
_ft.debug|vecsim_info _ft.debug|vecsim_mock_timeout _ft.debug|workers _ft.debug|yields_counter acl
acl|cat acl|deluser acl|dryrun acl|genpass acl|getuser acl|help acl|list acl|load acl|log acl|save
acl|setuser acl|users acl|whoami append arcount ardel ardelrange arget argetrange argrep arinfo arinsert
arlastitems arlen armget armset arnext arop arring arscan arseek arset asking auth backup backup|abort
backup|cleanup backup|help backup|list backup|seal backup|start backup|status bf.add bf.card bf.debug
bf.exists bf.info bf.insert bf.load bf.loadchunk bf.madd bf.mexists bf.reserve bf.scandump bgrewriteaof
bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmovem blmpop blpop brpop brpoplpush bzmpop
bzpopmax bzpopmin cf.add cf.addnx cf.compact cf.count cf.debug cf.del cf.exists cf.info cf.insert
cf.insertnx cf.loadchunk cf.mexists cf.reserve cf.scandump client client|caching client|capa
client|getname client|getredir client|help client|id client|import-source client|info client|kill
client|list client|no-evict client|no-touch client|pause client|reply client|setinfo client|setname
client|tracking client|trackinginfo client|unblock client|unpause cluster clusterscan cluster|addslots
cluster|addslotsrange cluster|bumpepoch cluster|cancelslotmigrations cluster|count-failure-reports
cluster|countkeysinslot cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots
cluster|forget cluster|getkeysinslot cluster|getslotmigrations cluster|help cluster|info cluster|keyslot
cluster|links cluster|meet cluster|migrateslots cluster|migration cluster|myid cluster|myshardid
cluster|nodes cluster|replicas cluster|replicate cluster|reset cluster|saveconfig
cluster|set-config-epoch cluster|setslot cluster|shards cluster|slaves cluster|slot-stats cluster|slots
cluster|syncslots cms.incrby cms.info cms.initbydim cms.initbyprob cms.merge cms.query command
commandlog commandlog|get commandlog|help commandlog|len commandlog|reset command|count command|docs
command|getkeys command|getkeysandflags command|help command|info command|list config config|get
config|help config|resetstat config|rewrite config|set copy dbsize debug decr decrby del delex delifeq
digest discard dump echo eval eval_ro evalsha evalsha_ro exec exists expire expireat expiretime failover
fcall fcall_ro flushall flushdb ft._aliasaddifnx ft._aliasdelifx ft._alterifnx ft._createifnx
ft._dropifx ft._dropindexifx ft._list ft.add ft.aggregate ft.aliasadd ft.aliasdel ft.aliaslist
ft.aliasupdate ft.alter ft.config ft.config|get ft.config|help ft.config|set ft.create ft.cursor
ft.cursor|del ft.cursor|gc ft.cursor|read ft.del ft.dictadd ft.dictdel ft.dictdump ft.drop ft.dropindex
ft.explain ft.explaincli ft.get ft.hybrid ft.info ft.mget ft.profile ft.safeadd ft.search ft.spellcheck
ft.sugadd ft.sugdel ft.sugget ft.suglen ft.synadd ft.syndump ft.synupdate ft.tagvals function
function|delete function|dump function|flush function|help function|kill function|list function|load
function|restore function|stats geoadd geodist geohash geopos georadius georadius_ro georadiusbymember
georadiusbymember_ro geosearch geosearchstore get getbit getdel getex getrange getset hdel hello hexists
hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex himport himport|discard himport|discardall
himport|prepare himport|set hincrby hincrbyfloat hkeys hlen hmget hmset hotkeys hotkeys|get hotkeys|help
hotkeys|reset hotkeys|start hotkeys|stop hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield
hscan hset hsetex hsetnx hstrlen httl hvals incr incrby incrbyfloat increx info json.arrappend
json.arrindex json.arrinsert json.arrlen json.arrpop json.arrtrim json.clear json.debug json.del
json.forget json.get json.merge json.mget json.mset json.numincrby json.nummultby json.numpowby
json.objkeys json.objlen json.resp json.set json.strappend json.strlen json.toggle json.type keys
lastsave latency latency|doctor latency|graph latency|help latency|histogram latency|history
latency|latest latency|reset lcs lindex linsert llen lmove lmovem lmpop lolwut lpop lpos lpush lpushx
lrange lrem lset ltrim memory memory|doctor memory|help memory|malloc-stats memory|purge memory|stats
memory|usage mget migrate module module|help module|list module|load module|loadex module|unload monitor
move mset msetex msetnx multi object object|encoding object|freq object|help object|idletime
object|refcount persist pexpire pexpireat pexpiretime pfadd pfcount pfdebug pfmerge pfselftest ping
psetex psubscribe psync pttl publish pubsub pubsub|channels pubsub|help pubsub|numpat pubsub|numsub
pubsub|shardchannels pubsub|shardnumsub punsubscribe quit randomkey readonly readwrite rename renamenx
replconf replicaof reset restore restore-asking role rpop rpoplpush rpush rpushx sadd save scan scard
script script|debug script|exists script|flush script|help script|kill script|load script|show sdiff
sdiffcard sdiffstore search.clusterinfo search.clusterrefresh search.clusterset select sentinel
sentinel|ckquorum sentinel|config sentinel|debug sentinel|failover sentinel|flushconfig
sentinel|get-master-addr-by-name sentinel|get-primary-addr-by-name sentinel|help sentinel|info-cache
sentinel|is-master-down-by-addr sentinel|is-primary-down-by-addr sentinel|master sentinel|masters
sentinel|monitor sentinel|myid sentinel|pending-scripts sentinel|primaries sentinel|primary
sentinel|remove sentinel|replicas sentinel|reset sentinel|sentinels sentinel|set
sentinel|simulate-failure sentinel|slaves set setbit setex setnx setrange sflush shutdown sinter
sintercard sinterstore sismember slaveof slowlog slowlog|get slowlog|help slowlog|len slowlog|reset
smembers smismember smove sort sort_ro spop spublish srandmember srem sscan ssubscribe strlen subscribe
substr sunion sunioncard sunionstore sunsubscribe swapdb sync tdigest.add tdigest.byrank
tdigest.byrevrank tdigest.cdf tdigest.create tdigest.info tdigest.max tdigest.merge tdigest.min
tdigest.quantile tdigest.rank tdigest.reset tdigest.revrank tdigest.trimmed_mean time
timeseries.clusterset timeseries.refreshcluster topk.add topk.count topk.incrby topk.info topk.list
topk.query topk.reserve touch trimslots ts.add ts.alter ts.create ts.createrule ts.decrby ts.del
ts.deleterule ts.get ts.incrby ts.info ts.madd ts.mget ts.mrange ts.mrevrange ts.nrange ts.nrevrange
ts.queryindex ts.querylabels ts.range ts.read ts.revrange ttl type unlink unsubscribe unwatch vadd vcard
vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vrem vsetattr vsim wait waitaof watch xack
xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xgroup xgroup|create xgroup|createconsumer
xgroup|delconsumer xgroup|destroy xgroup|help xgroup|setid xidmprecord xinfo xinfo|consumers
xinfo|groups xinfo|help xinfo|stream xlen xnack xpending xrange xread xreadgroup xrevrange xsetid xtrim
zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax
zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex
zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion
zunionstore
";

#[cfg(test)]
mod tests {
    use super::not_built_yet;

    #[test]
    fn peers_commands_are_known() {
        let text = not_built_yet("JSON.GET").unwrap_or_default() + &not_built_yet("eval").unwrap_or_default();
        assert!(text.contains("EVAL is not built yet in Garrison "), "{text}");
        assert!(not_built_yet("client|no-Touch").is_some());
        assert_eq!(not_built_yet("EVALUATE"), None);
        assert_eq!(not_built_yet(""), None);
    }
}
