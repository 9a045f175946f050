//! Reading the files of a start: a thread reads and decodes ahead, the reactor stores what there is between its clients.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TryRecvError};

use garrison_engine_core::formats::aof::manifest::manifest_name;
use garrison_engine_core::persistence::load::damaged;
use garrison_engine_core::persistence::state::portions::{FileReader, Portion};
use garrison_engine_core::persistence::state::start::{decide, Found, Names, PartName};
use garrison_engine_core::settings::Settings;
use garrison_engine_core::snapshot::RdbOptions;

use crate::clock;
use crate::reactor::Reactor;

/// Bytes that are read at once.
const PORTION_BYTES: usize = 1024 * 1024;
/// Portions that wait at most.
const PORTIONS_MAX: usize = 4;
/// How long the reactor loads before it looks after its clients, in microseconds.
const TURN_US: u64 = 10_000;

enum Step {
    Portion(Portion),
    End,
    Failed(String),
}

/// The files that are being read.
pub struct Loading {
    steps: Receiver<Step>,
}

impl Reactor {
    /// Looks what there is, decides what is read, and begins with it.
    ///
    /// # Errors
    /// Why nothing may be read.
    pub(crate) fn begin_load(&mut self) -> io::Result<()> {
        let settings = &self.engine.settings;
        let names = Names {
            snapshot: &settings.dbfilename,
            log_folder: &settings.appenddirname,
            log: &settings.appendfilename,
        };
        let found = look(settings, names)?;
        let plan = decide(settings.appendonly, settings.aof_load_truncated, names, found)
            .map_err(io::Error::other)?;
        let (parts, options) = (plan.parts.clone(), self.engine.rdb_options());
        self.engine.begin_load(plan);
        let (sender, steps) = sync_channel(PORTIONS_MAX);
        std::thread::Builder::new()
            .name("loading".into())
            .spawn(move || read_all(parts, options, &sender))?;
        self.loading = Some(Loading { steps });
        Ok(())
    }

    /// Takes what was read, for a bounded time.
    ///
    /// # Errors
    /// Why the node must not go on.
    pub(crate) fn load_some(&mut self) -> io::Result<()> {
        let began_us = clock::ticks();
        while let Some(loading) = &self.loading {
            let outcome = match loading.steps.try_recv() {
                Ok(Step::Portion(portion)) => self.engine.load_portion(portion),
                Ok(Step::End) => self.engine.load_part_end(),
                Ok(Step::Failed(error)) => Err(error),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    self.loading = None;
                    self.engine.end_load();
                    Ok(())
                }
            };
            outcome.map_err(io::Error::other)?;
            if clock::ticks() - began_us >= TURN_US {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What is in the node's folder. A name that is there and cannot be looked at is an error.
fn look(settings: &Settings, names: Names<'_>) -> io::Result<Found> {
    let explain = |name: &str, error: &io::Error| {
        io::Error::other(format!(
            "{name} cannot be read: {error}. The start ends here, and no file was changed"
        ))
    };
    let length = |name: &str| match fs::metadata(name) {
        Ok(facts) if facts.is_file() => Ok(Some(facts.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(explain(name, &error)),
    };
    let mut found = Found {
        snapshot_bytes: length(names.snapshot)?,
        old_log_bytes: if settings.appendonly { length(names.log)? } else { None },
        ..Found::default()
    };
    let manifest = format!("{}/{}", names.log_folder, manifest_name(names.log));
    if length(&manifest)?.is_some() {
        found.manifest = Some(fs::read(&manifest).map_err(|error| explain(&manifest, &error))?);
        for entry in fs::read_dir(names.log_folder).map_err(|error| explain(names.log_folder, &error))? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                found.log_files.push((name, entry.metadata()?.len()));
            }
        }
    }
    Ok(found)
}

/// Reads the files one after the other, until nobody wants more.
fn read_all(parts: Vec<PartName>, options: RdbOptions, steps: &SyncSender<Step>) {
    for part in parts {
        let reader = FileReader::new(part.is_snapshot, options);
        let last = match read(&part.name, reader, steps) {
            Ok(()) => Step::End,
            Err(error) => Step::Failed(error),
        };
        let is_over = matches!(last, Step::Failed(_));
        if steps.send(last).is_err() || is_over {
            return;
        }
    }
}

/// Reads one file; an error is why the node must not go on.
fn read(name: &str, mut reader: FileReader, steps: &SyncSender<Step>) -> Result<(), String> {
    let unreadable = |error: io::Error| {
        format!("{name} cannot be read: {error}. The start ends here, and no file was changed")
    };
    let explain = |error: String| damaged(name, &error);
    let mut file = File::open(name).map_err(unreadable)?;
    loop {
        let mut bytes = Vec::with_capacity(PORTION_BYTES);
        let count = file.by_ref().take(PORTION_BYTES as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        let is_end = count == 0;
        let portions = if is_end { reader.finish() } else { reader.feed(bytes) }.map_err(explain)?;
        for portion in portions {
            if steps.send(Step::Portion(portion)).is_err() {
                return Ok(());
            }
        }
        if is_end {
            return Ok(());
        }
    }
}
