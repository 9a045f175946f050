//! Annotations: lines between commands that a reader may skip.
//!
//! ```text
//! #TS:<seconds>                   what follows was executed at this Unix time or later; Redis writes it too
//! #GARRISON <id> <offset> <db>    all before this line is the data of stream <id> at <offset>, <db> selected
//! ```
//!
//! Redis reads a line into 128 bytes and skips it if it begins with `#`; the rest of a longer line would be
//! taken for a command. So no annotation is longer than that, neither in what is written nor in what is read.

use std::io::Write as _;

use crate::base::numbers::parse_i64;

/// The longest annotation, its line end included.
pub const ANNOTATION_BYTES_MAX: usize = 127;

/// Digits of a stream's identity.
const ID_LEN: usize = 40;

const TIMESTAMP: &[u8] = b"#TS:";
const POSITION: &[u8] = b"#GARRISON ";

/// What an annotation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotation {
    /// The Unix time in seconds of what follows.
    Timestamp(i64),
    /// Where in a replication stream the data is that stands before this line.
    Position {
        /// The stream's identity: 40 hex digits.
        id: [u8; ID_LEN],
        /// The offset in the stream.
        offset: u64,
        /// The database that is selected there.
        db: u64,
    },
}

impl Annotation {
    /// Appends the annotation as a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Annotation::Timestamp(seconds) => write!(out, "#TS:{seconds}\r\n"),
            Annotation::Position { id, offset, db } => {
                out.extend_from_slice(POSITION);
                out.extend_from_slice(id);
                write!(out, " {offset} {db}\r\n")
            }
        };
    }

    /// What a line without its end says: `Ok(None)` for the annotations of others, an error for a damaged
    /// one.
    pub(super) fn parse(line: &[u8]) -> Result<Option<Self>, ()> {
        if line.contains(&0) {
            // What a loss of power has left unwritten, and no server writes.
            return Err(());
        }
        if let Some(seconds) = line.strip_prefix(TIMESTAMP) {
            return parse_i64(seconds).map(|seconds| Some(Annotation::Timestamp(seconds))).ok_or(());
        }
        match line.strip_prefix(POSITION) {
            Some(words) => parse_position(words).map(Some).ok_or(()),
            None => Ok(None),
        }
    }
}

fn parse_position(words: &[u8]) -> Option<Annotation> {
    let mut words = words.split(|byte| *byte == b' ');
    let id: [u8; ID_LEN] = words.next()?.try_into().ok()?;
    let [offset, db] =
        [words.next()?, words.next()?].map(|word| parse_i64(word).and_then(|n| n.try_into().ok()));
    let complete = words.next().is_none() && id.iter().all(u8::is_ascii_hexdigit);
    complete.then_some(Annotation::Position { id, offset: offset?, db: db? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_position_is_skipped_by_redis() {
        let (mut line, most) = (Vec::new(), i64::MAX as u64);
        Annotation::Position { id: [b'f'; ID_LEN], offset: most, db: most }.write(&mut line);
        assert!(line.len() <= ANNOTATION_BYTES_MAX, "{}", line.len());
    }

    #[test]
    fn annotation_that_is_written_is_read() {
        let id = *b"0123456789abcdef0123456789abcdef01234567";
        for annotation in
            [Annotation::Timestamp(-1), Annotation::Position { id, offset: i64::MAX as u64, db: 15 }]
        {
            let mut line = Vec::new();
            annotation.write(&mut line);
            assert_eq!(Annotation::parse(line.strip_suffix(b"\r\n").unwrap()), Ok(Some(annotation)));
        }
    }

    #[test]
    fn damaged_annotation_is_an_error_and_a_foreign_one_is_not() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        for damaged in [
            "#TS:".to_owned(),
            "#TS:12x".into(),
            "#GARRISON ".into(),
            format!("#GARRISON {id} 1"),
            format!("#GARRISON {id} -1 0"),
            format!("#GARRISON {id} 1 0 2"),
            format!("#GARRISON {} 1 0", id.replace('a', "g")),
        ] {
            assert_eq!(Annotation::parse(damaged.as_bytes()), Err(()), "{damaged}");
        }
        assert_eq!(Annotation::parse(b"# a remark"), Ok(None));
    }
}
