//! The thread that does what the engine asks of the disk, one order after the other.
//!
//! INVARIANTS. A file is renamed when it is synced, and its folder is synced behind that; so under its final name
//! there is always a whole file, the former or the new one. After the first failure of a file, what else is asked
//! for it is skipped. A sync that has failed is reported, never tried again on the same pages.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;

use garrison_engine_core::persistence::state::disk::{DiskOrder, DiskReport, FileId};

use crate::mailbox::{Mailbox, Request};

/// The thread's niceness.
const NICENESS: i32 = 10;

/// Written to a new file of the log, and cut off again: a block of most file systems.
const TRIAL: [u8; 4096] = [b'\n'; 4096];

/// The thread, started when it is first needed.
#[derive(Default)]
pub struct Files {
    orders: Option<Sender<DiskOrder>>,
}

impl Files {
    /// Hands an order to the thread.
    pub fn give(&mut self, order: DiskOrder, mailbox: &Arc<Mailbox>) {
        let orders = self.orders.get_or_insert_with(|| start(mailbox.clone()));
        if let Err(refused) = orders.send(order) {
            // The thread could not be started, or has ended by a defect of its own.
            let error = "the thread that writes files has ended".to_owned();
            if let Some(file) = refused.0.file() {
                let _ = mailbox.post([Request::Disk { report: DiskReport::Failed { file, error } }]);
            }
            self.orders = None;
        }
    }
}

fn start(mailbox: Arc<Mailbox>) -> Sender<DiskOrder> {
    let (sender, receiver) = channel::<DiskOrder>();
    let work = move || {
        // A snapshot's bytes are many and nobody waits for one of them; the thread that serves goes first.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        Writer { mailbox, files: HashMap::new(), log: None, opened: HashMap::new() }.work_off(&receiver)
    };
    // Without a thread the receiver is dropped, and the next order hears of it.
    let _ = std::thread::Builder::new().name("files".into()).spawn(work);
    sender
}

/// A file that is being written.
struct Open {
    file: File,
    name: String,
    sync_every_bytes: u64,
    unsynced_bytes: u64,
}

/// A file of the log.
struct LogFile {
    file: File,
    name: String,
}

struct Writer {
    mailbox: Arc<Mailbox>,
    files: HashMap<FileId, Open>,
    log: Option<LogFile>,
    /// Files of the log that were opened, by the orders' numbers.
    opened: HashMap<FileId, LogFile>,
}

/// What an order failed with: what was done, with which file, and why.
type Outcome<T> = Result<T, String>;

trait Explain<T> {
    fn explain(self, what: &str, name: &str) -> Outcome<T>;
}

impl<T> Explain<T> for io::Result<T> {
    fn explain(self, what: &str, name: &str) -> Outcome<T> {
        self.map_err(|error| format!("{what} {name} failed: {error}"))
    }
}

impl Writer {
    fn work_off(mut self, orders: &Receiver<DiskOrder>) {
        while let Ok(order) = orders.recv() {
            let number = order.file();
            match self.carry_out(order) {
                Ok(Some(report)) => self.report(report),
                Ok(None) => {}
                Err(error) => {
                    let file = number.unwrap_or(0);
                    if let Some(open) = self.files.remove(&file) {
                        let _ = fs::remove_file(open.name);
                    }
                    self.report(DiskReport::Failed { file, error });
                }
            }
        }
    }

    fn report(&self, report: DiskReport) {
        // A full mailbox means that the data plane is stuck; it has no use for a report.
        let _ = self.mailbox.post([Request::Disk { report }]);
    }

    fn carry_out(&mut self, order: DiskOrder) -> Outcome<Option<DiskReport>> {
        Ok(match order {
            DiskOrder::Create { file, name, sync_every_bytes } => {
                make_folder_of(&name)?;
                let opened = File::create(&name).explain("creating", &name)?;
                self.files.insert(file, Open { file: opened, name, sync_every_bytes, unsynced_bytes: 0 });
                None
            }
            DiskOrder::Write { file, bytes } => {
                let Some(open) = self.files.get_mut(&file) else { return Ok(None) };
                open.write(&bytes)?;
                Some(DiskReport::Written { file, bytes: bytes.len() as u64 })
            }
            DiskOrder::Finish { file, name } => {
                let Some(open) = self.files.get(&file) else { return Ok(None) };
                open.file.sync_all().explain("syncing", &open.name)?;
                put_in_place(&open.name, &name)?;
                self.files.remove(&file);
                Some(DiskReport::Finished { file })
            }
            DiskOrder::Discard { file } => {
                if let Some(open) = self.files.remove(&file) {
                    fs::remove_file(&open.name).explain("removing", &open.name)?;
                }
                None
            }
            DiskOrder::Replace { file, name, bytes } => {
                replace(&name, &bytes)?;
                Some(DiskReport::Finished { file })
            }
            DiskOrder::OpenLog { file, name, bytes } => {
                let log = open_log(&name, bytes)?;
                let clone = log.file.try_clone().explain("opening", &name)?;
                self.opened.insert(file, log);
                let _ = self.mailbox.post([Request::LogOpened { order: file, file: clone }]);
                Some(DiskReport::Finished { file })
            }
            DiskOrder::SwitchLog { file } => {
                self.log = self.opened.remove(&file).or(self.log.take());
                None
            }
            DiskOrder::ForgetLog { file } => {
                self.opened.remove(&file);
                None
            }
            DiskOrder::CloseLog => {
                self.log = None;
                None
            }
            DiskOrder::SyncLog { file } => {
                if let Some(log) = &self.log {
                    log.file.sync_data().explain("syncing", &log.name)?;
                }
                Some(DiskReport::Synced { file })
            }
            DiskOrder::Remove { names } => {
                for name in names {
                    match fs::remove_file(&name) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(format!("removing {name} failed: {error}"));
                        }
                        _ => {}
                    }
                }
                None
            }
        })
    }
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.file.write_all(bytes).explain("writing", &self.name)?;
        self.unsynced_bytes += bytes.len() as u64;
        if self.sync_every_bytes > 0 && self.unsynced_bytes >= self.sync_every_bytes {
            self.file.sync_data().explain("syncing", &self.name)?;
            self.unsynced_bytes = 0;
        }
        Ok(())
    }
}

/// The folder of a file; that of the node for a plain name.
fn folder_of(name: &str) -> &Path {
    match Path::new(name).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn make_folder_of(name: &str) -> Outcome<()> {
    let folder = folder_of(name);
    if folder == Path::new(".") || folder.is_dir() {
        return Ok(());
    }
    fs::create_dir(folder).explain("creating the folder of", name)?;
    sync_folder(Path::new("."))
}

fn sync_folder(folder: &Path) -> Outcome<()> {
    let shown = folder.to_string_lossy();
    File::open(folder).and_then(|opened| opened.sync_all()).explain("syncing the folder", &shown)
}

/// Gives a synced file its final name.
fn put_in_place(from: &str, to: &str) -> Outcome<()> {
    fs::rename(from, to).explain("renaming", from)?;
    sync_folder(folder_of(to))
}

fn replace(name: &str, bytes: &[u8]) -> Outcome<()> {
    let folder = folder_of(name);
    let file_name = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!("temp-{file_name}")).to_string_lossy().into_owned();
    let mut file = File::create(&temporary).explain("creating", &temporary)?;
    file.write_all(bytes).explain("writing", &temporary)?;
    file.sync_all().explain("syncing", &temporary)?;
    put_in_place(&temporary, name)
}

fn open_log(name: &str, bytes: u64) -> Outcome<LogFile> {
    make_folder_of(name)?;
    let is_new = !Path::new(name).exists();
    let mut file = OpenOptions::new().create(true).append(true).open(name).explain("opening", name)?;
    if is_new {
        // A full disk still takes a name: whether it takes what will stand in the file, only a write can tell.
        // No manifest names the file yet, so nobody reads what a crash leaves of this.
        if let Err(error) = file.write_all(&TRIAL).and_then(|()| file.sync_all()) {
            let _ = fs::remove_file(name);
            return Err(error).explain("writing", name);
        }
    }
    if file.metadata().explain("looking at", name)?.len() != bytes {
        file.set_len(bytes).explain("cutting", name)?;
    }
    file.sync_all().explain("syncing", name)?;
    sync_folder(folder_of(name))?;
    Ok(LogFile { file, name: name.to_owned() })
}
