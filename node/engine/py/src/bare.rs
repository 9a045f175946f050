//! `BareEngine`: the engine without sockets, threads and clock, for the simulator in `tests/sim`.
//!
//! Whoever drives it does what the reactor does: a turn begins with the time; bytes of clients, of the primary and
//! requests of the control plane come in; the end of the turn hands out what leaves, in the order of `Turn`.

use std::collections::BTreeMap;

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::clients::origin::Origin;
use garrison_engine_core::clients::session::{MigrationTicket, SessionKey};
use garrison_engine_core::engine::effects::Action;
use garrison_engine_core::engine::{Clock, Engine};
use garrison_engine_core::persistence::state::disk::DiskReport;
use garrison_engine_core::replication::state::snapshot_link::Channel;
use garrison_engine_core::resp::request::Parser;
use garrison_engine_net::{control, turn};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::convert::Write;
use crate::plane::parsed;
use crate::{events, requests};

/// Most bytes of the stream that a replica is handed in one turn.
const STREAM_BYTES_PER_TURN: usize = 64 * 1024;

/// The connection to the primary of this number.
fn channel_of(number: u8) -> Channel {
    if number == 0 {
        Channel::Stream
    } else {
        Channel::Snapshot
    }
}

/// What a client has sent and the engine has not yet carried out.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    parser: Parser,
}

/// One node's data plane, driven by hand.
#[pyclass(unsendable)]
pub struct BareEngine {
    engine: Engine,
    pending: BTreeMap<SessionKey, Pending>,
    /// Sessions that may have something to be sent.
    touched: Vec<SessionKey>,
}

impl BareEngine {
    fn execute(&mut self, key: SessionKey) {
        self.touched.push(key);
        let Some(mut session) = self.engine.clients.sessions.take(key) else { return };
        if let Some(pending) = self.pending.get_mut(&key) {
            let executed = turn::execute(&mut self.engine, &mut session, &mut pending.parser, &pending.bytes);
            pending.bytes.drain(..executed.used);
        }
        self.engine.clients.sessions.put(session);
    }

    /// Carries out what the engine asks of its reactor; what concerns other machines is handed out.
    fn take_actions<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let mut out = Vec::new();
        while !self.engine.effects.actions.is_empty() {
            for action in std::mem::take(&mut self.engine.effects.actions) {
                match action {
                    Action::Flush(key) => self.touched.push(key),
                    Action::Resume(key) => {
                        self.engine.retry(key);
                        self.execute(key);
                    }
                    Action::Follow { host, port, channel } => {
                        out.push(("follow", host, port, channel as u8).into_pyobject(py)?);
                    }
                    Action::Disk(order) => {
                        if let Some(file) = order.file() {
                            let error = "the engine without sockets has no disk".into();
                            self.engine.disk_report(DiskReport::Failed { file, error });
                        }
                    }
                    Action::Unfollow(channel) => {
                        out.push(("unfollow", channel as u8).into_pyobject(py)?);
                    }
                    Action::Migrate(mut job) => {
                        if let Some(wait) = job.wait {
                            wait.encode(&mut job.request);
                            job.replies += 1;
                        }
                        let request = PyBytes::new(py, &job.request);
                        let fields = (job.ticket.0, job.host, job.port, request, job.replies, job.timeout_ms);
                        out.push(("migrate", fields).into_pyobject(py)?);
                    }
                }
            }
        }
        Ok(out)
    }

    /// What leaves for each session: bytes, and whether the connection is to be closed behind them.
    fn take_outputs<'py>(&mut self, py: Python<'py>) -> Vec<(SessionKey, Bound<'py, PyBytes>, bool)> {
        self.engine.replicas_with_output(&mut self.touched);
        let mut touched = std::mem::take(&mut self.touched);
        // The stream leaves before the replies of clients.
        touched.sort_unstable();
        touched.dedup();
        touched.sort_by_key(|&key| {
            self.engine.clients.sessions.get(key).is_none_or(|session| session.origin != Origin::Replica)
        });
        let mut outputs = Vec::new();
        for key in touched {
            let Some(session) = self.engine.clients.sessions.get_mut(key) else { continue };
            let mut bytes = if session.close_now { Vec::new() } else { std::mem::take(&mut session.out) };
            let (is_replica, closes) =
                (session.origin == Origin::Replica, session.close_now || session.close_after_reply);
            while is_replica && !closes && bytes.len() < STREAM_BYTES_PER_TURN {
                let more = self.engine.replica_output(key).to_vec();
                if more.is_empty() {
                    break;
                }
                self.engine.replica_sent(key, more.len());
                bytes.extend_from_slice(&more);
            }
            if closes {
                self.engine.close_session(key);
                self.pending.remove(&key);
            }
            if closes || !bytes.is_empty() {
                outputs.push((key, PyBytes::new(py, &bytes), closes));
            }
        }
        outputs
    }
}

#[pymethods]
impl BareEngine {
    /// An engine with an empty keyspace; `settings` are canonical values by directive.
    #[new]
    fn new(settings: &Bound<'_, PyAny>, seed: u64, unix_ms: i64, boot_ms: i64) -> PyResult<Self> {
        let engine = Engine::new(parsed(settings)?, seed, clock(unix_ms, boot_ms), || 0);
        Ok(BareEngine { engine, pending: BTreeMap::new(), touched: Vec::new() })
    }

    /// A turn begins.
    fn begin_turn(&mut self, unix_ms: i64, boot_ms: i64) {
        let before_ms = self.engine.clock.boot_ms;
        self.engine.clock = clock(unix_ms, boot_ms);
        self.engine.turn_begins(before_ms, || 0);
    }

    /// A client connects; the number of its session.
    fn open(&mut self, address: &str) -> SessionKey {
        let session = self.engine.open_session(Origin::Client);
        session.addr = address.into();
        let key = session.key;
        self.pending.insert(key, Pending::default());
        key
    }

    /// A client's connection is gone.
    fn close(&mut self, key: SessionKey) {
        if self.pending.remove(&key).is_some() {
            self.engine.close_session(key);
        }
    }

    /// A client has sent bytes.
    fn receive(&mut self, key: SessionKey, bytes: &[u8]) {
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.bytes.extend_from_slice(bytes);
            self.execute(key);
        }
    }

    /// The control plane asks for something, as `DataPlane.post` takes it.
    fn request(&mut self, request: &Bound<'_, PyAny>) -> PyResult<()> {
        control::apply(&mut self.engine, requests::from_python(request)?);
        Ok(())
    }

    /// A connection to the primary stands.
    fn link_connected(&mut self, channel: u8) {
        self.engine.primary_link_connected(channel_of(channel));
    }

    /// The primary has sent bytes.
    fn link_received(&mut self, channel: u8, bytes: &[u8]) {
        self.engine.primary_link_bytes(channel_of(channel), bytes);
    }

    /// A connection to the primary is gone, or could not be had.
    fn link_closed(&mut self, channel: u8, why: &str) {
        self.engine.primary_link_closed(channel_of(channel), why);
    }

    /// The target of a MIGRATE has sent its replies, or has failed with `error`.
    fn migration_ended(&mut self, ticket: u64, replies: Vec<String>, error: String) {
        let outcome = if error.is_empty() { Ok(replies) } else { Err(error) };
        self.engine.migration_ended(MigrationTicket(ticket), outcome);
    }

    /// The turn ends: (actions, outputs, bytes for the primary, events), to be carried out in this order of time:
    /// actions, then bytes, then events. `replies_boot_ms` is the boot clock when the replies leave.
    #[allow(clippy::type_complexity, reason = "a tuple of Python values, described in _engine.pyi")]
    fn end_turn<'py>(
        &mut self,
        py: Python<'py>,
        cron: bool,
        replies_boot_ms: i64,
    ) -> PyResult<(
        Vec<Bound<'py, PyTuple>>,
        Vec<(SessionKey, Bound<'py, PyBytes>, bool)>,
        (Bound<'py, PyBytes>, Bound<'py, PyBytes>),
        Bound<'py, PyList>,
    )> {
        if cron {
            self.engine.cron();
        }
        self.engine.end_turn();
        let actions = self.take_actions(py)?;
        // What the actions made go on is a part of the turn.
        self.engine.end_turn();
        let later = Clock { boot_ms: BootMs::new(replies_boot_ms), ..self.engine.clock };
        self.engine.withhold_replies_without_lease(|| later);
        let more = self.take_actions(py)?;
        let outputs = self.take_outputs(py);
        let link = Channel::ALL
            .map(|channel| PyBytes::new(py, &std::mem::take(self.engine.primary_link_output(channel))));
        let events = events::batch(py, std::mem::take(&mut self.engine.effects.events))?;
        for db in &mut self.engine.keyspace.dbs {
            drop(db.take_garbage());
        }
        let actions = actions.into_iter().chain(more).collect();
        Ok((actions, outputs, link.into(), events))
    }

    /// When the next turn is due at the latest, in milliseconds of the boot clock; None: with the next background work.
    fn next_deadline_ms(&self) -> Option<i64> {
        let wants_turn = self.engine.replication_wants_turn() || !self.engine.effects.actions.is_empty();
        let due =
            if wants_turn { Some(self.engine.clock.boot_ms) } else { self.engine.next_deadline_boot_ms() };
        due.map(BootMs::as_i64)
    }

    /// Role, progress and lineage, as `DataPlane.replication` gives them.
    fn replication<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.engine.status().write(py)
    }

    /// The string at a key of database 0; None where there is none.
    fn value<'py>(&self, py: Python<'py>, key: &[u8]) -> Option<Bound<'py, PyBytes>> {
        let db = &self.engine.keyspace.dbs[0];
        let entry = db.get(&db.key(key))?;
        let mut digits = itoa::Buffer::new();
        entry.value().string(&mut digits).map(|text| PyBytes::new(py, text))
    }

    /// The payload of DUMP for each key of database 0, for comparisons.
    fn contents<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for slot in 0..garrison_engine_core::cluster::slots::SLOT_COUNT {
            self.engine.keyspace.dbs[0].for_each_in_slot(slot as u16, |entry| {
                keys.push(entry.key().to_vec());
                std::ops::ControlFlow::Continue(())
            });
        }
        let contents = PyDict::new(py);
        for key in keys {
            if let Some((payload, _)) = self.engine.dump(0, &key) {
                contents.set_item(PyBytes::new(py, &key), PyBytes::new(py, &payload))?;
            }
        }
        Ok(contents)
    }
}

fn clock(unix_ms: i64, boot_ms: i64) -> Clock {
    Clock { unix_ms, unix_us: unix_ms.saturating_mul(1000), boot_ms: BootMs::new(boot_ms) }
}
