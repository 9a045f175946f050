//! A DUMP payload is refused or gives a value that can be read, changed, dumped and restored again.
#![no_main]

mod common;

use std::cell::RefCell;

use common::{sealed, Node};
use libfuzzer_sys::fuzz_target;

thread_local! {
    /// One node for all runs: to make one costs more than a run does.
    static NODE: RefCell<Node> = RefCell::new(Node::new());
}

const READS: &str = "GET k|GETRANGE k 0 -1|BITCOUNT k|LRANGE k 0 -1|LINDEX k -1|LPOS k a|SMEMBERS k
SISMEMBER k a|SRANDMEMBER k -5|ZRANGE k 0 -1 WITHSCORES|ZRANGE k - + BYLEX|ZRANK k a|ZCOUNT k -inf +inf
GEOSEARCH k FROMLONLAT 1 1 BYRADIUS 500 km|HGETALL k|HGET k f|HRANDFIELD k -5 WITHVALUES|HTTL k FIELDS 1 f
XRANGE k - +|XREVRANGE k + -|XINFO STREAM k FULL|XPENDING k g - + 10|XREAD STREAMS k 0|BF.EXISTS k a
BF.INFO k|OBJECT ENCODING k|MEMORY USAGE k|SORT k ALPHA|TYPE k";

const WRITES: &str = "PFCOUNT k|APPEND k a|SETBIT k 7 1|PFADD k a b c|PFMERGE k k|LPUSH k a|RPUSH k 1|LREM k 0 a|LTRIM k 1 -2|LPOP k 2|RPOP k
LINSERT k BEFORE 1 2|SADD k a 1|SREM k a|SPOP k 2|ZADD k 1 a inf b|ZREM k a|ZPOPMIN k 2|ZREMRANGEBYRANK k 0 1|HSET k f v g 1
HINCRBY k g 1|HPEXPIRE k 1000 FIELDS 1 f|HDEL k f|XADD k * a 1|XDEL k 1-1 5-1|XTRIM k MAXLEN 3|XGROUP CREATE k g 0
XREADGROUP GROUP g c COUNT 2 STREAMS k >|XAUTOCLAIM k g c 0 -|XCLAIM k g d 0 1-1 FORCE|XACK k g 1-1|XGROUP DELCONSUMER k g c
XGROUP DESTROY k g|XSETID k 9999999999999-9|BF.ADD k b";

fuzz_target!(|bytes: &[u8]| NODE.with_borrow_mut(|node| run(node, bytes)));

fn run(node: &mut Node, bytes: &[u8]) {
    node.renew();
    node.call(&[b"FLUSHALL"]);
    node.call(&[b"RESTORE", b"k", b"0", bytes]);
    // Zeros have the right seal already.
    node.call(&[b"DEL", b"k"]);
    // The same with a right seal, or nothing but the seal would ever be looked at.
    if node.call(&[b"RESTORE", b"k", b"0", &sealed(bytes)]) != b"+OK\r\n" {
        assert_eq!(node.call(&[b"EXISTS", b"k"]), b":0\r\n");
        return;
    }
    let before = node.call(&[b"DEBUG", b"DIGEST-VALUE", b"k"]);
    node.say(READS);
    assert_eq!(node.call(&[b"DEBUG", b"DIGEST-VALUE", b"k"]), before, "a read changed the value");
    node.check(&[b"k"]);
    node.say(WRITES);
    node.check(&[b"k"]);
}
