//! Keys by themselves; `tests/commands/test_keys.py` compares with Redis.

use crate::testing::Bench;

#[test]
fn idle_time_and_use_are_kept_by_policy() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.say(client, "SET k v");
    bench.advance(5_000);
    assert_eq!(bench.say(client, "OBJECT IDLETIME k"), ":5");
    assert_eq!(bench.say(client, "TYPE k"), "+string");
    assert_eq!(bench.say(client, "OBJECT IDLETIME k"), ":5");
    bench.say(client, "TOUCH k");
    assert_eq!(bench.say(client, "OBJECT IDLETIME k"), ":0");

    let mut bench = Bench::new(&[("maxmemory-policy", "allkeys-lfu")]);
    let client = bench.client();
    bench.say(client, "SET k v");
    assert_eq!(bench.say(client, "OBJECT FREQ k"), ":5");
    bench.say(client, "GET k");
    assert_eq!(bench.say(client, "OBJECT FREQ k"), ":6");
}

#[test]
fn changes_of_collections_are_uses() {
    for (made, changed) in [
        ("RPUSH k a b c", "LPUSH k d"),
        ("RPUSH k a b c", "RPOP k"),
        ("SADD k a b c", "SPOP k"),
        ("SADD k a", "SADD k b"),
        ("HSET k f v", "HSET k g v"),
        ("ZADD k 1 a", "ZADD k 2 b"),
        ("XADD k 1-1 f v", "XADD k 2-1 f v"),
    ] {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, made);
        bench.advance(5_000);
        bench.say(client, changed);
        assert_eq!(bench.say(client, "OBJECT IDLETIME k"), ":0", "{changed}");
        bench.advance(5_000);
        bench.say(client, "CLIENT NO-TOUCH ON");
        bench.say(client, changed);
        assert_eq!(bench.say(client, "OBJECT IDLETIME k"), ":5", "{changed}");
    }
}

#[test]
fn expired_keys_are_nowhere_to_be_seen() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.say(client, "SET k v PX 10");
    bench.advance(10);
    assert_eq!(bench.say(client, "KEYS *"), "*0");
    assert_eq!(bench.say(client, "DBSIZE"), ":1");
    assert_eq!(bench.say(client, "RANDOMKEY"), "$-1");
    assert_eq!(bench.say(client, "DBSIZE"), ":0");
    bench.say(client, "SET k v PX 10");
    bench.advance(10);
    assert_eq!(bench.say(client, "COPY k l"), ":0");
    assert_eq!(bench.say(client, "RENAME k l"), "-ERR no such key");
}

#[test]
fn databases_change_places_with_their_expiries() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.say(client, "SET k v PX 1000");
    assert_eq!(bench.say(client, "SWAPDB 0 3"), "+OK");
    assert_eq!(bench.say(client, "EXISTS k"), ":0");
    bench.advance(2_000);
    bench.engine.expire_some();
    bench.say(client, "SELECT 3");
    assert_eq!(bench.say(client, "DBSIZE"), ":0");
}

#[test]
fn scan_deletes_the_expired_keys_that_it_meets() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    for line in ["SET a 1", "SET b 1 PX 5", "SET other 1 PX 5"] {
        bench.say(client, line);
    }
    bench.advance(10);
    assert_eq!(bench.say(client, "DBSIZE"), ":3");
    assert_eq!(bench.say(client, "SCAN 0 MATCH ?"), "*2 $1 0 *1 $1 a");
    assert_eq!(bench.say(client, "DBSIZE"), ":2");
    assert_eq!(bench.say(client, "SCAN 0 TYPE hash"), "*2 $1 0 *0");
    assert_eq!(bench.say(client, "DBSIZE"), ":1");
}
