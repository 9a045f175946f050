//! Taking a file apart: what it is, and the items of its snapshot. It is done away from the engine, on a thread that
//! reads ahead, so that decoding and storing go on side by side.

use crate::snapshot::{RdbItem, RdbOptions, RdbReader};

/// The first bytes of a snapshot.
const MAGICS: [&[u8]; 2] = [b"REDIS", b"VALKEY"];

/// A portion of a file.
pub enum Portion {
    /// Items of its snapshot, and how many bytes of the file were read for them.
    Items(Vec<RdbItem>, u64),
    /// The snapshot ends before this offset.
    SnapshotEnd(u64),
    /// Commands.
    Commands(Vec<u8>),
}

/// Takes one file apart: a snapshot, commands, or the former followed by the latter; its first bytes say so.
pub struct FileReader {
    state: State,
    /// Nothing but a snapshot is expected.
    is_snapshot: bool,
    options: RdbOptions,
}

enum State {
    Unknown(Vec<u8>),
    Snapshot(Box<RdbReader>),
    Commands,
    End,
}

impl FileReader {
    /// A reader at the start of a file.
    pub fn new(is_snapshot: bool, options: RdbOptions) -> Self {
        FileReader { state: State::Unknown(Vec::new()), is_snapshot, options }
    }

    /// Takes the next bytes apart.
    ///
    /// # Errors
    /// What is wrong with the snapshot, and where.
    pub fn feed(&mut self, bytes: Vec<u8>) -> Result<Vec<Portion>, String> {
        match std::mem::replace(&mut self.state, State::End) {
            State::Unknown(mut first) => {
                first.extend_from_slice(&bytes);
                let may_be = |magic: &&[u8]| magic.starts_with(&first[..first.len().min(magic.len())]);
                match MAGICS.iter().copied().find(may_be) {
                    Some(magic) if first.len() < magic.len() => {
                        self.state = State::Unknown(first);
                        Ok(Vec::new())
                    }
                    None if !self.is_snapshot => {
                        self.state = State::Commands;
                        Ok(vec![Portion::Commands(first)])
                    }
                    _ => self.read(Box::new(RdbReader::new(self.options)), &first),
                }
            }
            State::Snapshot(reader) => self.read(reader, &bytes),
            State::Commands => {
                self.state = State::Commands;
                Ok(vec![Portion::Commands(bytes)])
            }
            State::End => Err("bytes follow the end of the snapshot".into()),
        }
    }

    fn read(&mut self, mut reader: Box<RdbReader>, bytes: &[u8]) -> Result<Vec<Portion>, String> {
        reader.feed(bytes);
        let mut items = Vec::new();
        while let Some(item) = reader.next_item().map_err(|error| error.to_string())? {
            items.push(item);
        }
        let rest = if reader.is_finished() { reader.rest().to_vec() } else { Vec::new() };
        let mut portions = vec![Portion::Items(items, (bytes.len() - rest.len()) as u64)];
        if !reader.is_finished() {
            self.state = State::Snapshot(reader);
            return Ok(portions);
        }
        portions.push(Portion::SnapshotEnd(reader.offset()));
        if self.is_snapshot && !rest.is_empty() {
            return Err("bytes follow the end of the snapshot".into());
        }
        self.state = if self.is_snapshot { State::End } else { State::Commands };
        if !rest.is_empty() {
            portions.push(Portion::Commands(rest));
        }
        Ok(portions)
    }

    /// The file is at its end: what is left of it.
    ///
    /// # Errors
    /// Where its snapshot breaks off.
    pub fn finish(&mut self) -> Result<Vec<Portion>, String> {
        match std::mem::replace(&mut self.state, State::End) {
            State::Unknown(_) if self.is_snapshot => Err("the file is empty: it is no snapshot".into()),
            State::Unknown(first) if !first.is_empty() => Ok(vec![Portion::Commands(first)]),
            State::Snapshot(reader) => {
                reader.finish().map_err(|error| error.to_string())?;
                Ok(Vec::new())
            }
            State::Unknown(_) | State::Commands | State::End => Ok(Vec::new()),
        }
    }
}
