//! Reading the files of a start: a thread reads ahead, the reactor takes what there is between its clients.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TryRecvError};

use garrison_engine_core::formats::aof::manifest::manifest_name;
use garrison_engine_core::persistence::state::start::{decide, Found, Names};
use garrison_engine_core::settings::Settings;

use crate::clock;
use crate::reactor::Reactor;

/// Bytes that are read at once.
const PORTION_BYTES: usize = 1024 * 1024;
/// Portions that wait at most.
const PORTIONS_MAX: usize = 4;
/// How long the reactor loads before it looks after its clients, in microseconds.
const TURN_US: u64 = 10_000;

enum Portion {
    Bytes(Vec<u8>),
    End,
    Failed(String),
}

/// The files that are being read.
pub struct Loading {
    portions: Receiver<Portion>,
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
        let files = plan.parts.iter().map(|part| part.name.clone()).collect();
        self.engine.begin_load(plan);
        let (sender, portions) = sync_channel(PORTIONS_MAX);
        std::thread::Builder::new().name("loading".into()).spawn(move || read_all(files, &sender))?;
        self.loading = Some(Loading { portions });
        Ok(())
    }

    /// Takes what was read, for a bounded time.
    ///
    /// # Errors
    /// Why the node must not go on.
    pub(crate) fn load_some(&mut self) -> io::Result<()> {
        let began_us = clock::ticks();
        while let Some(loading) = &self.loading {
            let outcome = match loading.portions.try_recv() {
                Ok(Portion::Bytes(bytes)) => self.engine.load_bytes(&bytes),
                Ok(Portion::End) => self.engine.load_part_end(),
                Ok(Portion::Failed(error)) => Err(error),
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
fn read_all(names: Vec<String>, portions: &SyncSender<Portion>) {
    for name in names {
        if let Err(error) = read(&name, portions) {
            let failed =
                format!("{name} cannot be read: {error}. The start ends here, and no file was changed");
            let _ = portions.send(Portion::Failed(failed));
            return;
        }
        if portions.send(Portion::End).is_err() {
            return;
        }
    }
}

fn read(name: &str, portions: &SyncSender<Portion>) -> io::Result<()> {
    let mut file = File::open(name)?;
    loop {
        let mut bytes = Vec::with_capacity(PORTION_BYTES);
        if file.by_ref().take(PORTION_BYTES as u64).read_to_end(&mut bytes)? == 0 {
            return Ok(());
        }
        if portions.send(Portion::Bytes(bytes)).is_err() {
            return Ok(());
        }
    }
}
