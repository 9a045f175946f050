//! Tests of COMMAND.

use crate::testing::Bench;

#[test]
fn a_command_is_described_in_both_protocols() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(
        bench.say(client, "COMMAND INFO watch nosuch"),
        "*2 *10 $5 watch :-2 *5 +noscript +loading +stale +fast +allow_busy :1 :-1 :1 *2 +@fast +@transaction *0 \
         *1 *6 $5 flags *1 +RO $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys *4 $4 type \
         $5 range $4 spec *6 $7 lastkey :-1 $7 keystep :1 $5 limit :0 *0 *-1"
    );
    assert!(bench.say(client, "COMMAND INFO config|get").starts_with("*1 *10 $10 config|get :-3 "));
    bench.say(client, "HELLO 3");
    assert!(bench.say(client, "COMMAND INFO multi").ends_with(":0 :0 :0 ~2 +@fast +@transaction ~0 ~0 ~0"));
}

#[test]
fn commands_are_counted_and_listed() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    let count = bench.say(client, "COMMAND COUNT");
    let all = bench.say(client, "COMMAND");
    assert!(all.starts_with(&format!("*{} *10 ", &count[1..])));
    assert_eq!(bench.say(client, "COMMAND LIST FILTERBY PATTERN multi*"), "*1 $5 multi");
    assert_eq!(bench.say(client, "COMMAND LIST FILTERBY MODULE x"), "*0");
    assert!(bench.say(client, "COMMAND LIST FILTERBY ACLCAT transaction").starts_with("*5 "));
    assert_eq!(bench.say(client, "COMMAND LIST FILTERBY x y"), "-ERR syntax error");
    assert_eq!(bench.say(client, "COMMAND NOSUCH"), "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.");
}

#[test]
fn documentation_holds_arguments_and_subcommands() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    let docs = bench.say(client, "COMMAND DOCS select nosuch");
    assert!(docs.starts_with("*2 $6 select *10 $7 summary "), "{docs}");
    assert!(
        docs.ends_with("$9 arguments *1 *6 $4 name $5 index $4 type $7 integer $12 display_text $5 index")
    );
    assert!(bench.say(client, "COMMAND DOCS client").contains("$11 subcommands "));
}

#[test]
fn keys_are_found_in_whole_commands() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(bench.say(client, "COMMAND GETKEYS WATCH a b"), "*2 $1 a $1 b");
    assert_eq!(bench.say(client, "COMMAND GETKEYSANDFLAGS WATCH a"), "*1 *2 $1 a *1 +RO");
    assert_eq!(bench.say(client, "COMMAND GETKEYS PING"), "-ERR The command has no key arguments");
    assert_eq!(bench.say(client, "COMMAND GETKEYS NOSUCH a"), "-ERR Invalid command specified");
    assert_eq!(
        bench.say(client, "COMMAND GETKEYS WATCH"),
        "-ERR Invalid number of arguments specified for command"
    );
}
