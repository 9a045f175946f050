//! Several engines in one process, joined by wires of bytes: what the reactor does, without sockets.
//!
//! Bytes move in pieces of random size, a turn at a time, so that every state is cut at every place. One seed
//! gives one run.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::base::clock::BootMs;
use crate::base::prng::Prng;
use crate::clients::origin::Origin;
use crate::clients::session::SessionKey;
use crate::engine::effects::Action;
use crate::engine::{Clock, Engine};
use crate::formats::digest::Digest;
use crate::keyspace::ValueRef;
use crate::replication::state::snapshot_link::Channel;
use crate::resp::request::{Parsed, Parser, LIMITS};
use crate::resp::OwnedArgs;
use crate::settings::Settings;

/// The port of node 0; the others follow.
pub const PORT: u16 = 7000;
/// Milliseconds between two turns.
const TURN_MS: i64 = 10;
const START_MS: i64 = 1_700_000_000_000;

/// Keys of a node: database and key, with content and expiry.
pub type Data = BTreeMap<(usize, Vec<u8>), (Vec<String>, Option<i64>)>;

pub struct Node {
    pub engine: Engine,
    pub client: SessionKey,
    /// The connections to its primary, for the stream and for a snapshot.
    wires: [Option<Wire>; 2],
}

/// The connection of a replica to its primary.
struct Wire {
    primary: usize,
    session: SessionKey,
    session_id: u64,
    to_primary: Vec<u8>,
    to_replica: Vec<u8>,
    parser: Parser,
}

pub struct Net {
    pub nodes: Vec<Node>,
    pub prng: Prng,
    pub now_ms: i64,
    /// Most bytes that move over a wire in a turn.
    pub piece_bytes_max: u64,
    /// The same for a second connection, if it is another number.
    pub snapshot_piece_bytes_max: Option<u64>,
    /// Nodes that nobody reaches.
    pub unreachable: Vec<usize>,
    /// A byte of what the node is sent that is changed on its way, counted from now.
    pub damage: Option<(usize, usize)>,
    turns: u64,
}

impl Net {
    pub fn new(count: usize, directives: &[(&str, &str)], seed: u64) -> Self {
        let node = |index: usize| {
            let port = PORT + index as u16;
            let mut settings = Settings { port, repl_diskless_sync_delay: 0, ..Settings::default() };
            for (directive, value) in directives {
                assert_eq!(settings.set(directive, value), Ok(true), "{directive}");
            }
            let seed = seed * 100 + index as u64;
            let mut engine = Engine::new(settings, seed, clock(START_MS), || 0);
            let client = engine.open_session(Origin::Client).key;
            Node { engine, client, wires: [None, None] }
        };
        Net {
            nodes: (0..count).map(node).collect(),
            prng: Prng::new(seed),
            now_ms: START_MS,
            piece_bytes_max: 20_000,
            snapshot_piece_bytes_max: None,
            unreachable: Vec::new(),
            damage: None,
            turns: 0,
        }
    }

    /// Runs a command given as words at a node; returns its reply, lines joined by spaces.
    pub fn say(&mut self, node: usize, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let client = self.nodes[node].client;
        self.say_as(node, client, &words)
    }

    pub fn say_as(&mut self, node: usize, client: SessionKey, words: &[&[u8]]) -> String {
        let engine = &mut self.nodes[node].engine;
        let mut session = engine.clients.sessions.take(client).expect("the client is connected");
        engine.execute(&mut session, OwnedArgs::from_slices(words).view());
        let out = std::mem::take(&mut session.out);
        engine.clients.sessions.put(session);
        String::from_utf8_lossy(&out).replace("\r\n", " ").trim_end().to_owned()
    }

    /// What the reactor does for a session that is told to resume.
    pub fn retry(&mut self, node: usize, client: SessionKey) {
        self.nodes[node].engine.retry(client);
    }

    /// What a client has been sent since.
    pub fn heard(&mut self, node: usize, client: SessionKey) -> String {
        let session =
            self.nodes[node].engine.clients.sessions.get_mut(client).expect("the client is connected");
        String::from_utf8_lossy(&std::mem::take(&mut session.out)).replace("\r\n", " ").trim_end().to_owned()
    }

    /// A node ends without warning and starts again at its address, empty.
    pub fn restart(&mut self, node: usize, seed: u64) {
        let settings = self.nodes[node].engine.settings.clone();
        self.disconnect_all(node);
        let mut engine = Engine::new(settings, seed * 100 + 77, clock(self.now_ms), || 0);
        let client = engine.open_session(Origin::Client).key;
        self.nodes[node].engine = engine;
        self.nodes[node].client = client;
        self.close_wires_of_dropped_replicas(node);
    }

    /// A node follows another.
    pub fn follow(&mut self, node: usize, primary: usize) {
        let port = PORT + primary as u16;
        assert_eq!(self.say(node, &format!("REPLICAOF 127.0.0.1 {port}")), "+OK");
    }

    /// One turn of every node.
    pub fn turn(&mut self) {
        self.now_ms += TURN_MS;
        self.turns += 1;
        for node in 0..self.nodes.len() {
            self.nodes[node].engine.clock = clock(self.now_ms);
            self.move_bytes(node);
            let engine = &mut self.nodes[node].engine;
            if self.turns % 10 == 0 {
                engine.cron();
            }
            engine.end_turn();
            self.carry_out(node);
            self.close_wires_of_dropped_replicas(node);
        }
    }

    pub fn turns(&mut self, count: usize) {
        (0..count).for_each(|_| self.turn());
    }

    fn carry_out(&mut self, node: usize) {
        for action in std::mem::take(&mut self.nodes[node].engine.effects.actions) {
            match action {
                Action::Follow { port, channel, .. } => {
                    self.connect(node, usize::from(port - PORT), channel);
                }
                Action::Unfollow(channel) => self.disconnect(node, channel),
                _ => {}
            }
        }
    }

    fn connect(&mut self, node: usize, primary: usize, channel: Channel) {
        self.disconnect(node, channel);
        if self.unreachable.contains(&primary) || self.unreachable.contains(&node) {
            return self.nodes[node].engine.primary_link_closed(channel, "unreachable");
        }
        let session = self.nodes[primary].engine.open_session(Origin::Client);
        session.addr = format!("127.0.0.1:{}", 40_000 + node).into();
        let (session, session_id) = (session.key, session.id);
        self.nodes[node].wires[channel as usize] = Some(Wire {
            primary,
            session,
            session_id,
            to_primary: Vec::new(),
            to_replica: Vec::new(),
            parser: Parser::default(),
        });
        self.nodes[node].engine.primary_link_connected(channel);
    }

    /// Ends a replica's connection, as both sides see it; bytes on their way are lost.
    fn disconnect(&mut self, node: usize, channel: Channel) {
        if let Some(wire) = self.nodes[node].wires[channel as usize].take() {
            let engine = &mut self.nodes[wire.primary].engine;
            if engine.clients.sessions.get(wire.session).is_some_and(|session| session.id == wire.session_id)
            {
                engine.close_session(wire.session);
            }
        }
    }

    fn disconnect_all(&mut self, node: usize) {
        Channel::ALL.into_iter().for_each(|channel| self.disconnect(node, channel));
    }

    /// Cuts the connections of a replica.
    pub fn cut(&mut self, node: usize) {
        Channel::ALL.into_iter().for_each(|channel| self.cut_one(node, channel));
    }

    /// Cuts one connection of a replica.
    pub fn cut_one(&mut self, node: usize, channel: Channel) {
        if self.nodes[node].wires[channel as usize].is_some() {
            self.disconnect(node, channel);
            self.nodes[node].engine.primary_link_closed(channel, "cut");
        }
    }

    fn close_wires_of_dropped_replicas(&mut self, primary: usize) {
        let connections = (0..self.nodes.len()).flat_map(|node| Channel::ALL.map(|channel| (node, channel)));
        for (node, channel) in connections {
            let Some(wire) = &self.nodes[node].wires[channel as usize] else { continue };
            if wire.primary != primary {
                continue;
            }
            let session = self.nodes[primary].engine.clients.sessions.get(wire.session);
            if session.is_none_or(|session| session.close_now || session.id != wire.session_id) {
                self.cut_one(node, channel);
            }
        }
    }

    fn piece(&mut self, available: usize, channel: Channel) -> usize {
        let of_snapshot = self.snapshot_piece_bytes_max.filter(|_| channel == Channel::Snapshot);
        let bytes_max = of_snapshot.unwrap_or(self.piece_bytes_max);
        available.min(self.prng.below(bytes_max + 1) as usize)
    }

    fn move_bytes(&mut self, node: usize) {
        Channel::ALL.into_iter().for_each(|channel| self.move_bytes_of(node, channel));
    }

    fn move_bytes_of(&mut self, node: usize, channel: Channel) {
        let Some(mut wire) = self.nodes[node].wires[channel as usize].take() else { return };
        wire.to_primary.append(self.nodes[node].engine.primary_link_output(channel));
        let count = self.piece(wire.to_primary.len(), channel);
        self.deliver_to_primary(&mut wire, count);
        self.fetch_from_primary(&mut wire);
        let takes = channel == Channel::Snapshot || self.nodes[node].engine.primary_link_takes();
        let count = if takes { self.piece(wire.to_replica.len(), channel) } else { 0 };
        let mut bytes: Vec<u8> = wire.to_replica.drain(..count).collect();
        if let Some((damaged, at)) = self.damage.filter(|(damaged, _)| *damaged == node) {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x10;
            }
            self.damage = Some((damaged, at.saturating_sub(bytes.len())));
        }
        self.nodes[node].wires[channel as usize] = Some(wire);
        if !bytes.is_empty() {
            self.nodes[node].engine.primary_link_bytes(channel, &bytes);
        }
    }

    fn deliver_to_primary(&mut self, wire: &mut Wire, count: usize) {
        let engine = &mut self.nodes[wire.primary].engine;
        let Some(mut session) = engine.clients.sessions.take(wire.session) else { return };
        let mut used = 0;
        while let Parsed::Request(len) = wire.parser.parse(&wire.to_primary[used..count], &LIMITS) {
            engine.execute(&mut session, wire.parser.args(&wire.to_primary[used..count]));
            wire.parser.reset();
            used += len;
        }
        wire.parser.reset();
        engine.clients.sessions.put(session);
        wire.to_primary.drain(..used);
    }

    fn fetch_from_primary(&mut self, wire: &mut Wire) {
        let engine = &mut self.nodes[wire.primary].engine;
        let Some(session) = engine.clients.sessions.get_mut(wire.session) else { return };
        wire.to_replica.append(&mut session.out);
        // The socket takes only so much; the rest stays with the primary.
        while wire.to_replica.len() < 64 * 1024 {
            let bytes = engine.replica_output(wire.session);
            if bytes.is_empty() {
                return;
            }
            let len = bytes.len();
            wire.to_replica.extend_from_slice(bytes);
            engine.replica_sent(wire.session, len);
        }
    }

    /// A node follows another unless it does already.
    pub fn follow_if_not(&mut self, node: usize, primary: usize) {
        let port = PORT + primary as u16;
        self.say(node, &format!("REPLICAOF 127.0.0.1 {port}"));
    }

    /// Whether a node gets its stream from another, directly or not.
    pub fn is_upstream(&self, node: usize, from: usize) -> bool {
        match &self.nodes[node].engine.replication.primary {
            Some(primary) if usize::from(primary.port - PORT) == from => true,
            Some(primary) => self.is_upstream(usize::from(primary.port - PORT), from),
            None => false,
        }
    }

    /// Lets turns pass until every replica but this one is in sync.
    pub fn settle_without(&mut self, left_out: usize) {
        for _ in 0..20_000 {
            self.turn();
            if (0..self.nodes.len()).all(|node| node == left_out || self.is_in_sync(node)) {
                return;
            }
        }
        panic!("the nodes do not come into sync");
    }

    /// Lets turns pass until every replica is in sync with its primary; panics when that takes for ever.
    pub fn settle(&mut self) {
        for _ in 0..20_000 {
            self.turn();
            if (0..self.nodes.len()).all(|node| self.is_in_sync(node)) {
                return;
            }
        }
        for node in 0..self.nodes.len() {
            eprintln!("node {node}: {}", self.info(node));
        }
        panic!("the nodes do not come into sync");
    }

    fn is_in_sync(&self, node: usize) -> bool {
        let replication = &self.nodes[node].engine.replication;
        let Some(primary) = &replication.primary else { return true };
        let source = &self.nodes[usize::from(primary.port - PORT)].engine.replication;
        replication.is_link_up()
            && (replication.offset(), replication.history.id) == (source.offset(), source.history.id)
    }

    pub fn info(&self, node: usize) -> String {
        let mut out = String::new();
        self.nodes[node].engine.replication_info(&mut out);
        out
    }

    /// A field of INFO's replication section.
    pub fn field(&self, node: usize, name: &str) -> String {
        let info = self.info(node);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
    }

    /// All keys of a node.
    pub fn data(&self, node: usize) -> Data {
        let mut data = Data::new();
        for (index, db) in self.nodes[node].engine.keyspace.dbs.iter().enumerate() {
            db.for_each(|entry| {
                data.insert((index, entry.key().to_vec()), (content(entry.value()), entry.expire_at_ms()));
                ControlFlow::Continue(())
            });
        }
        data
    }

    /// Panics with the first keys that differ between two nodes.
    pub fn assert_same(&self, one: usize, other: usize) {
        let (left, right) = (self.data(one), self.data(other));
        let differs = |key: &&(usize, Vec<u8>)| left.get(*key) != right.get(*key);
        let keys: Vec<_> = left.keys().chain(right.keys()).filter(differs).take(5).collect();
        for (db, key) in &keys {
            let key = (*db, key.clone());
            eprintln!("{db} {}: {:?} against {:?}", key.1.escape_ascii(), left.get(&key), right.get(&key));
        }
        assert!(keys.is_empty(), "nodes {one} and {other} differ");
    }
}

/// A value in a form that does not depend on its encoding: a string's bytes, or the type and digest of others.
fn content(value: ValueRef<'_>) -> Vec<String> {
    if let Some(text) = value.string(&mut itoa::Buffer::new()) {
        return vec![text.escape_ascii().to_string()];
    }
    let mut digest = Digest::default();
    value.digest(&mut digest);
    vec![value.type_name().to_owned(), digest.to_hex()]
}

fn clock(unix_ms: i64) -> Clock {
    Clock { unix_ms, unix_us: unix_ms * 1000, boot_ms: BootMs::new(unix_ms - START_MS + 1_000_000) }
}
