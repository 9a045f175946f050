//! The client protocol, RESP2 and RESP3: requests in, replies out.
//!
//! A request is parsed where it lies in the read buffer: [`request::Parser`] yields ranges, and
//! [`Args`] shows them as byte slices. Nothing is copied until a command stores something.
//! Replies are appended to the session's output by [`reply::Reply`].
//!
//! Source of the format: the public RESP specification (version 2 and 3).

pub mod failure;
pub mod peer_commands;
pub mod reply;
pub mod request;

/// Where one argument lies in the buffer that holds its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

/// The arguments of one command, the name included, as slices of one buffer.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buf: &'a [u8],
    ranges: &'a [Range],
}

impl<'a> Args<'a> {
    /// Arguments that lie at `ranges` of `buf`.
    pub fn new(buf: &'a [u8], ranges: &'a [Range]) -> Self {
        Args { buf, ranges }
    }

    /// Number of arguments, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is no argument at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Argument `index`; empty when there is none, so that no input can cause a panic.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        self.try_get(index).unwrap_or_default()
    }

    /// Argument `index`, if there is one.
    #[inline]
    pub fn try_get(&self, index: usize) -> Option<&'a [u8]> {
        let range = self.ranges.get(index)?;
        self.buf.get(range.start as usize..range.start as usize + range.len as usize)
    }

    /// The bytes in which the arguments lie: of a command read from a file, those of its record.
    pub fn raw(&self) -> &'a [u8] {
        self.buf
    }

    /// All arguments from `first` on.
    pub fn iter_from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let args = *self;
        (first.min(args.len())..args.len()).map(move |index| args.get(index))
    }

    /// The arguments without the first `count`: a subcommand's view.
    pub fn skip(&self, count: usize) -> Args<'a> {
        Args { buf: self.buf, ranges: self.ranges.get(count..).unwrap_or_default() }
    }
}

/// Appends a command as a client sends it: an array of bulk strings.
pub fn encode_command<'a>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    let mut reply = reply::Reply::new(out, 2);
    reply.array(words.len());
    words.for_each(|word| reply.bulk(word));
}

impl std::fmt::Debug for Args<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter_from(0).map(String::from_utf8_lossy)).finish()
    }
}

/// Arguments that own their bytes: queued, blocked and replicated commands.
#[derive(Clone, Debug, Default)]
pub struct OwnedArgs {
    buf: Vec<u8>,
    ranges: Vec<Range>,
}

impl OwnedArgs {
    /// Copies `args` into one buffer.
    pub fn copy(args: Args<'_>) -> Self {
        let mut owned = OwnedArgs {
            buf: Vec::with_capacity(args.iter_from(0).map(<[u8]>::len).sum()),
            ranges: Vec::with_capacity(args.len()),
        };
        args.iter_from(0).for_each(|arg| owned.push(arg));
        owned
    }

    /// Collects the given arguments into one buffer.
    pub fn from_slices(args: &[&[u8]]) -> Self {
        let mut owned = OwnedArgs::default();
        args.iter().for_each(|arg| owned.push(arg));
        owned
    }

    /// Appends one argument.
    pub fn push(&mut self, arg: &[u8]) {
        self.ranges.push(Range { start: self.buf.len() as u32, len: arg.len() as u32 });
        self.buf.extend_from_slice(arg);
    }

    /// The arguments as a borrowed view.
    pub fn view(&self) -> Args<'_> {
        Args { buf: &self.buf, ranges: &self.ranges }
    }

    /// Bytes held on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.buf.capacity() + self.ranges.capacity() * std::mem::size_of::<Range>()
    }
}
