//! The reader of RDB streams: chunks of any size in, items out.
//!
//! ```text
//! Magic -> Opcode <-> Key -> Value -> Opcode ... -> Checksum -> Done
//! ```
//!
//! [`RdbReader::feed`] takes bytes as they come; [`RdbReader::next_item`] gives the next complete item, or
//! `None` when it needs more bytes. What has not been consumed is kept, so memory is bounded by the largest
//! single string that has really arrived plus the chunk that is being fed.
//!
//! What becomes of values is the choice of a [`ValueSource`]: [`Build`] makes the values of this engine,
//! [`super::skip::Skip`] steps over them and counts.

use super::skip::Skipper;
use crate::formats::crc64::Crc64;
use crate::formats::rdb::{opcode, Input, RdbError, RdbProblem, Stop, RDB_VERSION_MAX, VALKEY_VERSION};
use crate::types::{TypeLimits, Value, ValueReader};

/// What a reader makes of the values in a stream.
pub trait ValueSource {
    /// A value on its way in.
    type Reader;
    /// What it becomes.
    type Value;

    /// Whether data of modules that belongs to no key is stepped over; else it is refused.
    const STEPS_OVER_MODULE_DATA: bool = false;

    /// A reader for values of this type byte. Valkey gave some bytes a meaning of their own.
    fn reader(code: u8, is_valkey: bool) -> Result<Self::Reader, RdbProblem>;

    /// Goes on with the bytes that are there; the value once it is complete.
    fn read(
        reader: &mut Self::Reader,
        input: &mut Input<'_>,
        limits: &TypeLimits,
    ) -> Result<Self::Value, Stop>;
}

/// Values as the keyspace stores them.
pub struct Build;

/// A value on its way to the keyspace.
pub struct BuildReader(ValueReader);

impl ValueSource for Build {
    type Reader = BuildReader;
    type Value = Value;

    fn reader(code: u8, is_valkey: bool) -> Result<BuildReader, RdbProblem> {
        ValueReader::new(code, is_valkey).map(BuildReader)
    }

    #[inline]
    fn read(reader: &mut BuildReader, input: &mut Input<'_>, limits: &TypeLimits) -> Result<Value, Stop> {
        reader.0.read(input, limits)
    }
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct RdbOptions {
    /// When values change their representation.
    pub limits: TypeLimits,
    /// The longest string that is accepted.
    pub string_bytes_max: u64,
    /// Whether to compute the checksum and compare it: the directive `rdbchecksum`, for RESTORE a switch of
    /// DEBUG.
    pub checksum: bool,
}

impl Default for RdbOptions {
    fn default() -> Self {
        RdbOptions { limits: TypeLimits::default(), string_bytes_max: 4 << 30, checksum: true }
    }
}

/// A key with its value and what stood before it.
pub struct RdbEntry<V = Value> {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: V,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// For how many seconds it had not been used.
    pub idle_seconds: Option<u64>,
    /// How often it was used, on the logarithmic scale of the LFU policies.
    pub frequency: Option<u8>,
    /// The byte that says how the value is encoded.
    pub code: u8,
    /// How many bytes key and value take in the stream.
    pub stream_bytes: u64,
}

/// One item of a stream.
pub enum RdbItem<V = Value> {
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
    Entry(Box<RdbEntry<V>>),
    /// The stream is complete and its checksum is right.
    End,
}

/// What comes next in the stream.
enum State<R> {
    Magic,
    Opcode,
    Key(u8),
    Value(Begun, R),
    /// A value that cannot be read; the key belongs into the error.
    Refused(Vec<u8>),
    /// Data of a module that belongs to no key.
    ModuleData(Box<Skipper>),
    Checksum,
    Done,
}

/// An entry whose key has been read.
struct Begun {
    key: Vec<u8>,
    code: u8,
    /// The offset in the stream where its key begins.
    offset: u64,
}

/// What stood before the entry that comes next.
#[derive(Default)]
struct Attributes {
    expire_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

/// Reads an RDB stream. See the module's documentation.
pub struct RdbReader<S: ValueSource = Build> {
    options: RdbOptions,
    state: State<S::Reader>,
    attributes: Attributes,
    version: u32,
    valkey: bool,
    /// What has arrived and is not dropped yet, how much of it is consumed, and how much of that is in the
    /// checksum.
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
    /// A reader at the start of a stream, which makes the values of this engine.
    pub fn new(options: RdbOptions) -> Self {
        RdbReader::with_source(options)
    }
}

impl<S: ValueSource> RdbReader<S> {
    /// A reader at the start of a stream; its type says what it makes of values.
    pub fn with_source(options: RdbOptions) -> Self {
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
    pub fn next_item(&mut self) -> Result<Option<RdbItem<S::Value>>, RdbError> {
        loop {
            let offset = self.offset();
            let mut input = Input::new(&self.buffer[self.consumed..], self.options.string_bytes_max);
            let step = self.state.step::<S>(
                &mut input,
                offset,
                &mut self.attributes,
                &self.options,
                &mut self.valkey,
            );
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

    /// Whether the magic is Valkey's.
    pub fn is_valkey(&self) -> bool {
        self.valkey
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
            State::Value(Begun { key, .. }, _) | State::Refused(key) => Some(key.clone().into_boxed_slice()),
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

    fn verify(&mut self, expected: u64) -> Result<RdbItem<S::Value>, RdbError> {
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
enum Step<V> {
    Nothing,
    Version(u32),
    Item(RdbItem<V>),
    EndMark,
    Checksum(u64),
}

impl<R> State<R> {
    /// Reads what comes next; `offset` is where the input begins.
    fn step<S: ValueSource<Reader = R>>(
        &mut self,
        input: &mut Input<'_>,
        offset: u64,
        attributes: &mut Attributes,
        options: &RdbOptions,
        valkey: &mut bool,
    ) -> Result<Step<S::Value>, Stop> {
        match self {
            State::Magic => {
                let mut ahead = input.clone();
                let (version, is_valkey) = read_magic(ahead.take(9)?)?;
                *input = ahead;
                *valkey = is_valkey;
                *self = State::Opcode;
                Ok(Step::Version(version))
            }
            State::Opcode => read_opcode::<S>(input, self, attributes),
            State::Key(code) => {
                let code = *code;
                let key = input.text()?.into_vec();
                match S::reader(code, *valkey) {
                    Ok(reader) => *self = State::Value(Begun { key, code, offset }, reader),
                    Err(problem) => {
                        *self = State::Refused(key);
                        return Err(problem.into());
                    }
                }
                Ok(Step::Nothing)
            }
            State::Value(begun, reader) => {
                let value = S::read(reader, input, &options.limits)?;
                let Attributes { expire_at_ms, idle_seconds, frequency } = std::mem::take(attributes);
                let stream_bytes = offset + input.position() as u64 - begun.offset;
                let (key, code) = (std::mem::take(&mut begun.key), begun.code);
                *self = State::Opcode;
                let entry =
                    RdbEntry { key, value, expire_at_ms, idle_seconds, frequency, code, stream_bytes };
                Ok(Step::Item(RdbItem::Entry(Box::new(entry))))
            }
            State::ModuleData(skipper) => {
                skipper.skip(input)?;
                *self = State::Opcode;
                Ok(Step::Nothing)
            }
            State::Checksum => Ok(Step::Checksum(input.unsigned_64()?)),
            State::Refused(_) | State::Done => Err(Stop::More),
        }
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

fn read_opcode<S: ValueSource>(
    input: &mut Input<'_>,
    state: &mut State<S::Reader>,
    attributes: &mut Attributes,
) -> Result<Step<S::Value>, Stop> {
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
            opcode::MODULE_AUX if S::STEPS_OVER_MODULE_DATA => {
                *state = State::ModuleData(Box::new(Skipper::module_data()));
            }
            opcode::MODULE_AUX => return Err(RdbProblem::Foreign("data of a module").into()),
            code if code < opcode::SLOT_INFO => *state = State::Key(code),
            code => return read_hint(code, input).map(Step::Item),
        }
        Ok(Step::Nothing)
    })
}

fn read_hint<V>(code: u8, input: &mut Input<'_>) -> Result<RdbItem<V>, Stop> {
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
