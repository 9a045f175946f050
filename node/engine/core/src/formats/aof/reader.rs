//! The reader of a part made of commands: chunks of any size in, commands and annotations out.
//!
//! [`AofReader::feed`] takes bytes as they come; [`AofReader::next_item`] gives the next complete item, or
//! `None` when it needs more bytes. What an incomplete item at the end of a file means is decided by whoever
//! reads: [`AofReader::offset`] is where the last complete item ends, [`AofReader::safe_offset`] the same but
//! never within a transaction, and [`AofReader::command_in_tail`] tells a torn end from a damaged length.
//!
//! BACKGROUND. A client's request is read by [`crate::resp::request::Parser`]. A file is another matter:
//! there are no inline commands in it, nobody sends the rest of a wrong length, and an error has to name its
//! offset. So each line end is checked here, also the one behind an argument, where a damaged length would
//! show.
//!
//! INVARIANTS. What is kept is the bytes of one incomplete item and the chunk that came last, plus eight
//! bytes an argument: a length is never allocated from. `safe_offset <= offset <=` the bytes fed. A file cut
//! at `safe_offset` reads without an error, and with every transaction whole.

use super::annotation::{Annotation, ANNOTATION_BYTES_MAX};
use crate::resp::{Args, Range};

/// The longest command, all of it.
pub const COMMAND_BYTES_MAX: usize = u32::MAX as usize;
/// The longest argument that any server lets a client send (`proto-max-bulk-len` may be raised up to here).
pub const ARGUMENT_BYTES_MAX: u64 = COMMAND_BYTES_MAX as u64;
/// The most digits of a length: one with more does not fit.
const LENGTH_DIGITS_MAX: usize = 10;
/// A buffer larger than this is given back when it has been consumed.
const BUFFER_KEPT_BYTES_MAX: usize = 1 << 20;
/// At how many places a tail is searched for a command.
const TAIL_PLACES_MAX: usize = 10_000;

/// One item of a file.
#[derive(Debug)]
pub enum AofItem<'a> {
    /// A command: its name and its arguments.
    Command(Args<'a>),
    /// What follows was executed at this Unix time, in seconds, or later.
    Timestamp(i64),
    /// Where in a replication stream the data is that stands before this item.
    Position {
        /// The stream's identity: 40 hex digits.
        id: [u8; 40],
        /// The offset in the stream.
        offset: u64,
        /// The database that is selected there.
        db: u64,
    },
}

/// Where an item that has not fully arrived is being read; positions count from the item's start.
#[derive(Default)]
struct Partial {
    at: usize,
    /// Arguments still missing, once the header has been read.
    missing: Option<usize>,
    /// Length of the argument whose header was read, if its bytes were not.
    argument_len: Option<usize>,
    ranges: Vec<Range>,
}

/// Reads a file of commands. See the module's documentation.
pub struct AofReader {
    argument_bytes_max: u64,
    buffer: Vec<u8>,
    /// How much of the buffer belongs to complete items.
    consumed: usize,
    /// The offset in the file of the first byte of the buffer.
    base: u64,
    partial: Partial,
    item_offset: u64,
    in_transaction: bool,
    safe_offset: u64,
}

impl AofReader {
    /// A reader at the start of a file; longer arguments are taken for damage.
    pub fn new(argument_bytes_max: u64) -> Self {
        Self::starting_at(0, argument_bytes_max)
    }

    /// A reader behind the RDB part of a file that begins with one.
    pub fn starting_at(offset: u64, argument_bytes_max: u64) -> Self {
        AofReader {
            argument_bytes_max: argument_bytes_max.min(ARGUMENT_BYTES_MAX),
            buffer: Vec::new(),
            consumed: 0,
            base: offset,
            partial: Partial::default(),
            item_offset: offset,
            in_transaction: false,
            safe_offset: offset,
        }
    }

    /// Adds the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.base += self.consumed as u64;
        if self.consumed == self.buffer.len() && self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.consumed);
        }
        self.consumed = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next complete item; `None` when more bytes are needed.
    ///
    /// # Errors
    /// What stands in the file instead of an item, and where. The same error comes again.
    pub fn next_item(&mut self) -> Result<Option<AofItem<'_>>, AofError> {
        loop {
            let start = self.consumed;
            let item = &self.buffer[start..];
            let read = match item.first() {
                None => return Ok(None),
                Some(b'*') => self.partial.command(item, self.argument_bytes_max),
                Some(b'#') => annotation_len(item),
                Some(&byte) => {
                    if byte == b'$' {
                        // The command before has more arguments than its count says: it was not a good one.
                        self.safe_offset = self.safe_offset.min(self.item_offset);
                    }
                    Err((0, AofProblem::NoItem(byte)))
                }
            };
            let Some(len) = read.map_err(|problem| self.error(problem))? else {
                return Ok(None);
            };
            if item[0] == b'#' {
                let line = item[..len].trim_ascii_end();
                let annotation = Annotation::parse(line)
                    .map_err(|()| self.error((0, AofProblem::Annotation(line.into()))))?;
                self.complete(len);
                match annotation {
                    Some(Annotation::Timestamp(seconds)) => return Ok(Some(AofItem::Timestamp(seconds))),
                    Some(Annotation::Position { id, offset, db }) => {
                        return Ok(Some(AofItem::Position { id, offset, db }))
                    }
                    None => continue,
                }
            }
            return self.command(start, len).map(Some);
        }
    }

    /// The command of this many bytes that starts there.
    fn command(&mut self, start: usize, len: usize) -> Result<AofItem<'_>, AofError> {
        let name = self.partial.ranges.first();
        let name =
            name.map_or(&[][..], |name| &self.buffer[start + name.start as usize..][..name.len as usize]);
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        let in_transaction = match self.in_transaction {
            true if is(b"MULTI") => return Err(self.error((0, AofProblem::MultiInMulti))),
            true => !is(b"EXEC") && !is(b"DISCARD"),
            false if is(b"EXEC") => return Err(self.error((0, AofProblem::ExecWithoutMulti))),
            false => is(b"MULTI"),
        };
        self.in_transaction = in_transaction;
        self.complete(len);
        let partial = &mut self.partial;
        (partial.at, partial.missing, partial.argument_len) = (0, None, None);
        Ok(AofItem::Command(Args::new(&self.buffer[start..start + len], &self.partial.ranges)))
    }

    fn complete(&mut self, len: usize) {
        self.item_offset = self.offset();
        self.consumed += len;
        if !self.in_transaction {
            self.safe_offset = self.offset();
        }
    }

    /// Where the last complete item ends: its offset in the file.
    pub fn offset(&self) -> u64 {
        self.base + self.consumed as u64
    }

    /// Where the item begins that was given last.
    pub fn item_offset(&self) -> u64 {
        self.item_offset
    }

    /// Where a file that ends early may be cut: as [`AofReader::offset`], but before an open transaction.
    pub fn safe_offset(&self) -> u64 {
        self.safe_offset
    }

    /// Whether a transaction has begun and not ended.
    pub fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// The bytes that have been fed and belong to no complete item.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// The offset of a complete command within [`AofReader::rest`], behind the place where it stops making
    /// sense.
    ///
    /// With one there, the end of the file is not torn: a length is damaged that swallows what follows, and
    /// cutting would lose good records. A torn argument that holds commands as text looks the same; a person
    /// has to decide.
    pub fn command_in_tail(&self) -> Option<u64> {
        let rest = self.rest();
        let places = memchr::memmem::find_iter(rest, b"\r\n*").take(TAIL_PLACES_MAX).map(|at| at + 2);
        let mut commands = places.filter(|at| {
            let read = Partial::default().command(&rest[*at..], self.argument_bytes_max);
            matches!(read, Ok(Some(_)))
        });
        commands.next().map(|at| self.offset() + at as u64)
    }

    fn error(&self, (at, problem): (usize, AofProblem)) -> AofError {
        AofError { offset: self.offset() + at as u64, item_offset: self.offset(), problem }
    }
}

/// What a read comes to: a value once all of it is there, or what stands in its place and where.
type Read<T> = Result<Option<T>, (usize, AofProblem)>;

impl Partial {
    /// Goes on reading the command at the start of `bytes`; how long it is, once it is complete.
    fn command(&mut self, bytes: &[u8], argument_bytes_max: u64) -> Read<usize> {
        let mut missing = match self.missing {
            Some(missing) => missing,
            None => {
                let Some((count, next)) = length_line(bytes, 1)? else {
                    return Ok(None);
                };
                if count == 0 || count > i32::MAX as u64 {
                    return Err((1, AofProblem::Count(count)));
                }
                self.ranges.clear();
                self.at = next;
                count as usize
            }
        };
        while missing > 0 {
            self.missing = Some(missing);
            if !self.argument(bytes, argument_bytes_max)? {
                return Ok(None);
            }
            missing -= 1;
        }
        self.missing = Some(0);
        Ok(Some(self.at))
    }

    fn argument(&mut self, bytes: &[u8], argument_bytes_max: u64) -> Result<bool, (usize, AofProblem)> {
        let len = match self.argument_len {
            Some(len) => len,
            None => {
                match bytes.get(self.at) {
                    None => return Ok(false),
                    Some(b'$') => {}
                    Some(&byte) => return Err((self.at, AofProblem::NoArgument(byte))),
                }
                let Some((len, next)) = length_line(bytes, self.at + 1)? else {
                    return Ok(false);
                };
                if len > argument_bytes_max {
                    return Err((self.at + 1, AofProblem::ArgumentTooLong(len)));
                }
                if next as u64 + len + 2 > COMMAND_BYTES_MAX as u64 {
                    return Err((self.at + 1, AofProblem::CommandTooLong));
                }
                self.at = next;
                *self.argument_len.insert(len as usize)
            }
        };
        let end = self.at + len;
        if !line_end(bytes, end)? {
            return Ok(false);
        }
        self.ranges.push(Range { start: self.at as u32, len: len as u32 });
        self.at = end + 2;
        self.argument_len = None;
        Ok(true)
    }
}

/// The number whose digits begin at `from`, and the position behind its line.
fn length_line(bytes: &[u8], from: usize) -> Read<(u64, usize)> {
    let mut value = 0;
    for at in from..=from + LENGTH_DIGITS_MAX {
        match bytes.get(at) {
            None => return Ok(None),
            Some(digit @ b'0'..=b'9') if at < from + LENGTH_DIGITS_MAX => {
                value = value * 10 + u64::from(digit - b'0');
            }
            Some(b'\r') if at > from => {
                return Ok(line_end(bytes, at)?.then_some((value, at + 2)));
            }
            Some(&byte) => return Err((at, AofProblem::NoLength(byte))),
        }
    }
    Ok(None)
}

/// Whether a line ends at `at`; not yet, if the bytes end before.
fn line_end(bytes: &[u8], at: usize) -> Result<bool, (usize, AofProblem)> {
    match bytes.get(at..).unwrap_or_default() {
        [] | [b'\r'] => Ok(false),
        [b'\r', b'\n', ..] => Ok(true),
        [b'\r', byte, ..] => Err((at + 1, AofProblem::NoLineEnd(*byte))),
        [byte, ..] => Err((at, AofProblem::NoLineEnd(*byte))),
    }
}

/// The length of the annotation at the start of `bytes`, its line end included.
fn annotation_len(bytes: &[u8]) -> Read<usize> {
    let line = &bytes[..bytes.len().min(ANNOTATION_BYTES_MAX)];
    match memchr::memchr(b'\n', line) {
        Some(end) => Ok(Some(end + 1)),
        None if line.len() == ANNOTATION_BYTES_MAX => Err((0, AofProblem::AnnotationTooLong)),
        None => Ok(None),
    }
}

/// What stands in a file instead of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AofProblem {
    /// A byte that begins neither a command nor an annotation.
    NoItem(u8),
    /// A byte in the place of an argument's `$`.
    NoArgument(u8),
    /// A byte in the place of a digit.
    NoLength(u8),
    /// A byte in the place of a line end.
    NoLineEnd(u8),
    /// An impossible number of arguments.
    Count(u64),
    /// A length above the limit for arguments.
    ArgumentTooLong(u64),
    /// A command above [`COMMAND_BYTES_MAX`].
    CommandTooLong,
    /// An annotation above [`ANNOTATION_BYTES_MAX`].
    AnnotationTooLong,
    /// An annotation of a known name with impossible words.
    Annotation(Box<[u8]>),
    /// A transaction within a transaction.
    MultiInMulti,
    /// The end of a transaction that has not begun.
    ExecWithoutMulti,
}

/// Where reading stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AofError {
    /// The offset in the file of the byte that is wrong.
    pub offset: u64,
    /// The offset of the item that it belongs to.
    pub item_offset: u64,
    /// What is wrong.
    pub problem: AofProblem,
}

/// A byte as an error shows it.
struct Shown(u8);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_ascii_graphic() {
            write!(f, "'{}'", char::from(self.0))
        } else {
            write!(f, "byte {:#04x}", self.0)
        }
    }
}

impl std::fmt::Display for AofProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AofProblem::NoItem(byte) => {
                write!(f, "{} stands where a command ('*') or an annotation ('#') should begin", Shown(*byte))
            }
            AofProblem::NoArgument(byte) => {
                write!(f, "{} stands where an argument ('$') should begin", Shown(*byte))
            }
            AofProblem::NoLength(byte) => write!(f, "{} stands in a length", Shown(*byte)),
            AofProblem::NoLineEnd(byte) => {
                write!(f, "{} stands where a line should end: the length before it is wrong", Shown(*byte))
            }
            AofProblem::Count(count) => write!(f, "a command cannot have {count} arguments"),
            AofProblem::ArgumentTooLong(len) => {
                write!(f, "an argument of {len} bytes is longer than the limit")
            }
            AofProblem::CommandTooLong => write!(f, "a command longer than {COMMAND_BYTES_MAX} bytes"),
            AofProblem::AnnotationTooLong => {
                write!(
                    f,
                    "an annotation longer than {ANNOTATION_BYTES_MAX} bytes, which no server skips whole"
                )
            }
            AofProblem::Annotation(line) => write!(f, "damaged annotation \"{}\"", line.escape_ascii()),
            AofProblem::MultiInMulti => f.write_str("MULTI within a transaction"),
            AofProblem::ExecWithoutMulti => f.write_str("EXEC without MULTI"),
        }
    }
}

impl std::fmt::Display for AofError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AOF offset {}", self.offset)?;
        if self.item_offset < self.offset {
            write!(f, ", in the item at {}", self.item_offset)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for AofError {}

#[cfg(test)]
mod tests;
