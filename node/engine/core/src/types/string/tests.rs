//! Strings by themselves; `tests/commands/test_string.py` compares with Redis.

use crate::testing::Bench;

#[test]
fn a_string_lives_until_its_time_and_no_longer() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(bench.say(client, "SET k v PX 100"), "+OK");
    bench.advance(99);
    assert_eq!(bench.say(client, "GET k"), "$1 v");
    bench.advance(1);
    assert_eq!(bench.say(client, "GET k"), "$-1");
    assert_eq!(bench.engine.stats.counters.expired_keys, 1);
    assert_eq!(bench.say(client, "SET k v NX"), "+OK");
}

#[test]
fn hits_and_misses_are_counted_for_reads_only() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    for line in
        ["SET k v", "GET k", "GET none", "MGET k none", "INCR n", "APPEND k w", "STRLEN k", "SETNX k x"]
    {
        bench.say(client, line);
    }
    assert_eq!(
        (bench.engine.stats.counters.keyspace_hits, bench.engine.stats.counters.keyspace_misses),
        (3, 2)
    );
}

#[test]
fn a_string_grows_to_the_limit_and_no_further() {
    let mut bench = Bench::new(&[("proto-max-bulk-len", "1048576")]);
    let client = bench.client();
    assert_eq!(bench.say(client, "SETRANGE k 1048575 x"), ":1048576");
    let refused = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    assert_eq!(bench.say(client, "APPEND k y"), refused);
    assert_eq!(bench.say(client, "SETRANGE k 1048576 y"), refused);
    assert_eq!(bench.say(client, "STRLEN k"), ":1048576");
}
