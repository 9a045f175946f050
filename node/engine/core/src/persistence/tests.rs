//! The room on a disk that loses power: what was promised is there afterwards, whatever the disk did with the rest.

mod switching;

use std::collections::{BTreeMap, HashMap};

use super::load::damaged;
use super::state::disk::{DiskOrder, DiskReport, FileId};
use super::state::portions::FileReader;
use super::state::start::{decide, Found, Names};
use crate::base::prng::Prng;
use crate::clients::session::SessionKey;
use crate::engine::effects::{Action, Event};
use crate::testing::Bench;

const NAMES: Names<'static> =
    Names { snapshot: "dump.rdb", log_folder: "appendonlydir", log: "appendonly.aof" };
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

/// A file: its bytes, of which the first `synced` survive a loss of power.
#[derive(Clone, Default)]
struct Stored {
    bytes: Vec<u8>,
    synced: usize,
}

/// What an order does on this disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    Fails,
    /// Only what is renamed into its place fails.
    FailsToRename,
}

/// A disk in memory. Orders are carried out when the test says so.
#[derive(Clone, Default)]
struct Disk {
    files: BTreeMap<String, Stored>,
    open: HashMap<FileId, String>,
    /// What the log is written to, and what a sync of it syncs: orders are behind writes.
    log: Option<String>,
    log_to_sync: Option<String>,
    opened: HashMap<FileId, String>,
    orders: Vec<DiskOrder>,
}

impl Disk {
    /// Carries out the oldest order.
    fn work(&mut self, mood: Mood) -> Option<DiskReport> {
        let order = if self.orders.is_empty() { return None } else { self.orders.remove(0) };
        let renames = matches!(order, DiskOrder::Finish { .. } | DiskOrder::Replace { .. });
        if mood == Mood::Fails || (mood == Mood::FailsToRename && renames) {
            if let (Some(file), false) = (order.file(), matches!(order, DiskOrder::Write { .. })) {
                // A sync that fails forgets what it should have written.
                if let (DiskOrder::SyncLog { .. }, Some(log)) = (&order, &self.log_to_sync) {
                    let stored = self.files.get_mut(log).expect("the log is there");
                    let synced = stored.synced;
                    stored.bytes[synced..].fill(0);
                }
                return Some(DiskReport::Failed { file, error: "input/output error".into() });
            }
        }
        match order {
            DiskOrder::Create { file, name, .. } => {
                self.files.insert(name.clone(), Stored::default());
                self.open.insert(file, name);
                None
            }
            DiskOrder::Write { file, bytes } => {
                let name = self.open.get(&file)?;
                let count = bytes.len() as u64;
                self.files.get_mut(name)?.bytes.extend(bytes);
                Some(DiskReport::Written { file, bytes: count })
            }
            DiskOrder::Finish { file, name } => {
                let former = self.open.remove(&file)?;
                let mut stored = self.files.remove(&former)?;
                stored.synced = stored.bytes.len();
                self.files.insert(name, stored);
                Some(DiskReport::Finished { file })
            }
            DiskOrder::Discard { file } => {
                let name = self.open.remove(&file)?;
                self.files.remove(&name);
                None
            }
            DiskOrder::Replace { file, name, bytes } => {
                let synced = bytes.len();
                self.files.insert(name, Stored { bytes, synced });
                Some(DiskReport::Finished { file })
            }
            DiskOrder::OpenLog { file, name, bytes } => {
                let stored = self.files.entry(name.clone()).or_default();
                stored.bytes.resize(bytes as usize, 0);
                stored.synced = stored.bytes.len();
                self.opened.insert(file, name);
                Some(DiskReport::Finished { file })
            }
            DiskOrder::SwitchLog { file } => {
                self.log_to_sync = self.opened.remove(&file);
                None
            }
            DiskOrder::ForgetLog { .. } | DiskOrder::CloseLog => None,
            DiskOrder::SyncLog { file } => {
                let stored = self.files.get_mut(self.log_to_sync.as_ref()?)?;
                stored.synced = stored.bytes.len();
                Some(DiskReport::Synced { file })
            }
            DiskOrder::Remove { names } => {
                for name in names {
                    self.files.remove(&name);
                }
                None
            }
        }
    }

    /// Loses power: of what was not synced a part is there, torn anywhere, its pages in any order.
    fn lose_power(&self, random: &mut Prng) -> Disk {
        let mut files = self.files.clone();
        for stored in files.values_mut() {
            let unsynced = stored.bytes.len() - stored.synced;
            if unsynced > 0 {
                stored.bytes.truncate(stored.synced + random.below(unsynced as u64 + 1) as usize);
                if random.below(3) == 0 {
                    let from = stored.synced + random.below(unsynced as u64 + 1) as usize;
                    stored.bytes.iter_mut().skip(from).take(16).for_each(|byte| *byte = 0);
                }
            }
            stored.synced = stored.bytes.len();
        }
        Disk { files, ..Disk::default() }
    }
}

/// A node with a disk.
struct Machine {
    bench: Bench,
    disk: Disk,
    client: SessionKey,
}

impl Machine {
    /// Starts on a disk; an error is why it does not.
    fn start(disk: Disk, directives: &[(&str, &str)]) -> Result<Machine, String> {
        Machine::start_while(disk, directives, Mood::Works)
    }

    /// Starts on a disk that can be read, and written as its mood says.
    fn start_while(disk: Disk, directives: &[(&str, &str)], mood: Mood) -> Result<Machine, String> {
        let mut bench = Bench::new(directives);
        let files = &disk.files;
        let length = |name: &str| files.get(name).map(|stored| stored.bytes.len() as u64);
        let found = Found {
            snapshot_bytes: length("dump.rdb"),
            manifest: files.get(MANIFEST).map(|stored| stored.bytes.clone()),
            log_files: files
                .iter()
                .filter_map(|(name, stored)| {
                    Some((name.strip_prefix("appendonlydir/")?.into(), stored.bytes.len() as u64))
                })
                .collect(),
            old_log_bytes: length("appendonly.aof"),
        };
        let settings = &bench.engine.settings;
        let plan = decide(settings.appendonly, settings.aof_load_truncated, NAMES, found)?;
        let parts = plan.parts.clone();
        bench.engine.begin_load(plan);
        for part in parts {
            let mut reader = FileReader::new(part.is_snapshot, bench.engine.rdb_options());
            let explain = |error: String| damaged(&part.name, &error);
            for bytes in files[&part.name].bytes.chunks(100) {
                for portion in reader.feed(bytes.to_vec()).map_err(explain)? {
                    bench.engine.load_portion(portion)?;
                }
            }
            for portion in reader.finish().map_err(explain)? {
                bench.engine.load_portion(portion)?;
            }
            bench.engine.load_part_end()?;
        }
        bench.engine.end_load();
        let client = bench.client();
        let mut machine = Machine { bench, disk, client };
        for _ in 0..20 {
            machine.turn(mood, usize::MAX);
            machine.bench.engine.check_start()?;
            if machine.is_loaded() {
                machine.bench.engine.serve_loaded();
                return Ok(machine);
            }
        }
        Err("the node does not become ready".into())
    }

    fn is_loaded(&mut self) -> bool {
        let events = std::mem::take(&mut self.bench.engine.effects.events);
        events.iter().any(|event| matches!(event, Event::Loaded { .. }))
    }

    /// Ends a turn, as the reactor does; the disk carries out so many orders.
    fn turn(&mut self, mood: Mood, orders: usize) {
        self.bench.engine.end_turn();
        for action in std::mem::take(&mut self.bench.engine.effects.actions) {
            if let Action::Disk(order) = action {
                match order {
                    DiskOrder::SwitchLog { file } => self.disk.log = self.disk.opened.get(&file).cloned(),
                    DiskOrder::CloseLog => self.disk.log = None,
                    _ => {}
                }
                self.disk.orders.push(order);
            }
        }
        if let Some(log) = self.disk.log.clone() {
            loop {
                let bytes = self.bench.engine.log_output().to_vec();
                if bytes.is_empty() {
                    break;
                }
                self.disk.files.get_mut(&log).expect("the log is there").bytes.extend(&bytes);
                self.bench.engine.log_written(bytes.len());
            }
            if let Some(file) = self.bench.engine.log_sync_due() {
                self.disk.orders.push(DiskOrder::SyncLog { file });
            }
        }
        for _ in 0..orders {
            if self.disk.orders.is_empty() {
                break;
            }
            if let Some(report) = self.disk.work(mood) {
                self.bench.engine.disk_report(report);
            }
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.bench.say(self.client, line)
    }

    /// Counts one on, in a transaction over two keys; whether it was let.
    fn count(&mut self) -> bool {
        self.say("MULTI");
        let is_let = !self.say("INCR a").contains("MISCONF");
        self.say("INCR b");
        !self.say("EXEC").contains("-") && is_let
    }

    /// How far both keys are, which are always alike.
    fn counted(&mut self) -> u64 {
        let of = |machine: &mut Machine, key: &str| {
            machine
                .say(&format!("GET {key}"))
                .rsplit(' ')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        let (a, b) = (of(self, "a"), of(self, "b"));
        assert_eq!(a, b, "half of a transaction was replayed");
        a
    }
}

/// Starts after a loss of power; a log whose end makes no sense is cut first, as `garrison aof fix` does.
fn start_again(mut disk: Disk, directives: &[(&str, &str)]) -> Machine {
    let error = match Machine::start(disk.clone(), directives) {
        Ok(machine) => return machine,
        Err(error) => error,
    };
    assert!(error.contains("good ones behind it"), "{error}");
    let damaged = error.split(':').next().expect("the error begins with the file");
    let stored = disk.files.get_mut(damaged).expect("it is there");
    let mut reader = crate::formats::aof::AofReader::new(1 << 20);
    reader.feed(&stored.bytes);
    while matches!(reader.next_item(), Ok(Some(_))) {}
    let end = reader.safe_offset() as usize;
    stored.bytes.truncate(end);
    stored.synced = end;
    Machine::start(disk, directives).unwrap_or_else(|error| panic!("{error}"))
}

const ALWAYS: &[(&str, &str)] = &[("appendonly", "yes"), ("appendfsync", "always"), ("save", "")];
const EVERY_SECOND: &[(&str, &str)] =
    &[("appendonly", "yes"), ("appendfsync", "everysec"), ("aof-timestamp-enabled", "yes"), ("save", "")];

const NEVER: &[(&str, &str)] = &[("appendonly", "yes"), ("appendfsync", "no"), ("save", "")];

/// What was confirmed is there after each loss of power, and whole transactions only.
fn campaign(directives: &[(&str, &str)], seed: u64, moods: bool) {
    let mut random = Prng::new(seed);
    let mut machine = Machine::start(Disk::default(), directives).expect("an empty disk");
    let (mut written, mut confirmed) = (0, 0);
    for _ in 0..60 {
        for _ in 0..random.below(4) {
            written += u64::from(machine.count());
        }
        match random.below(12) {
            0 => drop(machine.say("BGREWRITEAOF")),
            1 => drop(machine.say("BGSAVE")),
            _ => {}
        }
        let mood = if moods && random.below(5) == 0 { Mood::Fails } else { Mood::Works };
        let orders = random.below(4) as usize;
        machine.bench.advance(random.below(400) as i64);
        machine.bench.engine.cron();
        machine.turn(mood, orders);
        if !machine.bench.engine.is_withheld(machine.client)
            && machine.bench.engine.settings.appendfsync == crate::settings::SyncPolicy::Always
        {
            confirmed = written;
        }
        let log = &machine.bench.engine.persistence.log;
        assert!(log.synced.offset <= machine.bench.engine.replication.offset());
        if random.below(6) == 0 {
            let disk = machine.disk.lose_power(&mut random);
            machine = start_again(disk, directives);
            let found = machine.counted();
            assert!(
                (confirmed..=written).contains(&found),
                "seed {seed}: {found} of {confirmed}..={written}"
            );
            (written, confirmed) = (found, found);
        }
    }
}

#[test]
fn confirmed_writes_survive_every_loss_of_power() {
    for seed in 0..150 {
        campaign(ALWAYS, seed, false);
        campaign(EVERY_SECOND, seed, false);
    }
}

#[test]
fn confirmed_writes_survive_a_disk_that_fails_and_works_again() {
    for seed in 1_000..1_150 {
        campaign(ALWAYS, seed, true);
        campaign(EVERY_SECOND, seed, true);
        campaign(NEVER, seed, true);
    }
}

#[test]
fn who_waits_for_the_disk_hears_that_it_fails() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    machine.count();
    machine.bench.engine.persist(7, false);
    machine.turn(Mood::Fails, usize::MAX);
    machine.bench.engine.persist(8, false);
    let events = std::mem::take(&mut machine.bench.engine.effects.events);
    let failed = |event: &&Event| matches!(event, Event::Persisted { error, .. } if !error.is_empty());
    assert_eq!(events.iter().filter(failed).count(), 2);
}

#[test]
fn replies_that_wait_for_a_sync_leave_under_another_policy_too() {
    for policy in ["everysec", "no"] {
        let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
        machine.count();
        assert!(machine.bench.engine.is_withheld(machine.client));
        machine.bench.engine.apply_settings(1, vec![("appendfsync".into(), policy.into())]);
        machine.turn(Mood::Works, usize::MAX);
        assert!(!machine.bench.engine.is_withheld(machine.client));
    }
}

#[test]
fn failed_sync_refuses_writes_until_one_succeeds() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    assert!(machine.count());
    machine.turn(Mood::Fails, usize::MAX);
    assert!(machine.bench.engine.is_withheld(machine.client));
    assert!(machine.bench.say(machine.client, "SET x y").contains("MISCONF Errors writing to the AOF file"));
    for _ in 0..6 {
        machine.bench.advance(1_100);
        machine.bench.engine.cron();
        machine.turn(Mood::Works, usize::MAX);
    }
    assert!(!machine.bench.engine.is_withheld(machine.client));
    assert!(machine.count());
    machine.turn(Mood::Works, usize::MAX);
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    assert_eq!(start_again(disk, ALWAYS).counted(), 2);
}

#[test]
fn start_that_cannot_go_on_with_its_log_ends_and_says_why() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    for disk in [machine.disk.lose_power(&mut Prng::new(1)), Disk::default()] {
        let error = Machine::start_while(disk, ALWAYS, Mood::Fails).err().expect("no log, no start");
        assert!(error.starts_with("input/output error. The files were read, but"), "{error}");
    }
}

#[test]
fn log_that_cannot_be_written_again_refuses_writes_until_a_new_one_is_whole() {
    let mut directives = NEVER.to_vec();
    directives.push(("repl-backlog-size", "16384"));
    let mut machine = Machine::start(Disk::default(), &directives).expect("an empty disk");
    for _ in 0..3 {
        assert!(machine.count());
        // More than the backlog keeps of it.
        let value = "x".repeat(100_000);
        assert_eq!(machine.say(&format!("SET long {value}")), "+OK");
        machine.turn(Mood::Works, usize::MAX);
    }
    let synced = machine.bench.engine.persistence.log.synced.offset;
    assert!(!machine.bench.engine.replication.stream.holds(synced));
    let rewrite = |machine: &mut Machine, mood| {
        for _ in 0..8 {
            machine.bench.advance(1_100);
            machine.bench.engine.cron();
            machine.turn(mood, usize::MAX);
        }
    };
    machine.bench.engine.persist(7, false);
    machine.turn(Mood::Fails, usize::MAX);
    for _ in 0..2 {
        assert!(!machine.count(), "a write was acknowledged that no file would have");
        assert_eq!(machine.counted(), 3);
        // The new file of the log can be written; the base that it belongs to is not there.
        rewrite(&mut machine, Mood::FailsToRename);
    }
    rewrite(&mut machine, Mood::Works);
    assert!(machine.count());
    machine.bench.engine.persist(8, false);
    machine.turn(Mood::Works, usize::MAX);
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    assert_eq!(start_again(disk, NEVER).counted(), 4);
}

#[test]
fn every_cut_of_a_log_leaves_whole_commands() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    for _ in 0..12 {
        assert!(machine.count());
        machine.turn(Mood::Works, usize::MAX);
    }
    let name = "appendonlydir/appendonly.aof.1.incr.aof";
    let whole = machine.disk.files[name].bytes.clone();
    let mut last = 0;
    for end in 0..=whole.len() {
        let mut disk = Disk { files: machine.disk.files.clone(), ..Disk::default() };
        disk.files.get_mut(name).expect("the log").bytes.truncate(end);
        let counted = Machine::start(disk, ALWAYS).expect("a torn end is cut").counted();
        assert!(counted >= last);
        last = counted;
    }
    assert_eq!(last, 12);
}

#[test]
fn snapshot_is_what_a_start_without_a_log_reads() {
    let directives: &[(&str, &str)] = &[("save", "")];
    let mut machine = Machine::start(Disk::default(), directives).expect("an empty disk");
    machine.count();
    assert_eq!(machine.say("SAVE"), "");
    for _ in 0..4 {
        machine.turn(Mood::Works, usize::MAX);
    }
    let client = machine.client;
    assert_eq!(machine.bench.heard(client), "+OK");
    machine.count();
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    assert_eq!(Machine::start(disk, directives).expect("a snapshot").counted(), 1);
}

#[test]
fn failed_snapshot_refuses_writes_until_one_succeeds() {
    let mut machine = Machine::start(Disk::default(), &[]).expect("an empty disk");
    machine.count();
    assert_eq!(machine.say("BGSAVE"), "+Background saving started");
    machine.turn(Mood::Fails, usize::MAX);
    assert!(machine.say("SET x y").starts_with("-MISCONF Redis is configured to save RDB snapshots"));
    assert_eq!(machine.say("BGSAVE"), "+Background saving started");
    for _ in 0..4 {
        machine.turn(Mood::Works, usize::MAX);
    }
    assert_eq!(machine.say("SET x y"), "+OK");
}

#[test]
fn failed_snapshot_is_tried_again_without_a_rule_that_asks_for_it() {
    let mut machine = Machine::start(Disk::default(), &[("save", "3600 1")]).expect("an empty disk");
    assert_eq!(machine.say("BGSAVE"), "+Background saving started");
    machine.turn(Mood::Fails, usize::MAX);
    assert!(!machine.count());
    for _ in 0..12 {
        machine.bench.advance(1_000);
        machine.bench.engine.cron();
        machine.turn(Mood::Works, usize::MAX);
    }
    assert!(machine.count());
}

#[test]
fn damaged_files_end_the_start_and_say_where() {
    let mut machine = Machine::start(Disk::default(), EVERY_SECOND).expect("an empty disk");
    machine.count();
    machine.bench.advance(1_500);
    machine.turn(Mood::Works, usize::MAX);
    let damaged = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut disk = Disk { files: machine.disk.files.clone(), ..Disk::default() };
        change(&mut disk.files.get_mut(name).expect("it is there").bytes);
        Machine::start(disk, EVERY_SECOND).err().expect("it is damaged")
    };
    let base = "appendonlydir/appendonly.aof.1.base.rdb";
    let error = damaged(base, &|bytes| bytes[12] ^= 0xff);
    assert!(error.contains(base) && error.contains("offset"), "{error}");
    let error = damaged(base, &|bytes| bytes.truncate(20));
    assert!(error.contains(base), "{error}");
    let error = damaged(MANIFEST, &|bytes| bytes[0] = b'x');
    assert!(error.contains(MANIFEST) && error.contains("line 1"), "{error}");
    let increment = "appendonlydir/appendonly.aof.1.incr.aof";
    let error = damaged(increment, &|bytes| bytes[40] = b'!');
    assert!(error.contains(increment) && error.contains("offset"), "{error}");
}

#[test]
fn what_is_seen_before_the_checksum_has_its_place_too() {
    let directives: &[(&str, &str)] = &[("save", "")];
    let mut machine = Machine::start(Disk::default(), directives).expect("an empty disk");
    machine.count();
    machine.say("SAVE");
    for _ in 0..4 {
        machine.turn(Mood::Works, usize::MAX);
    }
    let bytes = &mut machine.disk.files.get_mut("dump.rdb").expect("it was saved").bytes;
    let at = bytes.windows(2).position(|pair| pair == [0xfe, 0]).expect("a database");
    bytes[at + 1] = 0x3f;
    // A bigger file is decoded in pieces: its checksum comes with the last one. This one has none.
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    let error = Machine::start(machine.disk, directives).err().expect("no node has so many databases");
    assert!(error.contains("database 63") && error.contains("before offset"), "{error}");
}

#[test]
fn wrong_bits_in_the_structure_of_a_log_end_the_start() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    for _ in 0..2 {
        machine.count();
        machine.turn(Mood::Works, usize::MAX);
    }
    let name = "appendonlydir/appendonly.aof.1.incr.aof";
    let whole = machine.disk.files[name].bytes.clone();
    // The last command is `*1 $4 EXEC`: of its arguments, of their lengths, of their ends.
    let last = whole.len() - b"*1\r\n$4\r\nEXEC\r\n".len();
    for (at, bit) in [(0, 0), (1, 0), (2, 1), (4, 0), (5, 0), (5, 1), (6, 0), (7, 0), (12, 0), (13, 0)] {
        let mut disk = Disk { files: machine.disk.files.clone(), ..Disk::default() };
        disk.files.get_mut(name).expect("the log").bytes[last + at] ^= 1 << bit;
        let error = Machine::start(disk, ALWAYS).err();
        // A length that has become greater looks like an end that is torn: it is cut, and the log says so.
        let is_longer = (at, bit) == (5, 0) || (at, bit) == (5, 1);
        assert!(error.is_some_and(|error| error.contains("offset")) || is_longer, "byte {at}, bit {bit}");
    }
}

#[test]
fn node_that_comes_back_knows_its_history_and_offset() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    for _ in 0..3 {
        machine.count();
        machine.turn(Mood::Works, usize::MAX);
    }
    let before = machine.bench.engine.status();
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    let again = start_again(disk, ALWAYS).bench.engine.status();
    assert_eq!((again.previous, again.parted_at), (before.history, Some(before.offset)));
    assert_ne!(again.history, before.history);
    assert_eq!(again.offset, before.offset);
}
