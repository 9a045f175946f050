//! Commands of any name with any arguments: each is answered, and what they leave can be dumped and restored.
#![no_main]

mod common;

use common::Node;
use garrison_engine_core::dispatch::table::table;
use libfuzzer_sys::fuzz_target;

/// What a target cannot follow: the process ends, stops or becomes a replica, or the digest below is refused.
const LEFT_OUT: [&str; 8] =
    ["debug", "shutdown", "replicaof", "slaveof", "failover", "psync", "sync", "config|set"];

const KEYS: [&[u8]; 4] = [b"a", b"b", b"c", b"{a}d"];

const WORDS: [&[u8]; 40] = [
    b"0", b"1", b"-1", b"2", b"3", b"10", b"100", b"65536", b"2147483647", b"2147483648", b"4294967295",
    b"4294967296", b"9223372036854775807", b"-9223372036854775808", b"18446744073709551615", b"1.5", b"-0",
    b"inf", b"-inf", b"nan", b"1e308", b"", b"*", b"$", b">", b"-", b"+", b"(1", b"[a", b"~", b"=", b"0-1",
    b"5-*", b"18446744073709551615-18446744073709551615", b"m", b"f", b"x", b"u8", b"i64",
    b"a member of more bytes than a small value may have, which makes sixty-four and some",
];

/// One argument; the bytes that are left.
fn argument<'a>(bytes: &'a [u8], syntax: &[&'a [u8]]) -> (&'a [u8], &'a [u8]) {
    let Some((&choice, rest)) = bytes.split_first() else { return (b"a", bytes) };
    let index = usize::from(choice >> 2);
    match choice & 3 {
        0 => (KEYS[index % KEYS.len()], rest),
        1 => (WORDS[index % WORDS.len()], rest),
        2 if !syntax.is_empty() => (syntax[index % syntax.len()], rest),
        _ => rest.split_at((index & 15).min(rest.len())),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut node = Node::new();
    let names: Vec<_> = table().entries.iter().filter(|entry| !LEFT_OUT.contains(&entry.full_name)).collect();
    let mut rest = bytes;
    while let [low, high, more, behind @ ..] = rest {
        rest = behind;
        let entry = names[usize::from(u16::from_le_bytes([*low, *high])) % names.len()];
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_uppercase());
        let words = entry.command.syntax.split([' ', '[', ']', '<', '>', '|', '=']);
        let syntax: Vec<&[u8]> =
            words.filter(|word| !word.is_empty()).filter(is_word).map(str::as_bytes).collect();
        let mut args: Vec<&[u8]> = entry.full_name.split('|').map(str::as_bytes).collect();
        let wanted = entry.command.arity.unsigned_abs() as usize + usize::from(more % 5);
        while args.len() < wanted {
            let (arg, behind) = argument(rest, &syntax);
            args.push(arg);
            rest = behind;
        }
        node.call(&args);
    }
    node.renew();
    node.check(&KEYS);
});
