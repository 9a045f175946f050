//! Scripts, from the command to the reply.

use crate::testing::Bench;

fn eval(bench: &mut Bench, client: u32, code: &str) -> String {
    bench.call(client, &[b"EVAL", code.as_bytes(), b"1", b"k", b"a"])
}

#[test]
fn script_calls_commands() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(eval(&mut bench, client, "return 1"), ":1");
    assert_eq!(eval(&mut bench, client, "return redis.call('set', KEYS[1], ARGV[1])"), "+OK");
    assert_eq!(eval(&mut bench, client, "return redis.call('get', 'k')"), "$1 a");
    assert_eq!(bench.say(client, "GET k"), "$1 a");
}
