//! Loading a snapshot, from a primary or a file: it is built aside, and becomes the data only when all of it is right.
//!
//! Until then clients of a replica see the old data. A stream that breaks off, is damaged or holds what this engine
//! does not know leaves no trace but a line in the log; the price is memory for both data sets while it arrives.

use crate::base::numbers::parse_i64;
use crate::keyspace::{Db, Ttl};
use crate::snapshot::{RdbEntry, RdbItem, RdbOptions, RdbReader};

/// How the end of a snapshot is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadForm {
    /// `$<length>`: by its length.
    Sized(u64),
    /// `$EOF:<mark>`: by forty bytes behind it.
    Marked([u8; 40]),
}

/// What a snapshot says of itself in its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The history that it is of (`repl-id`).
    pub history: Option<Vec<u8>>,
    /// The offset of that history at which it was taken (`repl-offset`).
    pub offset: Option<u64>,
    /// The database selected in the stream at that offset (`repl-stream-db`).
    pub stream_db: usize,
    /// Whether it is the beginning of an append-only file (`aof-base`, before Redis 7 `aof-preamble`).
    pub is_log_base: bool,
    /// The shard of a cluster whose data it is (`garrison-shard`).
    pub shard: Option<String>,
    /// When it was written, in Unix seconds (`ctime`).
    pub created_s: Option<i64>,
}

/// A snapshot on its way in. Clients see the former data until it is complete.
pub struct Loader {
    /// How its end is recognised; nothing if its items come from somebody else's reader.
    form: Option<PayloadForm>,
    reader: RdbReader,
    /// The new data.
    staging: Vec<Db>,
    db: usize,
    /// When it began, in Unix milliseconds.
    pub since_ms: i64,
    /// Bytes taken so far.
    pub bytes: u64,
    /// What its header has said so far.
    pub header: Header,
    /// Keys that were past their time and left out.
    pub expired: u64,
    /// The sources of function libraries.
    pub functions: Vec<Vec<u8>>,
    /// Access clock that loaded keys get.
    clock: u32,
    /// What has arrived of the mark.
    mark: Vec<u8>,
}

impl Loader {
    /// A loader into `staging`, which is empty; loaded keys get this access clock. `now_ms` is Unix time.
    pub fn new(
        form: Option<PayloadForm>,
        staging: Vec<Db>,
        options: RdbOptions,
        clock: u32,
        now_ms: i64,
    ) -> Self {
        Loader {
            form,
            reader: RdbReader::new(options),
            staging,
            db: 0,
            since_ms: now_ms,
            bytes: 0,
            header: Header::default(),
            expired: 0,
            functions: Vec::new(),
            clock,
            mark: Vec::new(),
        }
    }

    /// Bytes in all, where that is known.
    pub fn bytes_expected(&self) -> Option<u64> {
        match self.form {
            Some(PayloadForm::Sized(bytes)) => Some(bytes),
            Some(PayloadForm::Marked(_)) | None => None,
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
            Some(PayloadForm::Sized(total)) => {
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
            Some(PayloadForm::Marked(mark)) => self.take_marked(bytes, &mark),
            None => Ok((0, false)),
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

    /// Takes the next item.
    ///
    /// # Errors
    /// Why this node cannot hold it.
    pub fn load(&mut self, item: RdbItem) -> Result<(), String> {
        match item {
            RdbItem::Aux { name, value } => self.read_header(&name, value),
            RdbItem::SelectDb(db) => {
                self.db = usize::try_from(db).ok().filter(|db| *db < self.staging.len()).ok_or_else(|| {
                    format!(
                        "the snapshot has keys in database {db}, but this node has {} databases: raise 'databases'",
                        self.staging.len()
                    )
                })?;
            }
            RdbItem::Entry(entry) => self.load_entry(*entry),
            RdbItem::Function(source) => self.functions.push(source),
            RdbItem::Resize { .. } | RdbItem::SlotInfo { .. } | RdbItem::End => {}
        }
        Ok(())
    }

    fn load_entry(&mut self, entry: RdbEntry) {
        // Behind the base of a log comes what happened to its keys, perhaps PERSIST.
        let is_whole = self.form.is_none() && !self.header.is_log_base;
        if is_whole && entry.expire_at_ms.is_some_and(|at| at < self.since_ms) {
            self.expired += 1;
            return;
        }
        let db = &mut self.staging[self.db];
        let ttl = entry.expire_at_ms.map_or(Ttl::Clear, Ttl::At);
        let key = db.key(&entry.key);
        db.set_value(&key, entry.value, ttl, self.clock);
    }

    fn read_header(&mut self, name: &[u8], value: Vec<u8>) {
        let number = || parse_i64(&value).and_then(|number| u64::try_from(number).ok());
        match name {
            b"repl-stream-db" => {
                let db = number().and_then(|db| usize::try_from(db).ok());
                self.header.stream_db = db.filter(|db| *db < self.staging.len()).unwrap_or(0);
            }
            b"repl-offset" => self.header.offset = number(),
            b"aof-base" | b"aof-preamble" => self.header.is_log_base = value == b"1",
            b"ctime" => self.header.created_s = parse_i64(&value),
            b"garrison-shard" => self.header.shard = String::from_utf8(value).ok(),
            b"repl-id" => self.header.history = Some(value),
            _ => {}
        }
    }
}
