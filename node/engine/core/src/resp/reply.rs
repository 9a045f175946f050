//! The reply writer: values appended to a session's output in its protocol version.
//!
//! Null, maps, sets, doubles, booleans and pushes have types of their own in RESP3; in RESP2 they
//! fall back to what Redis sends there. A handler says what it means once and serves both.

/// Writes the values of one reply.
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    resp3: bool,
}

impl<'a> Reply<'a> {
    /// A writer that appends to `out` for a client of protocol version `resp` (2 or 3).
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, resp: u8) -> Self {
        Reply { out, resp3: resp >= 3 }
    }

    /// Whether the client speaks RESP3.
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; it must hold no line break.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error whose text begins with its code (`ERR ...`); line breaks become spaces.
    pub fn error(&mut self, text: &str) {
        self.out.push(b'-');
        self.out.extend(text.trim_end_matches(['\r', '\n']).bytes().map(|b| {
            if matches!(b, b'\r' | b'\n') {
                b' '
            } else {
                b
            }
        }));
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0 => self.out.extend_from_slice(b":0\r\n"),
            1 => self.out.extend_from_slice(b":1\r\n"),
            _ => self.header(b':', value),
        }
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.out.reserve(value.len() + 16);
        self.header(b'$', value.len() as i64);
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A bulk string with the decimal form of `value`.
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Null: `_` in RESP3, the null bulk string in RESP2.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Null where an array was due: `_` in RESP3, the null array in RESP2.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.null(),
        }
    }

    /// The head of an array of `len` values.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// The head of a map of `pairs` pairs; a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 {
            self.header(b'%', pairs as i64);
        } else {
            self.header(b'*', 2 * pairs as i64);
        }
    }

    /// The head of a set of `len` values; an array in RESP2.
    pub fn set(&mut self, len: usize) {
        self.header(if self.resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// The head of an out-of-band message of `len` values; an array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.header(if self.resp3 { b'>' } else { b'*' }, len as i64);
    }

    /// A floating point number: `,` in RESP3, a bulk string in RESP2.
    pub fn double(&mut self, value: f64) {
        let text = crate::base::numbers::format_double(value);
        if self.resp3 {
            self.line(b',', text.as_bytes());
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// A truth value: `#` in RESP3, 1 or 0 in RESP2.
    pub fn bool(&mut self, value: bool) {
        match (self.resp3, value) {
            (true, true) => self.out.extend_from_slice(b"#t\r\n"),
            (true, false) => self.out.extend_from_slice(b"#f\r\n"),
            (false, value) => self.int(i64::from(value)),
        }
    }

    /// Text with a three-letter format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.resp3 {
            self.header(b'=', text.len() as i64 + 4);
            self.out.extend_from_slice(format.as_bytes());
            self.out.push(b':');
            self.out.extend_from_slice(text);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// An integer of any size, given in decimal: `(` in RESP3, a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        if self.resp3 {
            self.line(b'(', digits.as_bytes());
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Bytes that are already encoded.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Sends nothing more than what `write` appends, and tells how many values `write` counted, for
    /// arrays whose length is known only at the end.
    pub fn deferred_array(&mut self, write: impl FnOnce(&mut Reply<'_>) -> usize) {
        self.deferred(b'*', write);
    }

    /// Like [`Reply::deferred_array`], as a set.
    pub fn deferred_set(&mut self, write: impl FnOnce(&mut Reply<'_>) -> usize) {
        self.deferred(if self.resp3 { b'~' } else { b'*' }, write);
    }

    fn deferred(&mut self, kind: u8, write: impl FnOnce(&mut Reply<'_>) -> usize) {
        let start = self.out.len();
        let len = write(self);
        let behind = self.out.len();
        self.header(kind, len as i64);
        // The head, which was written last, moves before the values.
        let head = self.out.len() - behind;
        self.out[start..].rotate_right(head);
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        match value {
            0..10 => self.out.extend_from_slice(&[kind, b'0' + value as u8, b'\r', b'\n']),
            10..100 => {
                let (ten, one) = (value as u8 / 10, value as u8 % 10);
                self.out.extend_from_slice(&[kind, b'0' + ten, b'0' + one, b'\r', b'\n']);
            }
            _ => self.line(kind, itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp: u8, write: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, resp));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn deferred_lengths_stand_before_the_values() {
        for len in [0, 1, 9, 10, 99, 100, 1000] {
            let text = written(3, |r| {
                r.ok();
                r.deferred_array(|r| {
                    (0..len).for_each(|value| r.int(value));
                    r.deferred_set(|r| {
                        r.null();
                        1
                    });
                    len as usize + 1
                });
                r.ok();
            });
            let values: String = (0..len).map(|value| format!(":{value}\r\n")).collect();
            assert_eq!(text, format!("+OK\r\n*{}\r\n{values}~1\r\n_\r\n+OK\r\n", len + 1));
        }
    }

    #[test]
    fn each_value_has_its_form_in_both_versions() {
        type Write = fn(&mut Reply<'_>);
        let cases: [(Write, &str, &str); 9] = [
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(12), "*12\r\n", "~12\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.bool(true), ":1\r\n", "#t\r\n"),
            (|r| r.verbatim("txt", b"ab"), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"),
            (|r| r.int(-42), ":-42\r\n", ":-42\r\n"),
            (|r| r.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(written(2, write), resp2);
            assert_eq!(written(3, write), resp3);
        }
    }
}
