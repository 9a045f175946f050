//! Reading the data set from files when the node starts.
//!
//! BACKGROUND. The outside reads the files and hands in their bytes; between two portions it serves clients, who get
//! LOADING for all that needs the data. A file is a snapshot, commands, or the former followed by the latter: its
//! first bytes say so, whatever its name. Who reads it takes it apart ([`super::state::portions`]).
//!
//! INVARIANTS.
//! - Only what a crash leaves is cut off: a command or transaction that ends early, or zeros in its place.
//! - A snapshot becomes the data when all of it is right. Commands are carried out as they come, but never half a
//!   transaction.
//! - The node's history and offset afterwards are those of the data. Nothing is served before the control plane has
//!   said which part this node has to play with it ([`Engine::serve_loaded`]).

use std::collections::VecDeque;

use super::state::disk::DiskOrder;
use super::state::loading::{Loading, Part, Replay};
use super::state::portions::Portion;
use super::state::start::{PartName, Plan};
use crate::clients::origin::Origin;
use crate::engine::effects::{Event, Level};
use crate::engine::Engine;
use crate::formats::aof::{AofItem, AofReader, Manifest};
use crate::replication::state::applier::Applier;
use crate::replication::state::history::StreamId;
use crate::snapshot::loader::{Header, Loader};

/// Clients wait for a load that is shorter than this before they are let in, in milliseconds: nobody is told LOADING for
/// an empty folder.
const UNSEEN_MS: i64 = 250;
/// Time between two lines about the progress, in milliseconds.
const PROGRESS_PERIOD_MS: i64 = 5_000;
/// Bytes without a command at the end of a file that may be left out: with more of them it is damaged.
const TORN_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Engine {
    /// Begins to read these files.
    pub fn begin_load(&mut self, plan: Plan) {
        for warning in plan.warnings {
            self.log(Level::Warning, warning);
        }
        self.persistence.log.manifest = plan.unread;
        let bytes_total = plan.parts.iter().map(|part| part.bytes).sum();
        self.persistence.loading = Some(Box::new(Loading {
            bytes_total,
            bytes: 0,
            since_ms: self.clock.unix_ms,
            part: None,
            parts: VecDeque::from(plan.parts),
            manifest: plan.manifest,
            logged_boot_ms: self.clock.boot_ms,
            last_bytes: 0,
            closed_bytes: 0,
            is_read: false,
            is_told: false,
        }));
    }

    /// Whether the data is being read, and has been for so short a time that clients may wait at the door.
    #[inline]
    pub fn is_loading_unseen(&self) -> bool {
        let loading = self.persistence.loading.as_ref();
        loading.is_some_and(|loading| self.clock.unix_ms - loading.since_ms < UNSEEN_MS)
    }

    /// Takes the next portion of the file that is being read.
    ///
    /// # Errors
    /// What is wrong, with the file, the offset and what to do. The node must not go on.
    pub fn load_portion(&mut self, portion: Portion) -> Result<(), String> {
        let Some(mut loading) = self.persistence.loading.take() else { return Ok(()) };
        let outcome = self.load_part(&mut loading, portion);
        let name = loading.parts.front().map_or("", |part| &part.name).to_owned();
        if self.clock.boot_ms - loading.logged_boot_ms >= PROGRESS_PERIOD_MS {
            loading.logged_boot_ms = self.clock.boot_ms;
            let (done, total) = (loading.bytes >> 20, loading.bytes_total >> 20);
            self.log(Level::Notice, format!("Loading {name}: {done} of {total} MB"));
        }
        self.persistence.loading = Some(loading);
        outcome.map_err(|error| damaged(&name, &error))
    }

    fn load_part(&mut self, loading: &mut Loading, portion: Portion) -> Result<(), String> {
        let part = loading.part.take();
        loading.part = match (portion, part) {
            (Portion::Items(items, bytes), part) => {
                loading.bytes += bytes;
                let mut loader = match part {
                    Some(Part::Snapshot(loader)) => loader,
                    _ => Box::new(self.new_loader(None)),
                };
                loader.bytes += bytes;
                let read = loader.bytes;
                items
                    .into_iter()
                    .try_for_each(|item| loader.load(item))
                    .map_err(|error| format!("{error} (before offset {read})"))?;
                Some(Part::Snapshot(loader))
            }
            (Portion::SnapshotEnd(offset), Some(Part::Snapshot(loader))) => {
                self.install_loaded(*loader);
                Some(Part::SnapshotEnd(offset))
            }
            (Portion::SnapshotEnd(_), part) => part,
            (Portion::Commands(bytes), part) => {
                loading.bytes += bytes.len() as u64;
                let mut replay = match part {
                    Some(Part::Commands(replay)) => replay,
                    Some(Part::SnapshotEnd(offset)) => self.new_replay(offset),
                    _ => self.new_replay(0),
                };
                replay.reader.feed(&bytes);
                match &replay.damage {
                    None => {
                        self.replay(&mut replay)?;
                        self.trim_stream();
                    }
                    Some(damage) if replay.reader.rest().len() > TORN_BYTES_MAX => {
                        return Err(format!("{damage}, and more than {TORN_BYTES_MAX} bytes follow"));
                    }
                    Some(_) => {}
                }
                Some(Part::Commands(replay))
            }
        };
        Ok(())
    }

    fn new_replay(&mut self, offset: u64) -> Box<Replay> {
        let session = self.open_session(Origin::File).key;
        let limit = self.settings.proto_max_bulk_len.max(crate::resp::request::LIMITS.bulk_bytes_max as u64);
        Box::new(Replay {
            reader: AofReader::starting_at(offset, limit),
            applier: Applier::of(session),
            head: None,
            is_at_start: true,
            damage: None,
        })
    }

    /// Carries out the commands that are complete.
    fn replay(&mut self, replay: &mut Replay) -> Result<(), String> {
        loop {
            let before = replay.reader.offset();
            let item = match replay.reader.next_item() {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(()),
                Err(damage) => {
                    replay.damage = Some(damage);
                    return Ok(());
                }
            };
            match item {
                AofItem::Command(args) => {
                    let is_head = std::mem::take(&mut replay.is_at_start)
                        && args.get(0).eq_ignore_ascii_case(b"select");
                    if let Some(head) = replay.head.take() {
                        self.replication.append_loaded(&head);
                    }
                    let raw = if is_head { &[] } else { args.raw() };
                    self.apply_loaded(&mut replay.applier, args, raw).map_err(|name| {
                        format!("the command '{name}' at offset {before} is not known to this version")
                    })?;
                    replay.head = is_head.then(|| args.raw().to_vec());
                }
                AofItem::Timestamp(_) => {}
                AofItem::Position { id, offset, .. } => {
                    replay.head = None;
                    replay.is_at_start = false;
                    if let Some(id) = StreamId::parse(&id) {
                        self.replication.continue_loaded(id, offset);
                    }
                }
            }
        }
    }

    /// The snapshot is right: it becomes the data.
    fn install_loaded(&mut self, loader: Loader) {
        let Header { history, offset, stream_db, shard, .. } = loader.header.clone();
        self.persistence.loaded.shard = shard.unwrap_or_default();
        if let (Some(id), Some(offset)) = (history.and_then(|id| StreamId::parse(&id)), offset) {
            self.replication.adopt_loaded(id, offset, stream_db);
        }
        self.persistence.loaded.expired += loader.expired;
        self.install_libraries(&loader.functions);
        for (number, new) in loader.into_databases().into_iter().enumerate() {
            self.keyspace.dbs[number].replace_contents(new);
        }
    }

    /// The end of the file that is being read.
    ///
    /// # Errors
    /// As [`Engine::load_portion`].
    pub fn load_part_end(&mut self) -> Result<(), String> {
        let Some(mut loading) = self.persistence.loading.take() else { return Ok(()) };
        let Some(name) = loading.parts.pop_front() else { return Ok(()) };
        let part = loading.part.take();
        let outcome = self.end_part(&name, part);
        loading.closed_bytes +=
            std::mem::replace(&mut loading.last_bytes, *outcome.as_ref().unwrap_or(&name.bytes));
        self.persistence.loading = Some(loading);
        outcome.map(drop).map_err(|error| format!("{}: {error}", name.name))
    }

    /// How many bytes of a file count.
    fn end_part(&mut self, name: &PartName, part: Option<Part>) -> Result<u64, String> {
        match part {
            None => Ok(0),
            Some(Part::Snapshot(_) | Part::SnapshotEnd(_)) => Ok(name.bytes),
            Some(Part::Commands(replay)) => {
                if let Some(head) = &replay.head {
                    self.replication.append_loaded(head);
                }
                if let Some(session) = replay.applier.session {
                    self.close_session(session);
                }
                let safe = replay.reader.safe_offset();
                if safe == name.bytes {
                    return Ok(safe);
                }
                match (replay.reader.command_in_tail(), replay.damage) {
                    (Some(at), damage) => Err(format!(
                        "{}, and there are good ones behind it, from offset {at} on. `garrison aof check` shows the \
                         place, and `garrison aof fix` cuts the file there",
                        damage.map_or_else(
                            || format!("the command at offset {safe} is damaged"),
                            |damage| damage.to_string()
                        ),
                    )),
                    // What a loss of power leaves unwritten is zeros; anything else is not a torn end.
                    (None, Some(damage)) if !name.may_be_torn || !replay.reader.rest().contains(&0) => {
                        Err(format!(
                            "{damage}. `garrison aof check` shows the place, and `garrison aof fix` cuts the file \
                             there"
                        ))
                    }
                    (None, _) => self.end_torn(name, safe, name.bytes - safe),
                }
            }
        }
    }

    /// A file ends within a command or a transaction.
    fn end_torn(&mut self, name: &PartName, safe: u64, torn: u64) -> Result<u64, String> {
        let file = &name.name;
        if !name.may_be_torn {
            return Err(format!(
                "the file ends within a command or a transaction that begins at offset {safe}. It may be cut there by \
                 `garrison aof fix {file}`, or at each start by 'aof-load-truncated yes' if it is the last one"
            ));
        }
        self.log(
            Level::Warning,
            format!("{file} ends within a command or a transaction: the last {torn} bytes are cut off, from offset {safe} on"),
        );
        Ok(safe)
    }

    /// All files were read.
    pub fn end_load(&mut self) {
        let Some(loading) = &mut self.persistence.loading else { return };
        loading.is_read = true;
        let took_ms = self.clock.unix_ms - loading.since_ms;
        let (manifest, last_bytes, closed_bytes) =
            (loading.manifest.take(), loading.last_bytes, loading.closed_bytes);
        let is_something = loading.bytes_total > 0;
        let keys: u64 = self.keyspace.dbs.iter().map(|db| db.len() as u64).sum();
        self.persistence.loaded.keys = keys;
        self.persistence.loaded.found = is_something || manifest.is_some();
        self.keyspace.dirty = 0;
        if is_something {
            let expired = self.persistence.loaded.expired;
            self.log(
                Level::Notice,
                format!(
                    "DB loaded from disk: {keys} keys in {:.3} seconds, {expired} expired ones left out",
                    took_ms as f64 / 1000.0
                ),
            );
        }
        if !self.settings.appendonly {
            return self.tell_loaded();
        }
        self.replication.keep_for_log(true);
        match manifest {
            Some(manifest) if !manifest.increments.is_empty() => {
                self.reopen_log(manifest, last_bytes, closed_bytes);
            }
            manifest => {
                self.persistence.log.manifest = manifest.unwrap_or_default();
                self.start_rewrite();
            }
        }
    }

    /// The log goes on in its last increment, which has `last_bytes`, behind `closed_bytes` of other files.
    fn reopen_log(&mut self, manifest: Manifest, last_bytes: u64, closed_bytes: u64) {
        let order = self.persistence.next_file();
        let offset = self.replication.offset();
        let log = &mut self.persistence.log;
        log.manifest = manifest;
        log.file = log.manifest.increments.last().cloned();
        log.closed_bytes = closed_bytes;
        log.begin_file(offset, Vec::new(), last_bytes);
        log.reopening = Some(order);
        log.is_whole = true;
        log.base_bytes = log.bytes();
        let name = self.log_file_name();
        self.order(DiskOrder::OpenLog { file: order, name, bytes: last_bytes });
    }

    /// The log's last increment is open again; whether the order was that.
    pub(super) fn log_reopened(&mut self, order: u64) -> bool {
        let log = &mut self.persistence.log;
        if log.reopening != Some(order) {
            return false;
        }
        log.reopening = None;
        log.is_open = true;
        self.order(DiskOrder::SwitchLog { file: order });
        self.remove_history();
        // A reader that starts here needs to know where it is.
        self.log_history_changed();
        self.log_is_ready();
        true
    }

    /// The log cannot be gone on with: the start ends. To serve without it would break what `appendonly` promises.
    pub(super) fn start_failed(&mut self, error: &str) {
        self.persistence.start_error = format!(
            "{error}. The files were read, but the append-only file cannot be written, so the start ends here and what \
             was read stays as it is. Make room on the disk, or let this user write to the file and its folder, and \
             start again"
        );
    }

    /// Why the start has to end, if it has to.
    ///
    /// # Errors
    /// What failed, with the file and what to do. The node must not go on.
    pub fn check_start(&mut self) -> Result<(), String> {
        match std::mem::take(&mut self.persistence.start_error) {
            error if error.is_empty() => Ok(()),
            error => Err(error),
        }
    }

    /// The log holds the data: a start that waited for it goes on.
    pub(super) fn log_is_ready(&mut self) {
        if self.persistence.loading.as_ref().is_some_and(|loading| loading.waits_for_log()) {
            self.tell_loaded();
        }
    }

    fn tell_loaded(&mut self) {
        if let Some(loading) = &mut self.persistence.loading {
            loading.is_told = true;
        }
        let (keys, found) = (self.persistence.loaded.keys, self.persistence.loaded.found);
        let shard = self.persistence.loaded.shard.clone();
        self.effects.events.push(Event::Loaded { keys, found, shard });
    }

    /// The control plane has given this node its part: clients are served from now on.
    ///
    /// A primary goes on under another identity: after a crash its replicas may have more of the present one.
    pub fn serve_loaded(&mut self) {
        if self.persistence.loading.take().is_none() {
            return;
        }
        if !self.replication.is_replica() {
            self.replication.fork_loaded();
            self.log_history_changed();
            self.tell_replication();
        }
    }
}

/// Why a start ends.
pub fn damaged(name: &str, error: &str) -> String {
    format!("{name} is damaged: {error}. The start ends here, and no file was changed")
}
