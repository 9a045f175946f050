//! The request parser: RESP arrays of bulk strings, and inline commands.
//!
//! The parser keeps its place between calls, so a request that arrives in many pieces is walked
//! once, not once per piece. Every length is checked against a named limit before it is believed.

use super::{Args, OwnedArgs, Range};

/// What a request may cost; a breach ends the connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest inline command, or line that announces a length, in bytes.
    pub line_bytes_max: usize,
    /// Largest single argument, in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Most arguments in one request.
    pub args_max: usize,
    /// Longest request of an array, all of its arguments together, in bytes.
    pub request_bytes_max: usize,
}

/// The limits of an authenticated client.
pub const LIMITS: Limits = Limits {
    line_bytes_max: 64 * 1024,
    bulk_bytes_max: 512 * 1024 * 1024,
    args_max: i32::MAX as usize,
    request_bytes_max: usize::MAX,
};

/// The limits of a stranger: enough for HELLO and AUTH, too little to hurt.
pub const LIMITS_UNAUTHENTICATED: Limits = Limits {
    line_bytes_max: 16 * 1024,
    bulk_bytes_max: 16 * 1024,
    args_max: 10,
    // Ten arguments of the largest size would cost 160 KiB for each stranger.
    request_bytes_max: 16 * 1024,
};

/// The outcome of [`Parser::parse`].
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// One request is complete: its arguments are in [`Parser::ranges`], and it took this many bytes.
    Request(usize),
    /// More bytes are needed.
    Incomplete,
    /// The bytes are no request: the message to answer before closing.
    Invalid(String),
}

/// The state of one partly received request.
#[derive(Debug, Default)]
pub struct Parser {
    /// Where parsing goes on, relative to the start of the request.
    pos: usize,
    /// Arguments still missing; meaningful once `in_array`.
    missing: usize,
    in_array: bool,
    /// Length of the bulk string whose header was read, if its body was not.
    bulk_len: Option<usize>,
    ranges: Vec<Range>,
    /// The words of an inline request with quotes, which lie in no buffer of the caller's.
    unquoted: Option<OwnedArgs>,
}

impl Parser {
    /// Forgets everything: the next byte starts a new request.
    #[inline]
    pub fn reset(&mut self) {
        self.pos = 0;
        self.missing = 0;
        self.in_array = false;
        self.bulk_len = None;
        self.ranges.clear();
        self.unquoted = None;
    }

    /// Where the arguments lie in the buffer; nothing for an inline request that had to be unquoted.
    #[inline]
    pub fn ranges(&self) -> Option<&[Range]> {
        self.unquoted.is_none().then_some(&self.ranges)
    }

    /// The arguments of the request that `parse` found complete in `buf`.
    #[inline]
    pub fn args<'a>(&'a self, buf: &'a [u8]) -> Args<'a> {
        match &self.unquoted {
            None => Args::new(buf, &self.ranges),
            Some(words) => words.view(),
        }
    }

    /// Whether a request has been begun and not finished.
    pub fn is_midway(&self) -> bool {
        self.pos > 0
    }

    /// How many bytes, from the start of the request, are certainly needed before it can be complete.
    pub fn bytes_needed(&self) -> usize {
        self.pos + self.bulk_len.map_or(1, |len| len + 2) + self.missing.saturating_sub(1) * 5
    }

    /// Goes on parsing the request that starts at `buf[0]`.
    ///
    /// After [`Parsed::Request`], [`Parser::args`] shows its arguments (none for an empty request), and the
    /// caller calls [`Parser::reset`] before the next one.
    #[inline]
    pub fn parse(&mut self, buf: &[u8], limits: &Limits) -> Parsed {
        if !self.in_array {
            match buf.first() {
                None => return Parsed::Incomplete,
                Some(b'*') => match self.array_header(buf, limits) {
                    Ok(true) => {}
                    Ok(false) => return Parsed::Incomplete,
                    Err(message) => return Parsed::Invalid(message),
                },
                Some(_) => return self.inline(buf, limits),
            }
        }
        while self.missing > 0 {
            match self.bulk(buf, limits) {
                Ok(true) => self.missing -= 1,
                Ok(false) => return Parsed::Incomplete,
                Err(message) => return Parsed::Invalid(message),
            }
        }
        Parsed::Request(self.pos)
    }

    #[inline]
    fn array_header(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, String> {
        if let [b'*', digit @ b'1'..=b'9', b'\r', b'\n', ..] = *buf {
            // No limit is below that.
            self.begin_array(usize::from(digit - b'0'), 4);
            return Ok(true);
        }
        let Some((count, next)) = length_line(buf, 1, limits, "mbulk count")? else {
            return Ok(false);
        };
        let count = match count {
            Some(n) if n > limits.args_max as i64 && limits.args_max < LIMITS.args_max => {
                return Err("unauthenticated multibulk length".into())
            }
            Some(n) if n <= limits.args_max as i64 => n.max(0) as usize,
            _ => return Err("invalid multibulk length".into()),
        };
        self.begin_array(count, next);
        Ok(true)
    }

    #[inline]
    fn begin_array(&mut self, count: usize, next: usize) {
        self.pos = next;
        self.in_array = true;
        self.missing = count;
        self.ranges.reserve(count.min(64));
    }

    #[inline]
    fn bulk(&mut self, buf: &[u8], limits: &Limits) -> Result<bool, String> {
        let len = match (self.bulk_len, short_bulk(buf, self.pos)) {
            (Some(len), _) => len,
            (None, Some((len, width))) if self.pos + width + len <= limits.request_bytes_max => {
                self.pos += width;
                self.bulk_len = Some(len);
                len
            }
            (None, _) => match self.bulk_header(buf, limits)? {
                Some(len) => len,
                None => return Ok(false),
            },
        };
        if buf.len() < self.pos + len + 2 {
            return Ok(false);
        }
        self.ranges.push(Range { start: self.pos as u32, len: len as u32 });
        self.pos += len + 2;
        self.bulk_len = None;
        Ok(true)
    }

    /// Reads the line before a bulk string; `None` where it is not all there yet.
    fn bulk_header(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, String> {
        match buf.get(self.pos) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(&other) => return Err(format!("expected '$', got '{}'", printable(other))),
        }
        let Some((len, next)) = length_line(buf, self.pos + 1, limits, "bulk count")? else {
            return Ok(None);
        };
        let len = match len {
            Some(n) if n > limits.bulk_bytes_max as i64 && limits.args_max < LIMITS.args_max => {
                return Err("unauthenticated bulk length".into())
            }
            Some(n) if (0..=limits.bulk_bytes_max as i64).contains(&n) => n as usize,
            _ => return Err("invalid bulk length".into()),
        };
        if next.saturating_add(len) > limits.request_bytes_max {
            return Err("unauthenticated request length".into());
        }
        self.pos = next;
        self.bulk_len = Some(len);
        Ok(Some(len))
    }

    fn inline(&mut self, buf: &[u8], limits: &Limits) -> Parsed {
        let Some(newline) = memchr::memchr(b'\n', buf) else {
            return if buf.len() > limits.line_bytes_max {
                Parsed::Invalid("too big inline request".into())
            } else {
                Parsed::Incomplete
            };
        };
        if newline > limits.line_bytes_max {
            return Parsed::Invalid("too big inline request".into());
        }
        let line = &buf[..newline];
        self.pos = newline + 1;
        if is_http(line) {
            return Parsed::Invalid("this port speaks RESP, not HTTP".into());
        }
        // Words without quotes are ranges of the line itself; quoted ones need unescaping,
        // which `unquote` does into a buffer of its own.
        if line.iter().any(|b| matches!(b, b'"' | b'\'')) {
            return match unquote(line) {
                Some(words) => {
                    self.unquoted = Some(words);
                    Parsed::Request(self.pos)
                }
                None => Parsed::Invalid("unbalanced quotes in request".into()),
            };
        }
        let mut start = None;
        for (i, byte) in line.iter().chain(std::iter::once(&b' ')).enumerate() {
            match (byte.is_ascii_whitespace(), start) {
                (true, Some(from)) => {
                    self.ranges.push(Range { start: from as u32, len: (i - from) as u32 });
                    start = None;
                }
                (false, None) => start = Some(i),
                _ => {}
            }
        }
        Parsed::Request(self.pos)
    }
}

/// Reads the line before a bulk string of up to 99 bytes, which most are: its length, and the bytes of the line. What
/// it does not know is left to [`length_line`].
#[inline]
fn short_bulk(buf: &[u8], at: usize) -> Option<(usize, usize)> {
    match *buf.get(at..)? {
        [b'$', digit @ b'0'..=b'9', b'\r', b'\n', ..] => Some((usize::from(digit - b'0'), 4)),
        [b'$', ten @ b'1'..=b'9', digit @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Some((usize::from(ten - b'0') * 10 + usize::from(digit - b'0'), 5))
        }
        _ => None,
    }
}

/// Reads the number of a line such as `*3\r\n` whose digits begin at `from`.
///
/// Returns the number and the position behind the line; no number for a line that is not one.
#[inline]
#[allow(clippy::type_complexity)]
fn length_line(
    buf: &[u8],
    from: usize,
    limits: &Limits,
    what: &str,
) -> Result<Option<(Option<i64>, usize)>, String> {
    let rest = buf.get(from..).unwrap_or_default();
    let (negative, skipped) = match rest.first() {
        Some(b'-') => (true, 1),
        _ => (false, 0),
    };
    let mut value: i64 = 0;
    for (i, &byte) in rest.iter().enumerate().skip(skipped) {
        match byte {
            b'0' if i == skipped && rest.get(i + 1).is_some_and(u8::is_ascii_digit) => {
                return Ok(Some((None, from + i)));
            }
            b'0'..=b'9' if i < 18 => value = value * 10 + i64::from(byte - b'0'),
            b'\r' if i > skipped => {
                if i + 1 >= rest.len() {
                    return Ok(None);
                }
                return Ok(Some((Some(if negative { -value } else { value }), from + i + 2)));
            }
            _ => return Ok(Some((None, from + i))),
        }
        if i > limits.line_bytes_max {
            return Err(format!("too big {what} string"));
        }
    }
    Ok(None)
}

/// Whether a line is the start of an HTTP request: a browser, or a forged cross-site request.
fn is_http(line: &[u8]) -> bool {
    line.starts_with(b"POST ")
        || line.starts_with(b"Host:")
        || memchr::memmem::rfind(line, b" HTTP/1.").is_some_and(|at| at + 12 >= line.len())
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() {
        byte as char
    } else {
        '?'
    }
}

/// Splits a line into words: `"..."` with C escapes, `'...'` literal, white space between.
///
/// Returns nothing when quotes are unbalanced or a closing quote touches the next word.
pub fn unquote(line: &[u8]) -> Option<OwnedArgs> {
    let mut words = OwnedArgs::default();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = match rest[0] {
            b'"' => double_quoted(&rest[1..], &mut word)?,
            b'\'' => single_quoted(&rest[1..], &mut word)?,
            _ => {
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                word.extend_from_slice(&rest[..end]);
                &rest[end..]
            }
        };
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return None;
        }
        words.push(&word);
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                word.push(hex(*high)? << 4 | hex(*low)?);
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_all(bytes: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, String> {
        let (mut parser, mut at, mut requests) = (Parser::default(), 0, Vec::new());
        loop {
            match parser.parse(&bytes[at..], &LIMITS) {
                Parsed::Request(used) => {
                    requests.push(parser.args(&bytes[at..]).iter_from(0).map(<[u8]>::to_vec).collect());
                    at += used;
                    parser.reset();
                }
                Parsed::Incomplete => return Ok(requests),
                Parsed::Invalid(message) => return Err(message),
            }
        }
    }

    #[test]
    fn arrays_and_inline_commands() {
        let requests =
            parse_all(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nset  b \"c \\x41\"\r\nPING\r\n*0\r\n").unwrap();
        let words: Vec<Vec<&[u8]>> = requests.iter().map(|r| r.iter().map(Vec::as_slice).collect()).collect();
        assert_eq!(
            words,
            vec![vec![b"GET".as_slice(), b"a"], vec![b"set", b"b", b"c A"], vec![b"PING"], vec![]]
        );
    }

    #[test]
    fn what_is_no_request_is_named() {
        for (bytes, message) in [
            (b"*1\r\n:3\r\n".as_slice(), "expected '$', got ':'"),
            (b"*9999999999\r\n", "invalid multibulk length"),
            (b"*1\r\n$-5\r\n", "invalid bulk length"),
            (b"*1\r\n$99999999999999999999999\r\n", "invalid bulk length"),
            (b"set \"a\r\n", "unbalanced quotes in request"),
            (b"GET / HTTP/1.1\r\n", "this port speaks RESP, not HTTP"),
        ] {
            assert_eq!(parse_all(bytes).unwrap_err(), message, "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(parse_all(&vec![b'a'; 70_000]).unwrap_err(), "too big inline request");
        assert!(parse_all(b"GET /path\r\n").is_ok());
    }

    proptest! {
        #[test]
        fn pieces_parse_like_the_whole(
            requests in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..5), 1..5),
            cut in 1usize..9,
        ) {
            let mut bytes = Vec::new();
            for request in &requests {
                bytes.extend(format!("*{}\r\n", request.len()).bytes());
                for arg in request {
                    bytes.extend(format!("${}\r\n", arg.len()).bytes());
                    bytes.extend(arg);
                    bytes.extend(b"\r\n");
                }
            }
            let (mut parser, mut start, mut found) = (Parser::default(), 0, Vec::new());
            for end in (0..=bytes.len()).step_by(cut).chain([bytes.len()]) {
                while let Parsed::Request(used) = parser.parse(&bytes[start..end.max(start)], &LIMITS) {
                    found.push(parser.args(&bytes[start..]).iter_from(0).map(<[u8]>::to_vec).collect::<Vec<_>>());
                    start += used;
                    parser.reset();
                }
            }
            prop_assert_eq!(found, requests);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_all(&bytes);
        }
    }
}
