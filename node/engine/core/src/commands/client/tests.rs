//! Tests of CLIENT.

use crate::engine::effects::Action;
use crate::testing::Bench;

#[test]
fn a_line_describes_a_client() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.session(client).addr = "1.2.3.4:5".into();
    bench.say(client, "CLIENT SETNAME me");
    bench.say(client, "CLIENT SETINFO LIB-NAME lib");
    bench.advance(2_500);
    let line = bench.say(client, "CLIENT INFO");
    for part in
        ["id=1 addr=1.2.3.4:5 ", " name=me age=2 idle=0 flags=N db=0 ", " cmd=client|info ", " lib-name=lib "]
    {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    let other = bench.client();
    bench.say(other, "SUBSCRIBE a");
    assert_eq!(bench.say(client, "CLIENT LIST").matches("id=").count(), 2);
    assert!(bench.say(client, "CLIENT LIST TYPE pubsub").contains("id=2 "));
    assert!(bench.say(client, "CLIENT LIST ID 2 9").contains("flags=P"));
    assert_eq!(bench.say(client, "CLIENT LIST ID x"), "-ERR Invalid client ID");
    assert_eq!(bench.say(client, "CLIENT LIST TYPE x"), "-ERR Unknown client type 'x'");
    assert_eq!(bench.say(client, "CLIENT LIST x"), "-ERR syntax error");
}

#[test]
fn filters_choose_whom_to_close() {
    let mut bench = Bench::new(&[]);
    let (client, other) = (bench.client(), bench.client());
    bench.session(other).addr = "1.2.3.4:5".into();
    assert_eq!(bench.say(client, "CLIENT KILL 9.9.9.9:9"), "-ERR No such client");
    assert_eq!(bench.say(client, "CLIENT KILL ID 0"), "-ERR client-id should be greater than 0");
    assert_eq!(bench.say(client, "CLIENT KILL USER joe"), "-ERR No such user 'joe'");
    assert_eq!(bench.say(client, "CLIENT KILL TYPE pubsub"), ":0");
    assert_eq!(bench.say(client, "CLIENT KILL ADDR 1.2.3.4:5 TYPE normal"), ":1");
    assert!(bench.session(other).close_now);
    assert!(bench.engine.effects.actions.contains(&Action::Flush(other)));
    assert_eq!(bench.say(client, "CLIENT KILL ID 1"), ":0");
    assert_eq!(bench.say(client, "CLIENT KILL ID 1 SKIPME no"), ":1");
    assert!(bench.session(client).close_after_reply);
}

#[test]
fn control_plane_closes_clients_by_id() {
    let mut bench = Bench::new(&[]);
    let (client, other) = (bench.client(), bench.client());
    let id = bench.session(other).id;
    bench.engine.close_clients(&[id, 4_000]);
    assert!(bench.session(other).close_now);
    assert!(bench.engine.effects.actions.contains(&Action::Flush(other)));
    assert!(!bench.session(client).close_now);
}

#[test]
fn replies_are_turned_off_and_on() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    for (line, reply) in [
        ("CLIENT REPLY OFF", ""),
        ("PING", ""),
        ("CLIENT REPLY SKIP", ""),
        ("CLIENT REPLY ON", "+OK"),
        ("CLIENT REPLY SKIP", ""),
        ("PING", ""),
        ("PING", "+PONG"),
        ("CLIENT REPLY x", "-ERR syntax error"),
    ] {
        assert_eq!(bench.say(client, line), reply, "{line}");
    }
}

#[test]
fn a_pause_holds_writes_and_lets_them_go() {
    let mut bench = Bench::new(&[]);
    let (client, other) = (bench.client(), bench.client());
    assert_eq!(bench.say(client, "CLIENT PAUSE 1000 WRITE"), "+OK");
    assert_eq!(bench.say(other, "PING"), "+PONG");
    assert_eq!(bench.say(other, "PUBLISH a b"), "");
    assert!(bench.session(other).is_suspended());
    bench.advance(999);
    bench.engine.end_turn();
    assert!(!bench.engine.effects.actions.contains(&Action::Resume(other)));
    bench.advance(1);
    bench.engine.end_turn();
    assert!(bench.engine.effects.actions.contains(&Action::Resume(other)));
    bench.engine.retry(other);
    assert_eq!(bench.heard(other), ":0");
}

#[test]
fn a_client_does_not_end_the_control_planes_pause() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    let until = bench.engine.clock.boot_ms + 500;
    bench.engine.pause(until, false);
    bench.say(client, "CLIENT PAUSE 200 ALL");
    assert_eq!(bench.say(client, "CLIENT UNPAUSE"), "+OK");
    assert_eq!(bench.say(client, "PUBLISH a b"), "");
    bench.engine.unpause();
    assert!(bench.engine.clients.pause.is_none());
    assert!(bench.engine.effects.actions.contains(&Action::Resume(client)));
}

#[test]
fn tracking_is_refused_openly() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert!(bench.say(client, "CLIENT TRACKING ON").contains("not built yet"));
    assert_eq!(bench.say(client, "CLIENT TRACKING OFF"), "+OK");
    assert_eq!(bench.say(client, "CLIENT GETREDIR"), ":-1");
    assert_eq!(
        bench.say(client, "CLIENT TRACKINGINFO"),
        "*6 $5 flags *1 $3 off $8 redirect :-1 $8 prefixes *0"
    );
}
