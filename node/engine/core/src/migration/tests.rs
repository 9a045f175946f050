//! A source that moves a slot, with the target and the replicas played by the test.

use crate::base::clock::BootMs;
use crate::clients::session::SessionKey;
use crate::cluster::slots::{ClusterState, Endpoint, SlotTable};
use crate::engine::effects::{Action, Event};
use crate::keyspace::key_slot;
use crate::migration::state::Job;
use crate::testing::Bench;

const MYSELF: u16 = 0;
const TARGET: u16 = 1;

/// This node owns every slot, and moves that of the key `{x}1`, which is `v`, to the target with `copies` replicas.
fn source(copies: usize) -> Bench {
    let mut bench = Bench::new(&[("cluster-enabled", "yes"), ("repl-diskless-sync-delay", "0")]);
    install(&mut bench, MYSELF, None, copies);
    let client = bench.client();
    assert_eq!(bench.say(client, "SET {x}1 v PX 100000"), "+OK");
    install(&mut bench, MYSELF, Some(TARGET), copies);
    bench
}

fn install(bench: &mut Bench, owner: u16, target: Option<u16>, copies: usize) {
    let mut table =
        SlotTable { myself: MYSELF, state: ClusterState::Ok, has_data: true, ..SlotTable::default() };
    table.owners.fill(owner);
    table.endpoints = [("a", 1, 0), ("b", 2, copies)]
        .map(|(host, port, copies_wanted)| Endpoint { host: host.into(), port, copies_wanted })
        .into();
    table.migrating.extend(target.map(|target| (key_slot(b"{x}1"), target)));
    bench.engine.install_slots(table.into());
}

/// Sends keys, and hands out what the target gets: the words of its commands after SELECT and the link's name.
fn send(bench: &mut Bench, client: SessionKey, keys: &str) -> (Job, Vec<String>) {
    let line = format!("MIGRATE b 2 _ 0 1000 KEYS {keys}");
    let words: Vec<&[u8]> =
        line.split(' ').map(|word| if word == "_" { &b""[..] } else { word.as_bytes() }).collect();
    assert_eq!(bench.call(client, &words), "");
    let mut job = job(bench).expect("a job has left");
    if let Some(wait) = job.wait {
        wait.encode(&mut job.request);
    }
    let text = String::from_utf8_lossy(&job.request).into_owned();
    let words = text.split("\r\n").filter(|word| !word.starts_with(['$', '*'])).map(str::to_owned);
    let words: Vec<String> = words.filter(|word| word.is_ascii() && !word.is_empty()).collect();
    (job, words)
}

fn job(bench: &mut Bench) -> Option<Job> {
    let actions = std::mem::take(&mut bench.engine.effects.actions);
    actions.into_iter().find_map(|action| match action {
        Action::Migrate(job) => Some(job),
        _ => None,
    })
}

/// The target's replies to SELECT, the link's name, and what follows.
fn answer(bench: &mut Bench, job: &Job, replies: &[&str]) {
    let replies = ["+OK", "-ERR unknown subcommand"].iter().chain(replies).map(|&reply| reply.to_owned());
    bench.engine.migration_ended(job.ticket, Ok(replies.collect()));
    bench.engine.end_turn();
}

/// Lets those go on who may, as the reactor does.
fn resume(bench: &mut Bench) {
    for action in std::mem::take(&mut bench.engine.effects.actions) {
        if let Action::Resume(key) = action {
            bench.engine.retry(key);
        }
    }
}

fn replica(bench: &mut Bench) -> SessionKey {
    let replica = bench.client();
    bench.say(replica, "REPLCONF capa eof capa psync2 capa garrison");
    bench.say(replica, "PSYNC ? -1");
    bench.engine.end_turn();
    replica
}

fn acknowledge(bench: &mut Bench, replica: SessionKey) {
    let offset = bench.engine.replication.offset();
    bench.say(replica, &format!("REPLCONF ACK {offset}"));
    bench.engine.end_turn();
}

fn asked(slot: u16) -> String {
    format!("-ASK {slot} b:2")
}

fn slot() -> u16 {
    key_slot(b"{x}1")
}

#[test]
fn exec_that_would_change_a_key_on_its_way_is_held() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    bench.say(client, "MULTI");
    bench.say(client, "SET {x}1 new");
    let (job, _) = send(&mut bench, mover, "{x}1");
    assert_eq!(bench.say(client, "EXEC"), "");
    answer(&mut bench, &job, &["+OK"]);
    resume(&mut bench);
    assert_eq!(bench.heard(mover), "+OK");
    assert_eq!(bench.heard(client), asked(slot()));
}

#[test]
fn write_in_multi_is_queued_while_its_key_travels() {
    let mut bench = source(1);
    let (mover, client, slow) = (bench.client(), bench.client(), bench.client());
    let replica = replica(&mut bench);
    acknowledge(&mut bench, replica);
    for client in [client, slow] {
        bench.say(client, "MULTI");
    }
    let (job, _) = send(&mut bench, mover, "{x}1");
    assert_eq!(bench.say(client, "SET {x}1 new"), "+QUEUED");
    answer(&mut bench, &job, &["+OK", ":1"]);
    // Deleted here, and our replica does not know yet: nobody may be sent after it.
    assert_eq!(bench.heard(mover), "");
    assert_eq!(bench.say(slow, "SET {x}1 new"), "+QUEUED");
    for client in [client, slow] {
        assert_eq!(bench.say(client, "EXEC"), "");
    }
    acknowledge(&mut bench, replica);
    resume(&mut bench);
    assert_eq!(bench.heard(mover), "+OK");
    for client in [client, slow] {
        assert_eq!(bench.heard(client), asked(slot()));
    }
}

#[test]
fn client_reply_skip_drops_the_answer_that_comes_later() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    bench.say(mover, "CLIENT REPLY SKIP");
    let (job, _) = send(&mut bench, mover, "{x}1");
    bench.say(client, "CLIENT REPLY SKIP");
    assert_eq!(bench.say(client, "SET {x}1 new"), "");
    bench.engine.migration_ended(job.ticket, Err("gone".into()));
    resume(&mut bench);
    for client in [mover, client] {
        assert_eq!(bench.heard(client), "");
        assert_eq!(bench.say(client, "GET {x}1"), "$3 new");
    }
}

#[test]
fn flushall_is_held_while_keys_are_on_their_way() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    assert_eq!(bench.say(client, "FLUSHALL"), "");
    bench.engine.migration_ended(job.ticket, Err("gone".into()));
    resume(&mut bench);
    assert!(bench.heard(mover).starts_with("-IOERR"));
    assert_eq!(bench.heard(client), "+OK");
}

#[test]
fn key_that_changed_since_it_left_stays() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    // Nobody could foresee this write: it came from no key of a command.
    let key = bench.engine.keyspace.dbs[0].key(b"{x}1");
    bench.engine.keyspace.dbs[0].set_string(&key, b"new", crate::keyspace::Ttl::Clear, 0);
    bench.engine.key_changed(0, b"{x}1", crate::settings::NotifyClass::STRING, "set", 1);
    answer(&mut bench, &job, &["+OK"]);
    assert!(bench.heard(mover).starts_with("-TRYAGAIN"));
    assert_eq!(bench.say(client, "GET {x}1"), "$3 new");
}

#[test]
fn demoted_node_deletes_nothing() {
    let mut bench = source(0);
    let mover = bench.client();
    let (job, _) = send(&mut bench, mover, "{x}1");
    bench.engine.follow("b", 2);
    assert!(bench.heard(mover).starts_with("-UNBLOCKED"));
    answer(&mut bench, &job, &["+OK"]);
    assert!(bench.engine.has_key(0, b"{x}1"));
}

#[test]
fn move_that_was_called_off_deletes_nothing() {
    for (owner, target) in [(MYSELF, None), (TARGET, None)] {
        let mut bench = source(0);
        let mover = bench.client();
        let (job, _) = send(&mut bench, mover, "{x}1");
        install(&mut bench, owner, target, 0);
        answer(&mut bench, &job, &["+OK"]);
        assert!(bench.heard(mover).starts_with("-ERR the slot's move was called off"));
        assert!(bench.engine.has_key(0, b"{x}1"));
    }
}

#[test]
fn key_stays_until_the_target_s_replicas_have_it() {
    let mut bench = source(2);
    let (mover, client) = (bench.client(), bench.client());
    let (job, words) = send(&mut bench, mover, "{x}1");
    assert_eq!(words[words.len() - 3..], ["WAIT", "2", "1000"]);
    answer(&mut bench, &job, &["+OK", ":1"]);
    assert!(bench.heard(mover).starts_with("-NOREPLICAS The target's replicas"));
    assert_eq!(bench.say(client, "GET {x}1"), "$1 v");
    let (job, _) = send(&mut bench, mover, "{x}1");
    answer(&mut bench, &job, &["+OK", ":2"]);
    assert_eq!(bench.heard(mover), "+OK");
    assert_eq!(bench.say(client, "GET {x}1"), asked(slot()));
}

#[test]
fn nobody_is_sent_after_a_key_before_our_replicas_know_that_it_is_gone() {
    let mut bench = source(0);
    let replica = replica(&mut bench);
    let (mover, reader) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    answer(&mut bench, &job, &["+OK"]);
    assert_eq!(bench.heard(mover), "", "the replica has not acknowledged the deletion");
    assert_eq!(bench.say(reader, "GET {x}1"), "");
    acknowledge(&mut bench, replica);
    resume(&mut bench);
    assert_eq!(bench.heard(mover), "+OK");
    assert_eq!(bench.heard(reader), asked(slot()));
}

#[test]
fn key_comes_back_when_our_replicas_do_not_confirm() {
    for is_lost in [true, false] {
        let mut bench = source(0);
        let replica = replica(&mut bench);
        let (mover, client, reader) = (bench.client(), bench.client(), bench.client());
        let (job, _) = send(&mut bench, mover, "{x}1");
        answer(&mut bench, &job, &["+OK"]);
        assert_eq!(bench.say(reader, "GET {x}1"), "");
        if is_lost {
            bench.engine.close_session(replica);
        } else {
            bench.advance(1000);
        }
        bench.engine.end_turn();
        resume(&mut bench);
        assert!(bench.heard(mover).starts_with("-NOREPLICAS The replicas of this node"));
        assert_eq!(bench.heard(reader), "$1 v");
        assert!([":100000", ":99000"].contains(&&*bench.say(client, "PTTL {x}1")));
    }
}

#[test]
fn unconfirmed_key_is_listed_as_one_that_is_here() {
    let mut bench = source(0);
    let replica = replica(&mut bench);
    let (mover, other) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    answer(&mut bench, &job, &["+OK"]);
    assert_eq!(bench.say(other, &format!("CLUSTER GETKEYSINSLOT {} 10", slot())), "*1 $4 {x}1");
    assert_eq!(bench.engine.keys_to_move(slot()), 1);
    acknowledge(&mut bench, replica);
    assert_eq!(bench.say(other, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":0");
}

#[test]
fn unconfirmed_key_of_a_slot_that_was_handed_over_stays_away() {
    let mut bench = source(0);
    let replica = replica(&mut bench);
    let (mover, other) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    answer(&mut bench, &job, &["+OK"]);
    install(&mut bench, TARGET, None, 0);
    bench.engine.close_session(replica);
    bench.engine.end_turn();
    resume(&mut bench);
    assert!(bench.heard(mover).starts_with("-ERR the slot was given to another node"));
    assert_eq!(bench.say(other, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":0");
}

#[test]
fn deleted_key_of_a_moving_slot_is_answered_for_here_until_the_target_has_deleted_it_too() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    let (job, _) = send(&mut bench, mover, "{x}1");
    bench.engine.migration_ended(job.ticket, Err("the answer got lost".into()));
    bench.heard(mover);
    assert_eq!(bench.say(client, "DEL {x}1"), ":1");
    assert_eq!(bench.say(client, "GET {x}1"), "$-1", "the target may still have it");
    assert_eq!(bench.say(client, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":1");
    assert_eq!(bench.say(client, &format!("CLUSTER GETKEYSINSLOT {} 10", slot())), "*1 $4 {x}1");
    let (job, words) = send(&mut bench, mover, "{x}1");
    assert_eq!(words[words.len() - 3..], ["ASKING", "DEL", "{x}1"]);
    answer(&mut bench, &job, &["+OK", ":1"]);
    assert_eq!(bench.heard(mover), "+OK");
    assert_eq!(bench.say(client, "GET {x}1"), asked(slot()));
    assert_eq!(bench.say(client, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":0");
}

#[test]
fn key_that_was_deleted_and_written_again_is_a_key() {
    let mut bench = source(0);
    let (mover, client) = (bench.client(), bench.client());
    bench.say(client, "DEL {x}1");
    assert_eq!(bench.say(client, "SET {x}1 w"), "+OK");
    assert_eq!(bench.say(client, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":1");
    let (job, words) = send(&mut bench, mover, "{x}1");
    assert_eq!(words[words.len() - 1], "REPLACE", "what the target may have is out of date");
    answer(&mut bench, &job, &["+OK"]);
    assert_eq!(bench.say(client, "GET {x}1"), asked(slot()));
}

#[test]
fn flush_of_a_moving_slot_leaves_ghosts() {
    let mut bench = source(0);
    let client = bench.client();
    bench.say(client, "FLUSHALL");
    assert_eq!(bench.say(client, "GET {x}1"), "$-1");
    assert_eq!(bench.say(client, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":1");
    install(&mut bench, MYSELF, None, 0);
    assert_eq!(bench.say(client, &format!("CLUSTER COUNTKEYSINSLOT {}", slot())), ":0");
}

#[test]
fn replica_hears_of_ghosts_and_answers_for_them_once_promoted() {
    let mut bench = source(0);
    install(&mut bench, TARGET, Some(TARGET), 0);
    bench.engine.follow("a", 1);
    let stream = bench.engine.open_session(crate::clients::origin::Origin::Primary).key;
    bench.say(stream, "CLUSTER GHOST ADD {x}3 {x}2");
    bench.say(stream, "CLUSTER GHOST DEL {x}2");
    let client = bench.client();
    assert!(bench.say(client, "CLUSTER GHOST ADD {x}4").starts_with("-ERR CLUSTER GHOST is for"));
    bench.engine.promote();
    install(&mut bench, MYSELF, Some(TARGET), 0);
    assert_eq!(bench.say(client, "GET {x}3"), "$-1");
    assert_eq!(bench.say(client, "GET {x}2"), asked(slot()));
}

#[test]
fn one_key_named_twice_is_one_key() {
    let mut bench = source(0);
    let client = bench.client();
    assert!(bench.say(client, "EXISTS {x}1 {x}2").starts_with("-TRYAGAIN"));
    assert_eq!(bench.say(client, "EXISTS {x}1 {x}1"), ":2");
    assert_eq!(bench.say(client, "EXISTS {x}2 {x}3"), asked(slot()));
    install(&mut bench, TARGET, None, 0);
    let mut table = bench.engine.cluster.slots.as_deref().cloned().expect("a table is installed");
    table.importing.insert(slot(), TARGET);
    bench.engine.install_slots(table.into());
    for line in ["ASKING", "MULTI", "SET {x}2 v", "EXPIRE {x}2 100"] {
        assert!(bench.say(client, line).starts_with('+'));
    }
    assert_eq!(bench.say(client, "EXEC"), "*2 +OK :1");
}

#[test]
fn link_of_a_name_ends_the_earlier_one() {
    let mut bench = source(0);
    let (first, second, other) = (bench.client(), bench.client(), bench.client());
    assert_eq!(bench.say(first, "CLUSTER MIGRATION-LINK n"), "+OK");
    assert_eq!(bench.say(other, "CLUSTER MIGRATION-LINK m"), "+OK");
    assert_eq!(bench.say(second, "CLUSTER MIGRATION-LINK n"), "+OK");
    assert!(bench.session(first).close_now);
    assert!(!bench.session(other).close_now && !bench.session(second).close_now);
}

#[test]
fn exec_behind_a_control_command_is_checked_again() {
    let mut bench = source(0);
    let client = bench.client();
    for change in ["slot", "role", "pause"] {
        install(&mut bench, MYSELF, None, 0);
        for line in ["MULTI", "SET {x}2 w", "CONFIG GET maxmemory", "EXEC"] {
            bench.say(client, line);
        }
        let asked = bench.engine.effects.events.drain(..).find_map(|event| match event {
            Event::Command { ticket, .. } => Some(ticket),
            _ => None,
        });
        match change {
            "slot" => install(&mut bench, TARGET, None, 0),
            "role" => bench.engine.follow("b", 2),
            _ => bench.engine.pause(BootMs::MAX, false),
        }
        bench.engine.control_reply(asked.expect("CONFIG was asked"), b"*0\r\n");
        let expected = match change {
            "slot" => format!("-MOVED {} b:2", slot()),
            "role" => {
                "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only \
                       replica."
                    .to_owned()
            }
            _ => String::new(),
        };
        assert_eq!(bench.heard(client), expected, "{change}");
        assert!(!bench.engine.has_key(0, b"{x}2"));
        bench.engine.promote();
    }
    bench.engine.unpause();
    resume(&mut bench);
    assert_eq!(bench.heard(client), "*2 +OK *0");
    assert!(bench.session(client).seen_offset <= bench.engine.replication.offset());
}
