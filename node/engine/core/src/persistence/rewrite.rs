//! The log's new base; switching the log on and off.
//!
//! BACKGROUND. A log is a base, a snapshot, and increments, what came after it. A rewrite makes a new base while the
//! commands go on, and then the former files are not needed.
//!
//! ```text
//! Opening -> Listing -> Writing -> Settling -> done      (the log goes on in a new increment from Writing on)
//! ```
//! *Opening* creates the next increment, *Listing* names it in the manifest. Then, in one moment, the snapshot
//! begins and the present file gets its *cut*: nothing from this offset on goes into it. When all before the cut is on
//! the disk, the log goes on in the new file. *Settling*, after both,  puts the new base into the manifest; then files are removed.
//!
//! INVARIANTS.
//! - At each moment the manifest on the disk names files that hold all that was acknowledged at the log's level.
//! - A log that is switched on, or whose data was replaced by a full sync, has no part that fits the data: it starts
//!   with a new increment without Listing, and is *whole* when it has settled. What the disk had before stays until then.
//! - Files are removed when the manifest on the disk names them as history, and are named so until they are gone.

use super::state::disk::{DiskOrder, FileId};
use super::state::rewrite::{Rewrite, Step, SwitchOn};
use super::state::{Job, Purpose};
use crate::engine::effects::Level;
use crate::engine::picture::Contents;
use crate::engine::Engine;
use crate::formats::aof::annotation::Annotation;
use crate::formats::aof::manifest::manifest_name;
use crate::formats::aof::{BaseForm, Manifest, Part};

/// After so many failures in a row a rewrite by itself waits, longer each time, from the first to the last of these.
const FAILURES_WITHOUT_REST: u32 = 3;
const REST_MS: std::ops::RangeInclusive<i64> = 60_000..=3_600_000;
/// Time after a failure before a log that is not whole is begun once more, in milliseconds.
const REST_WITHOUT_LOG_MS: i64 = 2_000;

impl Engine {
    /// A name within the folder of the log.
    pub(super) fn in_log_folder(&self, name: &str) -> String {
        format!("{}/{name}", self.settings.appenddirname)
    }

    /// The name of the file that the log is written to.
    pub(super) fn log_file_name(&self) -> String {
        let part = self.persistence.log.file.as_ref();
        self.in_log_folder(part.map_or("", |part| &part.name))
    }

    /// The name of the base that is being written.
    pub(super) fn base_name(&self) -> String {
        let base = self.persistence.log.manifest.next_base(&self.settings.appendfilename, BaseForm::Rdb);
        self.in_log_folder(&base.name)
    }

    /// Begins a log for the present data: opens its first file, and then takes the settings that ask for it.
    pub(crate) fn switch_log_on(&mut self, switch: SwitchOn) {
        let refusal = if self.persistence.loading.is_some() {
            "the files of the start are being read: set it again when INFO persistence shows loading:0"
        } else if self.is_rewriting() {
            "it is being switched on already"
        } else {
            self.persistence.log.switching_on = Some(switch);
            return self.start_rewrite();
        };
        self.settings_applied(switch.ticket, "appendonly", refusal.to_owned());
    }

    /// The log's first file is open: whoever switches it on is told.
    fn log_can_begin(&mut self) {
        let Some(SwitchOn { ticket, changes }) = self.persistence.log.switching_on.take() else { return };
        let mut settings = self.settings.clone();
        let outcome =
            changes.iter().try_for_each(|(directive, value)| settings.set_bytes(directive, value).map(drop));
        debug_assert_eq!(outcome, Ok(()), "the values were checked before the file was opened");
        self.take_settings(settings);
        self.replication.keep_for_log(true);
        self.settings_applied(ticket, "", String::new());
    }

    /// Ends the log, which was switched off.
    pub(crate) fn end_log(&mut self) {
        self.close_log();
        let log = &mut self.persistence.log;
        log.file = None;
        log.error.clear();
        (log.needs_sync, log.is_lost) = (false, false);
        log.synced = Default::default();
        self.release_synced();
        self.replication.keep_for_log(false);
        self.log(Level::Notice, "The append-only file is closed");
    }

    /// Writes no more to the log, and calls its rewrite off.
    fn close_log(&mut self) {
        self.cancel_job(Purpose::LogBase);
        let log = &mut self.persistence.log;
        log.rewrite = None;
        log.is_open = false;
        log.is_whole = false;
        self.release_synced();
        self.order(DiskOrder::CloseLog);
    }

    /// The data was replaced by that of another history: what the log holds does not belong to it.
    pub(crate) fn log_data_replaced(&mut self) {
        if self.settings.appendonly && self.persistence.loading.is_none() {
            self.close_log();
            self.start_rewrite();
        }
    }

    /// Begins a rewrite; none may be under way.
    pub(crate) fn start_rewrite(&mut self) {
        let is_anew = !self.persistence.log.is_whole;
        let order = self.persistence.next_file();
        let increment = self.persistence.log.manifest.next_increment(&self.settings.appendfilename);
        let name = self.in_log_folder(&increment.name);
        self.order(DiskOrder::OpenLog { file: order, name, bytes: 0 });
        self.persistence.log.rewrite = Some(Rewrite {
            step: Step::Opening(order),
            opened: order,
            increment,
            is_anew,
            head: Vec::new(),
            cut: None,
            base_bytes: None,
            started_ms: self.clock.unix_ms,
        });
        self.log(Level::Notice, "Background append only file rewriting started");
    }

    /// Whether a rewrite is under way.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.persistence.log.rewrite.is_some()
    }

    /// An order of a rewrite was carried out.
    pub(super) fn rewrite_order_done(&mut self, order: FileId) {
        let Some(rewrite) = &mut self.persistence.log.rewrite else { return };
        match rewrite.step {
            Step::Opening(opening) if opening == order && rewrite.is_anew => {
                self.log_can_begin();
                self.cut_log();
            }
            Step::Opening(opening) if opening == order => {
                let increment = rewrite.increment.clone();
                let mut manifest = self.persistence.log.manifest.clone();
                manifest.increments.push(increment);
                let order = self.write_manifest(manifest);
                self.at_step(Step::Listing(order));
            }
            Step::Listing(listing) if listing == order => self.cut_log(),
            Step::Settling(settling) if settling == order => self.settled(),
            _ => {}
        }
    }

    fn at_step(&mut self, step: Step) {
        if let Some(rewrite) = &mut self.persistence.log.rewrite {
            rewrite.step = step;
        }
    }

    /// Writes this manifest; the order's number.
    fn write_manifest(&mut self, manifest: Manifest) -> FileId {
        let order = self.persistence.next_file();
        let name = self.in_log_folder(&manifest_name(&self.settings.appendfilename));
        self.order(DiskOrder::Replace { file: order, name, bytes: manifest.render().into_bytes() });
        self.persistence.log.manifest = manifest;
        order
    }

    /// The moment that divides the log: the snapshot begins, and what comes from now on goes into the new increment.
    fn cut_log(&mut self) {
        let (offset, db) = (self.replication.offset(), self.replication.selected_db());
        let id = self.replication.history.id;
        let mut number = itoa::Buffer::new();
        let number = number.format(db);
        let mut head = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{number}\r\n", number.len()).into_bytes();
        Annotation::Position { id: id.bytes(), offset, db: db as u64 }.write(&mut head);
        let producer = self.new_snapshot(Some((id, offset)), db, Contents::LogBase);
        let log = &mut self.persistence.log;
        let Some(rewrite) = &mut log.rewrite else { return };
        rewrite.step = Step::Writing;
        rewrite.head = head;
        rewrite.cut = Some(offset);
        if rewrite.is_anew {
            self.switch_log();
        } else {
            log.cut = Some(offset);
            log.want_sync(offset);
        }
        self.start_job(Purpose::LogBase, producer, None);
    }

    /// Goes on in the new increment.
    fn switch_log(&mut self) {
        let log = &mut self.persistence.log;
        let Some(rewrite) = &mut log.rewrite else { return };
        let Some(cut) = rewrite.cut else { return };
        let (file, head) = (rewrite.opened, std::mem::take(&mut rewrite.head));
        let increment = rewrite.increment.clone();
        if log.is_open {
            log.closed_bytes += log.written.bytes;
        }
        log.is_open = true;
        log.file = Some(increment);
        log.begin_file(cut, head, 0);
        self.order(DiskOrder::SwitchLog { file });
    }

    /// At the end of a turn: the log goes on in the new file when the former one is complete on the disk.
    pub(super) fn continue_rewrite(&mut self) {
        if self.persistence.log.is_drained() {
            self.switch_log();
            self.settle_rewrite();
        }
    }

    /// The new base is on the disk under its name.
    pub(super) fn base_finished(&mut self, job: &Job, took_ms: i64) {
        let log = &mut self.persistence.log;
        let Some(rewrite) = &mut log.rewrite else { return };
        rewrite.base_bytes = Some(job.sink.bytes);
        log.rewrites.took_ms = Some(took_ms);
        self.settle_rewrite();
    }

    /// The manifest changes when the new base is there, and the log has left the former files.
    fn settle_rewrite(&mut self) {
        let base = self.persistence.log.manifest.next_base(&self.settings.appendfilename, BaseForm::Rdb);
        let log = &mut self.persistence.log;
        let Some(rewrite) = log.rewrite.as_ref().filter(|_| log.cut.is_none()) else { return };
        let Some(base_bytes) = rewrite.base_bytes else { return };
        let mut manifest = log.manifest.clone();
        let mut former: Vec<Part> = manifest.base.replace(base).into_iter().collect();
        let increments = std::mem::replace(&mut manifest.increments, vec![rewrite.increment.clone()]);
        former.extend(increments.into_iter().filter(|part| *part != rewrite.increment));
        manifest.history.extend(former);
        log.closed_bytes = base_bytes;
        let order = self.write_manifest(manifest);
        self.at_step(Step::Settling(order));
    }

    /// The manifest names the new base: the former files go.
    fn settled(&mut self) {
        let Some(rewrite) = self.persistence.log.rewrite.take() else { return };
        self.remove_history();
        let log = &mut self.persistence.log;
        log.is_whole = true;
        log.base_bytes = log.bytes();
        log.rewrites.count += 1;
        log.rewrites.failures = 0;
        log.rewrites.error.clear();
        if std::mem::take(&mut log.is_lost) {
            // What has failed in the new file since then has its own end.
            if !log.needs_sync && !log.is_resting {
                self.log_works_again();
            }
            self.release_synced();
        }
        let took_ms = self.clock.unix_ms - rewrite.started_ms;
        self.log(Level::Notice, format!("Background AOF rewrite finished successfully in {took_ms} ms"));
        self.log_is_ready();
    }

    /// Removes files that the manifest on the disk names as history, and then their names.
    pub(super) fn remove_history(&mut self) {
        let history = &self.persistence.log.manifest.history;
        if history.is_empty() || self.settings.aof_disable_auto_gc {
            return;
        }
        let names = history.iter().map(|part| self.in_log_folder(&part.name)).collect();
        self.order(DiskOrder::Remove { names });
        let manifest = Manifest { history: Vec::new(), ..self.persistence.log.manifest.clone() };
        self.write_manifest(manifest);
    }

    /// An order of a rewrite has failed.
    pub(super) fn rewrite_order_failed(&mut self, order: FileId, error: &str) {
        let step = self.persistence.log.rewrite.as_ref().map(|rewrite| rewrite.step);
        match step {
            Some(Step::Opening(its) | Step::Listing(its) | Step::Settling(its)) if its == order => {
                self.base_failed(error);
            }
            _ => self.log(Level::Warning, format!("The append-only file: {error}")),
        }
    }

    /// A rewrite has failed; the log goes on where it is.
    pub(super) fn base_failed(&mut self, error: &str) {
        let now_ms = self.clock.boot_ms;
        let log = &mut self.persistence.log;
        let rewrite = log.rewrite.take();
        let is_anew = rewrite.as_ref().is_some_and(|rewrite| rewrite.is_anew);
        let rewrites = &mut log.rewrites;
        error.clone_into(&mut rewrites.error);
        rewrites.failures += 1;
        let doublings = rewrites.failures.saturating_sub(FAILURES_WITHOUT_REST).min(10);
        if !log.is_whole {
            rewrites.rest_until_ms = now_ms + REST_WITHOUT_LOG_MS;
        } else if rewrites.failures >= FAILURES_WITHOUT_REST {
            rewrites.rest_until_ms = now_ms + (REST_MS.start() << doublings).min(*REST_MS.end());
        }
        // If nothing was written to its increment, the log stays where it is.
        let has_not_switched = self.persistence.log.cut.take().is_some();
        if let Some(rewrite) = rewrite.filter(|rewrite| has_not_switched || rewrite.cut.is_none()) {
            self.order(DiskOrder::ForgetLog { file: rewrite.opened });
        }
        if self.persistence.loading.as_ref().is_some_and(|loading| loading.waits_for_log()) {
            return self.start_failed(error);
        }
        if let Some(SwitchOn { ticket, .. }) = self.persistence.log.switching_on.take() {
            let error = format!(
                "Unable to turn on AOF: {error}. Make room on the disk, or let this user write to the file and its \
                 folder (CONFIG GET dir), and set it again"
            );
            self.settings_applied(ticket, "appendonly", error);
        }
        let what = if is_anew { ", so there is no append-only file yet" } else { "" };
        self.log(Level::Warning, format!("Background AOF rewrite failed{what}: {error}"));
    }

    /// Begins a rewrite if the log has grown enough, or has none that fits its data.
    pub(super) fn rewrite_by_the_rules(&mut self) {
        if !self.settings.appendonly || self.is_rewriting() || self.persistence.loading.is_some() {
            return;
        }
        let (now_ms, log) = (self.clock.boot_ms, &self.persistence.log);
        if now_ms < log.rewrites.rest_until_ms {
            return;
        }
        if !log.is_whole {
            return self.start_rewrite();
        }
        if !log.error.is_empty() {
            return;
        }
        let (bytes, base) = (log.bytes(), log.base_bytes.max(1));
        let growth = bytes.saturating_sub(base) * 100 / base;
        let percentage = self.settings.auto_aof_rewrite_percentage;
        if percentage > 0 && bytes > self.settings.auto_aof_rewrite_min_size && growth >= percentage {
            self.log(Level::Notice, format!("Starting automatic rewriting of AOF on {growth}% growth"));
            self.start_rewrite();
        }
    }
}
