//! Lists outside of memory: RDB and DUMP, digest, the commands that rebuild one.

use super::value::ENTRY_PLAIN_BYTES_MIN;
use super::{End, List, ListLimits};
use crate::formats::digest::Digest;
use crate::formats::legacy::ziplist;
use crate::formats::packed::run::{PackedRun, ENTRY_TEXT_BYTES_MAX};
use crate::formats::packed::{Item, PackedList};
use crate::formats::rdb::{Input, RdbOutput, RdbProblem, Stop, Text};
use crate::settings::Settings;
use crate::types::{Collection, Rebuild};

/// The bytes that say how a list is encoded.
mod code {
    pub const PLAIN: u8 = 1;
    pub const ZIPLIST: u8 = 10;
    /// A number of ziplists.
    pub const QUICKLIST: u8 = 14;
    /// A number of packed lists, or single elements.
    pub const QUICKLIST_2: u8 = 18;
}

/// What a node of [`code::QUICKLIST_2`] is.
mod container {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}

/// Elements in one of the commands that rebuild a list, at most.
const REBUILD_ELEMENTS_MAX: usize = 64;

/// Reads a list, step by step.
pub struct ListReader {
    code: u8,
    /// How many strings or nodes are to come, once it is known.
    left: Option<u64>,
    list: List,
}

impl Collection for List {
    const TYPE_NAME: &'static str = "list";
    const DIGEST_NUMBER: u32 = 1;

    type Limits = ListLimits;
    type Reader = ListReader;

    fn encoding(&self) -> &'static str {
        "quicklist"
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    fn free_effort(&self) -> usize {
        self.node_count()
    }

    fn limits(settings: &Settings, _seed: u64) -> ListLimits {
        ListLimits::new(settings.list_max_listpack_size)
    }

    fn rdb_code(&self) -> u8 {
        code::QUICKLIST_2
    }

    /// The cursor is the number of nodes that are written.
    fn write_rdb(&self, cursor: u64, elements: usize, out: &mut RdbOutput<'_>) -> u64 {
        if cursor == 0 {
            out.length(self.node_count() as u64);
        }
        let (mut number, mut written) = (cursor, 0);
        let mut packed = Vec::new();
        for run in self.nodes_from(cursor as usize) {
            if written >= elements {
                return number;
            }
            write_node(run, &mut packed, out);
            written += run.len();
            number += 1;
        }
        0
    }

    fn rdb_reader(code: u8, _is_valkey: bool) -> Option<Result<ListReader, RdbProblem>> {
        let left = (code == code::ZIPLIST).then_some(1);
        matches!(code, code::PLAIN | code::ZIPLIST | code::QUICKLIST | code::QUICKLIST_2)
            .then_some(Ok(ListReader { code, left, list: List::new() }))
    }

    fn read_rdb(reader: &mut ListReader, input: &mut Input<'_>, limits: &ListLimits) -> Result<Self, Stop> {
        let mut left = match reader.left {
            Some(left) => left,
            None => input.length()?,
        };
        reader.left = Some(left);
        while left > 0 {
            reader.read_node(input, *limits)?;
            left -= 1;
            reader.left = Some(left);
        }
        match reader.list.is_empty() {
            true => Err(RdbProblem::Value("a list without an element").into()),
            false => Ok(std::mem::take(&mut reader.list)),
        }
    }

    fn digest(&self, digest: &mut Digest) {
        for item in self.iter() {
            digest.mix(item.spell(&mut itoa::Buffer::new()));
        }
    }

    fn rebuild(&self, key: &[u8], emit: Rebuild<'_>) {
        let mut items = self.iter().peekable();
        while items.peek().is_some() {
            let strings: Vec<Vec<u8>> =
                items.by_ref().take(REBUILD_ELEMENTS_MAX).map(|item| item.to_vec()).collect();
            let mut command: Vec<&[u8]> = vec![b"RPUSH", key];
            command.extend(strings.iter().map(Vec::as_slice));
            emit(&command);
        }
    }
}

/// Writes a node; `packed` lends its room.
fn write_node(run: &PackedRun, packed: &mut Vec<u8>, out: &mut RdbOutput<'_>) {
    let huge = match run.front() {
        Some(Item::Bytes(text)) if run.len() == 1 && text.len() >= ENTRY_PLAIN_BYTES_MIN => Some(text),
        _ => None,
    };
    if let Some(text) = huge {
        out.length(container::PLAIN);
        out.text(text);
    } else {
        packed.clear();
        run.write_list(packed);
        out.length(container::PACKED);
        out.text(packed);
    }
}

impl ListReader {
    /// Reads one string or node.
    fn read_node(&mut self, input: &mut Input<'_>, limits: ListLimits) -> Result<(), Stop> {
        match self.code {
            code::PLAIN => self.add(&input.text()?, limits),
            code::QUICKLIST_2 => {
                let (form, text) = input.all(|input| Ok((input.length()?, input.text()?)))?;
                match form {
                    container::PLAIN => self.add(&text, limits),
                    container::PACKED => {
                        let node = PackedRun::from_list(PackedList::from_bytes(text.into_vec())?);
                        self.list.push_node(node, limits);
                        Ok(())
                    }
                    _ => Err(RdbProblem::Value("a list with a node of no known kind").into()),
                }
            }
            _ => {
                let bytes = input.text()?.into_vec();
                for item in ziplist::decode(&bytes)? {
                    self.list.push(End::Right, item.spell(&mut itoa::Buffer::new()), limits);
                }
                Ok(())
            }
        }
    }

    fn add(&mut self, text: &Text<'_>, limits: ListLimits) -> Result<(), Stop> {
        let mut digits = itoa::Buffer::new();
        let item = text.as_item();
        let text = item.spell(&mut digits);
        if text.len() > ENTRY_TEXT_BYTES_MAX {
            return Err(RdbProblem::Value("a list with an element that is too long").into());
        }
        self.list.push(End::Right, text, limits);
        Ok(())
    }
}
