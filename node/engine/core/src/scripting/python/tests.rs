//! Functions in Python, with the test in the place of the control plane.

use super::scan::functions_in;
use crate::engine::effects::{Event, FunctionOutcome};
use crate::keyspace::key_slot;
use crate::resp::OwnedArgs;
use crate::testing::Bench;

fn names(source: &str) -> Result<Vec<String>, String> {
    let functions = functions_in(source.as_bytes()).map_err(|failure| failure.text().to_owned())?;
    Ok(functions.iter().map(|function| String::from_utf8_lossy(&function.name).into_owned()).collect())
}

#[test]
fn decorated_functions_are_found_and_texts_and_comments_are_not() {
    let source = "#!python name=lib\n'''\n@function\ndef no(): ...\n'''\n# @function\n\
        @function\ndef one(keys, args, db):\n    @function\n    def inner(): ...\n    return '@function'\n\
        @function(\n    name='two',  # (\n    flags=('no-writes', \"allow-oom\"),\n    description='a \\' b',\n)\n\
        def other(\n    keys,\n): pass\n";
    assert_eq!(names(source), Ok(vec!["one".into(), "two".into()]));
    let functions = functions_in(source.as_bytes()).expect("sound");
    assert_eq!(functions[1].flags.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
}

#[test]
fn unclear_decorators_are_refused() {
    for (source, error) in [
        ("def f(): pass", "ERR No functions registered"),
        ("@function(flags=FLAGS)\ndef f(): pass", "literal strings"),
        ("@function(flags=('x',))\ndef f(): pass", "unknown flag given"),
        ("@function\nclass F: pass", "stands a def"),
        ("@function(name='a b')\ndef f(): pass", "can only contain"),
        ("@function\ndef f(): pass\n@function(name='F')\ndef g(): pass", "already exists"),
        ("@function(name='", "literal strings"),
        ("@function(flags=(", "not closed"),
        ("@function(\\", "literal strings"),
    ] {
        let text = names(source).expect_err(source);
        assert!(text.contains(error), "{source}: {text}");
    }
}

const LIBRARY: &[u8] =
    b"#!python name=lib\n@function\ndef f(): ...\n@function(flags=['no-writes'])\ndef r(): ...\n";

/// A node with a library, and its client.
fn loaded(mut bench: Bench) -> (Bench, u32) {
    let client = bench.client();
    bench.call(client, &[b"FUNCTION", b"LOAD", LIBRARY]);
    let ticket = asked(&mut bench);
    bench.engine.function_commit(ticket, &[], &[Vec::new()], &[]);
    assert_eq!(bench.heard(client), "$3 lib");
    (bench, client)
}

const ON: &[(&str, &str)] = &[("python-functions", "yes"), ("python-function-calls-max", "2")];

/// The ticket of the call that was handed up last.
fn asked(bench: &mut Bench) -> u64 {
    let events = std::mem::take(&mut bench.engine.effects.events);
    let mut tickets = events.iter().filter_map(|event| match event {
        Event::FunctionCall { ticket, .. } => Some(*ticket),
        _ => None,
    });
    tickets.next_back().expect("a call was handed up")
}

fn told(bench: &mut Bench) -> (FunctionOutcome, Vec<String>) {
    let events = std::mem::take(&mut bench.engine.effects.events);
    let mut told = events.into_iter().filter_map(|event| match event {
        Event::FunctionReplies { outcome, replies, .. } => {
            let texts = replies.iter().map(|reply| String::from_utf8_lossy(reply).trim_end().to_owned());
            Some((outcome, texts.collect()))
        }
        _ => None,
    });
    told.next_back().expect("the control plane was told")
}

fn commands(texts: &[&str]) -> Vec<OwnedArgs> {
    let one = |text: &&str| OwnedArgs::from_slices(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    texts.iter().map(one).collect()
}

fn read(bench: &mut Bench, ticket: u64, texts: &[&str]) -> (FunctionOutcome, Vec<String>) {
    bench.engine.function_read(ticket, &commands(texts));
    told(bench)
}

/// Commits writes with the reply to the first one.
fn commit(bench: &mut Bench, ticket: u64, texts: &[&str]) -> FunctionOutcome {
    bench.engine.function_commit(ticket, &commands(texts), &[b"*1\r\n".to_vec(), Vec::new()], &[0]);
    told(bench).0
}

#[test]
fn call_reads_writes_and_is_answered() {
    let (mut bench, client) = loaded(Bench::new(ON));
    assert_eq!(bench.say(client, "FCALL f 1 k a"), "");
    let ticket = asked(&mut bench);
    assert_eq!(read(&mut bench, ticket, &["GET k", "SET k 1"]).1[0], "_");
    let other = bench.client();
    assert_eq!(bench.say(other, "SET other 1"), "+OK");
    assert_eq!(commit(&mut bench, ticket, &["INCR k", "INCR k"]), FunctionOutcome::Ended);
    assert_eq!(bench.heard(client), "*1 :1");
    assert_eq!(bench.say(client, "GET k"), "$1 2");
    assert_eq!(bench.engine.clients.waiting.asked_count(), 0);
    assert!(bench.engine.clients.watches.is_empty());
}

#[test]
fn change_of_a_key_that_was_read_is_a_conflict() {
    let (mut bench, client) = loaded(Bench::new(ON));
    let other = bench.client();
    bench.say(client, "FCALL f 1 k");
    let ticket = asked(&mut bench);
    read(&mut bench, ticket, &["GET k"]);
    bench.say(other, "SET k 5");
    assert_eq!(commit(&mut bench, ticket, &["SET k 1"]), FunctionOutcome::Conflict);
    assert_eq!(bench.say(other, "GET k"), "$1 5");
    assert_eq!(read(&mut bench, ticket, &["GET k"]).1, ["$1\r\n5"]);
    assert_eq!(commit(&mut bench, ticket, &["SET k 6"]), FunctionOutcome::Ended);
    assert_eq!(bench.heard(client), "*1 +OK");
}

#[test]
fn nothing_is_applied_for_a_client_that_has_gone() {
    let (mut bench, client) = loaded(Bench::new(ON));
    bench.say(client, "FCALL f 1 k");
    let ticket = asked(&mut bench);
    read(&mut bench, ticket, &["GET k"]);
    bench.engine.close_session(client);
    let other = bench.client();
    assert_eq!(commit(&mut bench, ticket, &["SET k 1"]), FunctionOutcome::Gone);
    assert_eq!(bench.say(other, "GET k"), "$-1");
    assert!(bench.engine.clients.watches.is_empty());
}

#[test]
fn pause_holds_the_writes_of_a_call() {
    let (mut bench, client) = loaded(Bench::new(ON));
    let other = bench.client();
    bench.say(client, "FCALL f 1 k");
    let ticket = asked(&mut bench);
    bench.say(other, "CLIENT PAUSE 10000 WRITE");
    assert_eq!(read(&mut bench, ticket, &["GET k"]).0, FunctionOutcome::Read);
    assert_eq!(commit(&mut bench, ticket, &["SET k 1"]), FunctionOutcome::Later);
    bench.say(other, "CLIENT UNPAUSE");
    assert_eq!(commit(&mut bench, ticket, &["SET k 1"]), FunctionOutcome::Ended);
    assert_eq!(bench.heard(client), "*1 +OK");
}

#[test]
fn one_write_that_is_refused_refuses_all() {
    let (mut bench, client) = loaded(Bench::new(ON));
    for (writes, error) in [
        (["SET k 1", "NONSENSE"], "-ERR Unknown Redis command"),
        (["SET k 1", "GET"], "-ERR Wrong number of args"),
        (["SET k 1", "SUBSCRIBE c"], "-ERR This Redis command is not allowed"),
    ] {
        bench.say(client, "FCALL f 1 k");
        let ticket = asked(&mut bench);
        assert_eq!(commit(&mut bench, ticket, &writes), FunctionOutcome::Ended);
        let heard = bench.heard(client);
        assert!(heard.starts_with(error), "{heard}");
        assert_eq!(bench.say(client, "GET k"), "$-1");
    }
    bench.say(client, "FCALL r 1 k");
    let ticket = asked(&mut bench);
    commit(&mut bench, ticket, &["SET k 1"]);
    assert!(bench.heard(client).contains("not allowed from read-only scripts"));
}

#[test]
fn keys_are_of_one_slot_and_of_this_node() {
    let in_cluster = Bench::in_cluster(ON, |table| table.owners[usize::from(key_slot(b"other"))] = 1);
    let (mut bench, client) = loaded(in_cluster);
    assert!(bench.say(client, "FCALL f 1 other").starts_with("-MOVED"));
    assert!(bench.say(client, "FCALL f 2 k b").starts_with("-CROSSSLOT"));
    bench.say(client, "FCALL f 1 k");
    let ticket = asked(&mut bench);
    let (_, replies) = read(&mut bench, ticket, &["GET k", "GET other", "GET b"]);
    assert_eq!(replies[0], "_");
    assert!(replies[1].contains("non local key"), "{replies:?}");
    assert!(replies[2].contains("do not hash to the same slot"), "{replies:?}");
    commit(&mut bench, ticket, &["SET k 1", "SET other 1"]);
    assert!(bench.heard(client).contains("non local key"));
    assert_eq!(bench.say(client, "GET k"), "$-1");
}

#[test]
fn calls_are_bounded_and_refused_where_python_is_off() {
    let (mut bench, client) = loaded(Bench::new(ON));
    let (second, third) = (bench.client(), bench.client());
    bench.say(client, "FCALL f 1 k");
    bench.say(second, "FCALL f 1 k");
    assert!(bench.say(third, "FCALL f 1 k").starts_with("-BUSY python-function-calls-max"));
    assert_eq!(bench.say(third, "FUNCTION KILL"), "+OK");
    assert_eq!(bench.say(third, "FUNCTION KILL"), "+OK");
    assert!(bench.say(third, "FUNCTION KILL").starts_with("-NOTBUSY"));
    let ticket = asked(&mut bench);
    bench.engine.control_reply(ticket, b"-ERR it was killed\r\n");
    assert_eq!(bench.heard(second), "-ERR it was killed");
    bench.say(third, "MULTI");
    bench.say(third, "FCALL f 1 k");
    assert!(bench.say(third, "EXEC").contains("cannot be called in a transaction"));
    bench.engine.settings.python_functions = false;
    assert!(bench.say(third, "FCALL f 1 k").contains("set python-functions to yes"));
    assert!(bench.call(third, &[b"FUNCTION", b"LOAD", b"REPLACE", LIBRARY]).contains("set python-functions"));
}
