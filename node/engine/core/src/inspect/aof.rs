//! One part of an append-only file: whether it is sound, and up to where.

use super::scan::advice;
use super::Scan;
use crate::formats::aof::{AofItem, AofReader, ARGUMENT_BYTES_MAX};
use crate::snapshot::skip::Skip;
use crate::snapshot::RdbOptions;

/// What was found in a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AofFacts {
    /// Whether it begins with RDB.
    pub has_rdb: bool,
    /// Keys of its RDB.
    pub rdb_keys: u64,
    /// Commands.
    pub commands: u64,
    /// The first time that it tells, in Unix seconds.
    pub first_timestamp: Option<i64>,
    /// The last time that it tells.
    pub last_timestamp: Option<i64>,
    /// Where the last complete item ends.
    pub offset: u64,
    /// The same, but before a transaction that is not complete: the file may be cut here.
    pub safe_offset: u64,
    /// Where the first time begins that is later than the one asked for.
    pub later_offset: Option<u64>,
    /// What is wrong, where, and what to do; `None` for a sound file.
    pub problem: Option<String>,
    /// A complete command behind the place that makes no sense: cutting there would lose it.
    pub command_in_tail: Option<u64>,
}

enum Stage {
    /// The first bytes, which tell what the file is.
    Start(Vec<u8>),
    Rdb(Box<Scan<Skip>>),
    Commands(AofReader),
    Failed,
}

/// A look at one part.
pub struct AofScan {
    stage: Stage,
    /// The time from which on commands are to be cut.
    until: Option<i64>,
    facts: AofFacts,
}

const RDB_MAGIC: [&[u8]; 2] = [b"REDIS", b"VALKEY"];
const MAGIC_BYTES_MAX: usize = 6;

impl AofScan {
    /// A look from the start of the file; `until` is the last Unix second that is wanted.
    pub fn new(until: Option<i64>) -> Self {
        AofScan { stage: Stage::Start(Vec::new()), until, facts: AofFacts::default() }
    }

    /// Adds the next bytes; false when further ones would not be read.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        match &mut self.stage {
            Stage::Start(start) => {
                start.extend_from_slice(chunk);
                if start.len() >= MAGIC_BYTES_MAX {
                    let start = std::mem::take(start);
                    self.begin(&start);
                }
            }
            Stage::Rdb(_) => self.feed_rdb(chunk),
            Stage::Commands(reader) => {
                reader.feed(chunk);
                self.read_commands();
            }
            Stage::Failed => {}
        }
        !matches!(self.stage, Stage::Failed)
    }

    fn begin(&mut self, start: &[u8]) {
        if RDB_MAGIC.iter().any(|magic| start.starts_with(magic)) {
            self.facts.has_rdb = true;
            self.stage = Stage::Rdb(Box::new(Scan::new(RdbOptions::default(), 0)));
        } else {
            self.stage = Stage::Commands(AofReader::new(ARGUMENT_BYTES_MAX));
        }
        self.feed(start);
    }

    fn feed_rdb(&mut self, chunk: &[u8]) {
        let Stage::Rdb(scan) = &mut self.stage else { return };
        if let Err(error) = scan.feed(chunk, &mut |_, _| {}) {
            return self.fail(format!("{error}; {}", advice(&error.problem)));
        }
        if let Some(rest) = scan.rest() {
            let mut reader = AofReader::starting_at(scan.offset(), ARGUMENT_BYTES_MAX);
            reader.feed(rest);
            self.facts.rdb_keys = scan.head().keys;
            (self.facts.offset, self.facts.safe_offset) = (scan.offset(), scan.offset());
            self.stage = Stage::Commands(reader);
            self.read_commands();
        }
    }

    fn read_commands(&mut self) {
        let Stage::Commands(reader) = &mut self.stage else { return };
        let facts = &mut self.facts;
        let error = loop {
            match reader.next_item() {
                Ok(Some(AofItem::Command(_))) => facts.commands += 1,
                Ok(Some(AofItem::Timestamp(seconds))) => {
                    facts.first_timestamp.get_or_insert(seconds);
                    facts.last_timestamp = Some(seconds);
                    if facts.later_offset.is_none() && self.until.is_some_and(|until| seconds > until) {
                        let is_within = reader.is_in_transaction();
                        facts.later_offset =
                            Some(if is_within { reader.safe_offset() } else { reader.item_offset() });
                    }
                }
                Ok(Some(AofItem::Position { .. })) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (facts.offset, facts.safe_offset) = (reader.offset(), reader.safe_offset());
        if let Some(error) = error {
            facts.command_in_tail = reader.command_in_tail();
            self.fail(error.to_string());
        }
    }

    fn fail(&mut self, problem: String) {
        self.facts.problem = Some(problem);
        self.stage = Stage::Failed;
    }

    /// How much of the file has been read, at least.
    pub fn offset(&self) -> u64 {
        match &self.stage {
            Stage::Rdb(scan) => scan.offset(),
            Stage::Commands(reader) => reader.offset(),
            Stage::Start(_) | Stage::Failed => self.facts.offset,
        }
    }

    /// What was found, at the end of the file.
    pub fn finish(mut self) -> AofFacts {
        if let Stage::Start(start) = &mut self.stage {
            let start = std::mem::take(start);
            self.begin(&start);
        }
        let problem = match &self.stage {
            Stage::Rdb(scan) => {
                scan.finish().err().map(|error| format!("{error}; {}", advice(&error.problem)))
            }
            Stage::Commands(reader) if !reader.rest().is_empty() => {
                self.facts.command_in_tail = reader.command_in_tail();
                let len = reader.rest().len();
                Some(format!(
                    "AOF offset {}: the file ends in a command, {len} bytes into it",
                    reader.offset()
                ))
            }
            Stage::Commands(reader) if reader.is_in_transaction() => {
                let offset = reader.safe_offset();
                Some(format!("AOF offset {offset}: the file ends in a transaction that begins here"))
            }
            _ => None,
        };
        self.facts.problem = self.facts.problem.or(problem);
        self.facts
    }
}
