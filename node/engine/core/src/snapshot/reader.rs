//! The reader of RDB streams: chunks of any size in, items out.
//!
//! ```text
//! Magic -> Opcode <-> Key -> Value -> Opcode ... -> Checksum -> Done
//! ```
//!
//! [`RdbReader::feed`] takes bytes as they come; [`RdbReader::next_item`] gives the next complete item, or `None` when
//! it needs more bytes. What has not been consumed is kept, so memory is bounded by the largest single string that has
//! really arrived plus the chunk that is being fed.

use crate::formats::crc64::Crc64;
use crate::formats::rdb::{opcode, Input, RdbError, RdbProblem, Stop, RDB_VERSION_MAX, VALKEY_VERSION};
use crate::types::{TypeLimits, Value, ValueReader};

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct RdbOptions {
    /// When values change their representation.
    pub limits: TypeLimits,
    /// The longest string that is accepted.
    pub string_bytes_max: u64,
    /// Whether to compute the checksum and compare it: the directive `rdbchecksum`, for RESTORE a switch of DEBUG.
    pub checksum: bool,
}

impl Default for RdbOptions {
    fn default() -> Self {
        RdbOptions { limits: TypeLimits::default(), string_bytes_max: 4 << 30, checksum: true }
    }
}

/// A key with its value and what stood before it.
pub struct RdbEntry {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Value,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// For how many seconds it had not been used.
    pub idle_seconds: Option<u64>,
    /// How often it was used, on the logarithmic scale of the LFU policies.
    pub frequency: Option<u8>,
}

/// One item of a stream.
pub enum RdbItem {
    /// An auxiliary field.
    Aux {
        /// Its name, such as `redis-ver`.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The entries that follow belong to this database.
    SelectDb(u64),
    /// A hint: how many keys the database has, and how many of them expire.
    Resize {
        /// All keys.
        keys: u64,
        /// Those that expire.
        expires: u64,
    },
    /// A hint: how many keys a slot of a cluster has.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// Its keys.
        keys: u64,
        /// Those that expire.
        expires: u64,
    },
    /// The source of a function library.
    Function(Vec<u8>),
    /// A key with its value.
    Entry(Box<RdbEntry>),
    /// The stream is complete and its checksum is right.
    End,
}

/// What comes next in the stream.
enum State {
    Magic,
    Opcode,
    Key(u8),
    Value(Vec<u8>, ValueReader),
    Checksum,
    Done,
}

/// What stood before the entry that comes next.
#[derive(Default)]
struct Attributes {
    expire_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

/// Reads an RDB stream. See the module's documentation.
pub struct RdbReader {
    options: RdbOptions,
    state: State,
    attributes: Attributes,
    version: u32,
    valkey: bool,
    /// What has arrived and is not dropped yet, how much of it is consumed, and how much of that is in the checksum.
    pub(super) buffer: Vec<u8>,
    consumed: usize,
    summed: usize,
    /// The offset in the stream of the first byte of the buffer.
    base: u64,
    crc: Crc64,
}

/// Streams of older versions end without a checksum.
const CHECKSUM_VERSION_MIN: u32 = 5;
/// A buffer larger than this is given back when it has been consumed.
const BUFFER_KEPT_BYTES_MAX: usize = 1 << 20;

impl RdbReader {
    /// A reader at the start of a stream.
    pub fn new(options: RdbOptions) -> Self {
        RdbReader {
            options,
            state: State::Magic,
            attributes: Attributes::default(),
            version: 0,
            valkey: false,
            buffer: Vec::new(),
            consumed: 0,
            summed: 0,
            base: 0,
            crc: Crc64::new(),
        }
    }

    /// Adds the next bytes of the stream.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.sum();
        self.base += self.consumed as u64;
        if self.consumed == self.buffer.len() && self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.consumed);
        }
        (self.consumed, self.summed) = (0, 0);
        self.buffer.extend_from_slice(chunk);
    }

    /// The next item; `None` when more bytes are needed, and after the end.
    pub fn next_item(&mut self) -> Result<Option<RdbItem>, RdbError> {
        loop {
            let mut input = Input::new(&self.buffer[self.consumed..], self.options.string_bytes_max);
            let step =
                step(&mut input, &mut self.state, &mut self.attributes, &self.options, &mut self.valkey);
            self.consumed += input.position();
            match step {
                Ok(Step::Version(version)) => self.version = version,
                Ok(Step::Nothing) => {}
                Ok(Step::Item(item)) => return Ok(Some(item)),
                Ok(Step::EndMark) => {
                    self.sum();
                    if self.version >= CHECKSUM_VERSION_MIN {
                        self.state = State::Checksum;
                    } else {
                        self.state = State::Done;
                        return Ok(Some(RdbItem::End));
                    }
                }
                Ok(Step::Checksum(expected)) => return self.verify(expected).map(Some),
                Err(Stop::More) => return Ok(None),
                Err(Stop::Bad(problem)) => return Err(self.error(problem)),
            }
        }
    }

    /// The version in the magic; 0 before it has been read.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The offset in the stream up to which bytes have been consumed.
    pub fn offset(&self) -> u64 {
        self.base + self.consumed as u64
    }

    /// Whether the end has been read.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The bytes behind the end of the stream that have been fed.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// To be called when no more bytes will come: an error unless the end has been read.
    pub fn finish(&self) -> Result<(), RdbError> {
        if self.is_finished() {
            Ok(())
        } else {
            Err(self.error(RdbProblem::Truncated))
        }
    }

    fn error(&self, problem: RdbProblem) -> RdbError {
        let key = match &self.state {
            State::Value(key, _) => Some(key.clone().into_boxed_slice()),
            _ => None,
        };
        RdbError { offset: self.offset(), key, problem }
    }

    /// Brings the checksum up to what has been consumed.
    fn sum(&mut self) {
        if self.options.checksum && !matches!(self.state, State::Done) {
            self.crc.update(&self.buffer[self.summed..self.consumed]);
        }
        self.summed = self.consumed;
    }

    fn verify(&mut self, expected: u64) -> Result<RdbItem, RdbError> {
        let computed = self.crc.value();
        if self.options.checksum && expected != 0 && expected != computed {
            return Err(self.error(RdbProblem::Checksum { expected, computed }));
        }
        self.summed = self.consumed;
        self.state = State::Done;
        Ok(RdbItem::End)
    }
}

/// What one step of the reader came to.
enum Step {
    Nothing,
    Version(u32),
    Item(RdbItem),
    EndMark,
    Checksum(u64),
}

fn step(
    input: &mut Input<'_>,
    state: &mut State,
    attributes: &mut Attributes,
    options: &RdbOptions,
    valkey: &mut bool,
) -> Result<Step, Stop> {
    match state {
        State::Magic => {
            let (version, is_valkey) = read_magic(input.take(9)?)?;
            *valkey = is_valkey;
            *state = State::Opcode;
            Ok(Step::Version(version))
        }
        State::Opcode => read_opcode(input, state, attributes),
        State::Key(code) => {
            let key = input.text()?.into_vec();
            match ValueReader::new(*code, *valkey) {
                Ok(reader) => *state = State::Value(key, reader),
                Err(problem) => {
                    // The key belongs into the error; nothing is read after it.
                    *state = State::Value(key, ValueReader::Text);
                    return Err(problem.into());
                }
            }
            Ok(Step::Nothing)
        }
        State::Value(key, reader) => {
            let value = reader.read(input, &options.limits)?;
            let Attributes { expire_at_ms, idle_seconds, frequency } = std::mem::take(attributes);
            let key = std::mem::take(key);
            *state = State::Opcode;
            let entry = RdbEntry { key, value, expire_at_ms, idle_seconds, frequency };
            Ok(Step::Item(RdbItem::Entry(Box::new(entry))))
        }
        State::Checksum => Ok(Step::Checksum(input.unsigned_64()?)),
        State::Done => Err(Stop::More),
    }
}

/// The version, and whether Valkey counted it.
fn read_magic(magic: &[u8]) -> Result<(u32, bool), RdbProblem> {
    let (digits, valkey) = match magic {
        [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (digits, false),
        [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (digits, true),
        _ => return Err(RdbProblem::Magic),
    };
    let digit = |number: u32, byte: &u8| Some(number * 10 + char::from(*byte).to_digit(10)?);
    let version = digits.iter().try_fold(0, digit).ok_or(RdbProblem::Magic)?;
    let known = if valkey { version == VALKEY_VERSION } else { (1..=RDB_VERSION_MAX).contains(&version) };
    if known {
        Ok((version, valkey))
    } else {
        Err(RdbProblem::Version(version))
    }
}

fn read_opcode(input: &mut Input<'_>, state: &mut State, attributes: &mut Attributes) -> Result<Step, Stop> {
    input.all(|input| {
        match input.byte()? {
            opcode::EXPIRE_MS => attributes.expire_at_ms = Some(input.signed_64()?),
            opcode::EXPIRE_SECONDS => {
                let seconds = input.unsigned_32()? as i32;
                attributes.expire_at_ms = Some(i64::from(seconds) * 1000);
            }
            opcode::IDLE => attributes.idle_seconds = Some(input.length()?),
            opcode::FREQUENCY => attributes.frequency = Some(input.byte()?),
            opcode::END => return Ok(Step::EndMark),
            opcode::FUNCTION_PRE_RELEASE => {
                return Err(RdbProblem::Foreign("function of a pre-release of Redis 7.0").into())
            }
            opcode::MODULE_AUX => return Err(RdbProblem::Foreign("data of a module").into()),
            code if code < opcode::SLOT_INFO => *state = State::Key(code),
            code => return read_hint(code, input).map(Step::Item),
        }
        Ok(Step::Nothing)
    })
}

fn read_hint(code: u8, input: &mut Input<'_>) -> Result<RdbItem, Stop> {
    Ok(match code {
        opcode::AUX => RdbItem::Aux { name: input.text()?.into_vec(), value: input.text()?.into_vec() },
        opcode::SELECT_DB => RdbItem::SelectDb(input.length()?),
        opcode::RESIZE => RdbItem::Resize { keys: input.length()?, expires: input.length()? },
        opcode::SLOT_INFO => {
            RdbItem::SlotInfo { slot: input.length()?, keys: input.length()?, expires: input.length()? }
        }
        opcode::FUNCTION => RdbItem::Function(input.text()?.into_vec()),
        code => return Err(RdbProblem::Code(code).into()),
    })
}
