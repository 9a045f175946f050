//! Receiving a full sync: the snapshot is loaded aside, and replaces the data only when all of it is right.
//!
//! Until then clients see the old data. A stream that breaks off, is damaged or holds what this engine does
//! not know leaves no trace but a line in the log; the price is memory for both data sets while it arrives.

use crate::keyspace::{Db, Ttl};
use crate::snapshot::{RdbItem, RdbOptions, RdbReader};

/// How the end of a snapshot is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadForm {
    /// `$<length>`: by its length.
    Sized(u64),
    /// `$EOF:<mark>`: by forty bytes behind it.
    Marked([u8; 40]),
}

/// A snapshot on its way in. Clients see the former data until it is complete.
pub struct Loader {
    form: PayloadForm,
    reader: RdbReader,
    /// The new data.
    staging: Vec<Db>,
    db: usize,
    /// When it began, in Unix milliseconds.
    pub since_ms: i64,
    /// Bytes taken so far.
    pub bytes: u64,
    /// The database selected in the stream at the snapshot's offset (`repl-stream-db`).
    pub stream_db: usize,
    /// Access clock that loaded keys get.
    clock: u32,
    /// What has arrived of the mark.
    mark: Vec<u8>,
}

impl Loader {
    /// A loader into `staging`, which is empty; loaded keys get this access clock. `now_ms` is Unix time.
    pub fn new(form: PayloadForm, staging: Vec<Db>, options: RdbOptions, clock: u32, now_ms: i64) -> Self {
        Loader {
            form,
            reader: RdbReader::new(options),
            staging,
            db: 0,
            since_ms: now_ms,
            bytes: 0,
            stream_db: 0,
            clock,
            mark: Vec::new(),
        }
    }

    /// Bytes in all, where that is known.
    pub fn bytes_expected(&self) -> Option<u64> {
        match self.form {
            PayloadForm::Sized(bytes) => Some(bytes),
            PayloadForm::Marked(_) => None,
        }
    }

    /// Keys loaded so far.
    pub fn keys(&self) -> u64 {
        self.staging.iter().map(|db| db.len() as u64).sum()
    }

    /// The data that was loaded.
    pub fn into_databases(self) -> Vec<Db> {
        self.staging
    }

    /// Takes bytes; returns how many belonged to the snapshot, and whether it is complete.
    ///
    /// # Errors
    /// What is wrong with the snapshot. The loader is to be dropped.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        match self.form {
            PayloadForm::Sized(total) => {
                let left = usize::try_from(total - self.bytes).unwrap_or(usize::MAX);
                let used = bytes.len().min(left);
                self.read(&bytes[..used])?;
                if used == left {
                    self.reader.finish().map_err(|error| error.to_string())?;
                    if !self.reader.rest().is_empty() {
                        return Err("the snapshot ends before its announced length".into());
                    }
                }
                Ok((used, used == left))
            }
            PayloadForm::Marked(mark) => self.take_marked(bytes, &mark),
        }
    }

    fn take_marked(&mut self, bytes: &[u8], mark: &[u8; 40]) -> Result<(usize, bool), String> {
        let mut tail = bytes;
        if !self.reader.is_finished() {
            self.read(bytes)?;
            if !self.reader.is_finished() {
                return Ok((bytes.len(), false));
            }
            let behind = self.reader.rest().len().min(bytes.len());
            tail = &bytes[bytes.len() - behind..];
        }
        let before = bytes.len() - tail.len();
        let used = tail.len().min(mark.len() - self.mark.len());
        self.mark.extend_from_slice(&tail[..used]);
        if !mark.starts_with(&self.mark) {
            return Err("the snapshot is not followed by its end mark".into());
        }
        Ok((before + used, self.mark.len() == mark.len()))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.bytes += bytes.len() as u64;
        self.reader.feed(bytes);
        while let Some(item) = self.reader.next_item().map_err(|error| error.to_string())? {
            self.load(item)?;
        }
        Ok(())
    }

    fn load(&mut self, item: RdbItem) -> Result<(), String> {
        match item {
            RdbItem::Aux { name, value } if name == b"repl-stream-db" => {
                let db = crate::base::numbers::parse_i64(&value).and_then(|db| usize::try_from(db).ok());
                self.stream_db = db.filter(|db| *db < self.staging.len()).unwrap_or(0);
            }
            RdbItem::SelectDb(db) => {
                self.db = usize::try_from(db).ok().filter(|db| *db < self.staging.len()).ok_or_else(|| {
                    format!(
                        "the primary's snapshot has keys in database {db}, but this node has {} databases: raise 'databases'",
                        self.staging.len()
                    )
                })?;
            }
            RdbItem::Entry(entry) => {
                let db = &mut self.staging[self.db];
                let ttl = entry.expire_at_ms.map_or(Ttl::Clear, Ttl::At);
                let key = db.key(&entry.key);
                db.set_value(&key, entry.value, ttl, self.clock);
            }
            RdbItem::Function(_) => {
                return Err("the primary has function libraries, which this engine does not have yet".into())
            }
            RdbItem::Aux { .. } | RdbItem::Resize { .. } | RdbItem::SlotInfo { .. } | RdbItem::End => {}
        }
        Ok(())
    }
}
