//! Tests of DEBUG.

use std::cell::Cell;

use crate::base::process::Crash;
use crate::engine::effects::Event;
use crate::testing::Bench;

fn bench() -> Bench {
    Bench::new(&[("enable-debug-command", "yes")])
}

#[test]
fn it_is_refused_unless_allowed() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert!(bench.say(client, "DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed."));
    bench.engine.settings.enable_debug_command = "local".into();
    assert!(bench.say(client, "DEBUG DIGEST").starts_with("-ERR DEBUG command not allowed."));
    bench.session(client).addr = "127.0.0.1:5".into();
    assert_eq!(bench.say(client, "DEBUG DIGEST"), format!("+{}", "0".repeat(40)));
    assert_eq!(
        bench.say(client, "DEBUG JMAP"),
        "-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP."
    );
}

/// The digests are those that Redis 7.0.15 answers for the same data.
#[test]
fn digests_are_those_of_redis() {
    let mut bench = bench();
    let client = bench.client();
    bench.say(client, "SET foo bar");
    assert_eq!(
        bench.say(client, "DEBUG DIGEST-VALUE foo nokey"),
        format!("*2 +68467c70ae30376e7ce005bcc8827f5ba7fd67dc +{}", "0".repeat(40))
    );
    assert_eq!(bench.say(client, "DEBUG DIGEST"), "+d2ab4820c1be0580ea28efbfe8bfa1dc05bb802a");
}

thread_local! {
    static SLEPT_US: Cell<u64> = const { Cell::new(0) };
    static CRASHED: Cell<Option<Crash>> = const { Cell::new(None) };
}

#[test]
fn sleep_counts_as_the_time_of_the_command() {
    let mut bench = bench();
    bench.engine.host.ticks = || SLEPT_US.get();
    bench.engine.host.sleep = |us| SLEPT_US.set(SLEPT_US.get() + us);
    bench.engine.settings.latency_monitor_threshold = 200;
    let client = bench.client();
    assert_eq!(bench.say(client, "DEBUG SLEEP 0.5"), "+OK");
    assert!(bench.say(client, "LATENCY LATEST").ends_with(":500 :500"));
    assert!(bench.say(client, "SLOWLOG GET").contains(":500000 *3 $5 DEBUG $5 SLEEP"));
    let stats = bench.say(client, "INFO commandstats");
    assert!(stats.contains("cmdstat_debug:calls=1,usec=500000"), "{stats}");
}

#[test]
fn crashes_are_carried_out_by_the_host() {
    let mut bench = bench();
    bench.engine.host.crash = |how| CRASHED.set(Some(how));
    let client = bench.client();
    for (word, how) in [("SEGFAULT", Crash::Segfault), ("PANIC", Crash::Abort), ("OOM", Crash::Abort)] {
        bench.say(client, &format!("DEBUG {word}"));
        assert_eq!(CRASHED.take(), Some(how));
    }
}

#[test]
fn every_type_of_the_protocol_can_be_asked_for() {
    let mut bench = bench();
    let client = bench.client();
    let text = "$39 Some real reply following the attribute";
    assert_eq!(bench.say(client, "DEBUG PROTOCOL attrib"), text);
    bench.say(client, "HELLO 3");
    assert_eq!(
        bench.say(client, "DEBUG PROTOCOL attrib"),
        format!("|1 $14 key-popularity *2 $7 key:123 :90 {text}")
    );
    for (kind, reply) in
        [("map", "%3 :0 #f :1 #t :2 #f"), ("double", ",3.141"), ("set", "~3 :0 :1 :2"), ("null", "_")]
    {
        assert_eq!(bench.say(client, &format!("DEBUG PROTOCOL {kind}")), reply);
    }
}

#[test]
fn reload_keeps_every_value_and_its_expiry() {
    let mut bench = bench();
    let client = bench.client();
    for line in
        ["SET s v EX 100", "RPUSH l a b 1", "HSET h f v", "SADD t 1 2", "ZADD z 1 a", "XADD x 1-1 f v"]
    {
        bench.say(client, line);
    }
    bench.say(client, "SELECT 3");
    bench.say(client, "SET other 12");
    let before = bench.say(client, "DEBUG DIGEST");
    assert_eq!(bench.say(client, "DEBUG RELOAD"), "+OK");
    assert_eq!(bench.say(client, "DEBUG DIGEST"), before);
    assert_eq!(bench.say(client, "GET other"), "$2 12");
    bench.say(client, "SELECT 0");
    assert_eq!(bench.say(client, "TTL s"), ":100");
    assert_eq!(bench.say(client, "DBSIZE"), ":6");
    assert!(bench.say(client, "DEBUG RELOAD NOSAVE").starts_with("-ERR DEBUG RELOAD NOSAVE is not offered"));
}

#[test]
fn restore_takes_a_wrong_checksum_only_when_told_to() {
    let mut bench = bench();
    let client = bench.client();
    let payload: &[u8] = b"\x00\x01a\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let restore: [&[u8]; 4] = [b"RESTORE", b"k", b"0", payload];
    assert!(bench.call(client, &restore).starts_with("-ERR DUMP payload version or checksum"));
    bench.say(client, "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    assert_eq!(bench.call(client, &restore), "+OK");
    assert_eq!(bench.say(client, "GET k"), "$1 a");
}

#[test]
fn paused_cron_leaves_expired_keys_where_they_are() {
    let mut bench = bench();
    let client = bench.client();
    bench.say(client, "SET k v PX 5");
    bench.say(client, "DEBUG PAUSE-CRON 1");
    bench.advance(1000);
    bench.engine.cron();
    assert_eq!(bench.say(client, "DBSIZE"), ":1");
    bench.say(client, "DEBUG PAUSE-CRON 0");
    bench.engine.cron();
    assert_eq!(bench.say(client, "DBSIZE"), ":0");
}

#[test]
fn bus_and_configuration_file_are_left_to_the_control_plane() {
    let mut bench = bench();
    let client = bench.client();
    assert_eq!(bench.say(client, "DEBUG DROP-CLUSTER-PACKET-FILTER 1"), "");
    assert!(matches!(bench.engine.effects.events.last(), Some(Event::Command { .. })));
    let other = bench.client();
    bench.say(other, "MULTI");
    bench.say(other, "DEBUG CONFIG-REWRITE-FORCE-ALL");
    assert!(bench.say(other, "EXEC").contains("is not allowed inside a transaction"));
}

#[test]
fn lists_and_tables_are_described() {
    let mut bench = bench();
    let client = bench.client();
    bench.engine.settings.list_max_listpack_size = 2;
    bench.say(client, "RPUSH l a b c");
    let text = bench.say(client, "DEBUG OBJECT l");
    let figures = " ql_nodes:2 ql_avg_node:1.50 ql_listpack_max:2 ql_compressed:0 ql_uncompressed_size:23";
    assert!(text.ends_with(figures), "{text}");
    assert!(!bench.say(client, "DEBUG OBJECT l fast").contains("serializedlength"));
    assert_eq!(bench.say(client, "DEBUG QUICKLIST l"), "+Quicklist structure printed on stdout");
    assert_eq!(bench.say(client, "DEBUG LISTPACK l"), "-ERR Not a listpack encoded object.");
    assert!(bench.say(client, "DEBUG HTSTATS 0").contains("number of elements: 1"));
    assert_eq!(bench.say(client, "DEBUG HTSTATS 99"), "-ERR Out of range database");
    assert_eq!(
        bench.say(client, "DEBUG HTSTATS-KEY l"),
        "-ERR The value stored at the specified key is not represented using an hash table"
    );
    bench.say(client, "SET s abc");
    assert!(bench.say(client, "DEBUG SDSLEN s").starts_with("+key_sds_len:1, key_sds_avail:0,"));
    assert_eq!(bench.say(client, "DEBUG SDSLEN l"), "-ERR Not an sds encoded string.");
    assert_eq!(bench.say(client, "DEBUG QUICKLIST-PACKED-THRESHOLD 100b"), "+OK");
    assert!(bench.say(client, "DEBUG QUICKLIST-PACKED-THRESHOLD 5gb").starts_with("-ERR argument must be"));
}

#[test]
fn clients_are_counted_by_the_memory_they_hold() {
    let mut bench = bench();
    let client = bench.client();
    assert_eq!(bench.say(client, "DEBUG CLIENT-EVICTION"), "-ERR maxmemory-clients is disabled.");
    bench.engine.settings.set("maxmemory-clients", "100000000").unwrap();
    bench.client();
    let text = bench.say(client, "DEBUG CLIENT-EVICTION");
    assert!(text.contains("bucket          0 -      32767: tot-mem:        "), "{text}");
    assert!(text.contains("bucket 4294967296+            : tot-mem:          0, clients: 0"), "{text}");
}
