//! The manifest of an append-only file: which files make it up.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.6.incr.aof seq 6 type h
//! file appendonly.aof.7.incr.aof seq 7 type i
//! ```
//!
//! One line a file: its name, its number among those of its type, and its type. At most one is the *base*
//! (`b`); the *increments* (`i`) follow it in the order of their numbers; *history* (`h`) is to be deleted. A
//! name with blanks or bytes outside of printable ASCII stands in double quotes with C escapes. Lines that
//! begin with `#` and empty lines are skipped; words that nobody knows are skipped too, in pairs.
//!
//! Ours ends with a line `# crc64 CHECKSUM` over all bytes before it, which Redis skips. One of Redis has no
//! checksum. One wrong bit can make history of an increment there, which would then be removed: what no rewrite
//! leaves behind is refused (`check_history`).
//!
//! INVARIANTS. A manifest that parses renders to one that parses to the same. Every name is a plain file
//! name, so that nothing outside of the directory can be read, and none occurs twice, so that no file that
//! counts is deleted as history.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::formats::crc64::crc64;
use crate::resp::request::unquote;
use crate::resp::Args;

/// The longest line, its end included: what Redis accepts.
pub const LINE_BYTES_MAX: usize = 1024;
/// The largest number of a file; so there is always a next one.
pub const SEQUENCE_MAX: u64 = i64::MAX as u64 >> 1;

/// How the line begins that has the checksum of all before it.
const CHECKSUM: &[u8] = b"# crc64 ";

/// One file of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the directory.
    pub name: String,
    /// Its number.
    pub seq: u64,
}

/// In which form a base is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseForm {
    /// An RDB file (`aof-use-rdb-preamble yes`).
    Rdb,
    /// Commands.
    Commands,
}

/// Which files make up an append-only file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data at some moment.
    pub base: Option<Part>,
    /// The changes since, in order.
    pub increments: Vec<Part>,
    /// What is no longer needed and may be deleted.
    pub history: Vec<Part>,
}

/// The name of the manifest of the append-only file `file_name` (the directive `appendfilename`).
pub fn manifest_name(file_name: &str) -> String {
    format!("{file_name}.manifest")
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// The first line that is wrong, why, and what to do.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let mut manifest = Manifest::default();
        let mut names = HashSet::new();
        let (mut number, mut before) = (0, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let checked = match line.strip_prefix(CHECKSUM) {
                Some(sum) => check_sum(&text[..before], sum),
                None => manifest.add_line(line, &mut names),
            };
            checked.map_err(|problem| ManifestError { line: number, problem })?;
            before += line.len();
        }
        if names.is_empty() {
            return Err(ManifestError { line: number.max(1), problem: ManifestProblem::Empty });
        }
        manifest.check_history().map_err(|problem| ManifestError { line: number, problem })?;
        Ok(manifest)
    }

    /// A rewrite makes history of the base and of all increments but the last, at once, and removes them at once. An
    /// increment among the history that does not look like that is one that counts, under a wrong type.
    fn check_history(&self) -> Result<(), ManifestProblem> {
        let is_first_base = self.base.as_ref().is_none_or(|base| base.seq <= 1);
        let has_former_base = self.history.iter().any(|part| part.name.contains(".base."));
        let first = self.increments.first().map(|part| part.seq);
        let is_increment = |part: &&Part| part.name.ends_with(&format!(".{}.incr.aof", part.seq));
        let is_past =
            |part: &Part| (is_first_base || has_former_base) && first.is_some_and(|first| part.seq < first);
        match self.history.iter().filter(is_increment).find(|part| !is_past(part)) {
            Some(part) => Err(ManifestProblem::NotPast(part.name.clone())),
            None => Ok(()),
        }
    }

    fn add_line(&mut self, line: &[u8], names: &mut HashSet<String>) -> Result<(), ManifestProblem> {
        if line.len() > LINE_BYTES_MAX {
            return Err(ManifestProblem::LineTooLong(line.len()));
        }
        let words = line.strip_suffix(b"\n").ok_or(ManifestProblem::Unfinished)?.trim_ascii();
        if words.is_empty() || words[0] == b'#' {
            return Ok(());
        }
        let (part, kind) = parse_line(words)?;
        if !names.insert(part.name.clone()) {
            return Err(ManifestProblem::Twice(part.name));
        }
        match kind {
            Kind::Base => match &self.base {
                Some(first) => {
                    Err(ManifestProblem::SecondBase { first: first.name.clone(), second: part.name })
                }
                None => {
                    self.base = Some(part);
                    Ok(())
                }
            },
            Kind::History => {
                self.history.push(part);
                Ok(())
            }
            Kind::Increment => match self.increments.last() {
                Some(last) if last.seq >= part.seq => {
                    Err(ManifestProblem::NotRising { former: last.seq, seq: part.seq })
                }
                _ => {
                    self.increments.push(part);
                    Ok(())
                }
            },
        }
    }

    /// The text of the manifest, as Redis 7 writes it.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let parts = self.base.iter().map(|part| (part, 'b'));
        let parts = parts.chain(self.history.iter().map(|part| (part, 'h')));
        for (part, kind) in parts.chain(self.increments.iter().map(|part| (part, 'i'))) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "file {} seq {} type {kind}", quoted(&part.name), part.seq);
        }
        let sum = crc64(text.as_bytes());
        let _ = writeln!(text, "# crc64 {sum:016x}");
        text
    }

    /// The base that comes next, of the append-only file `file_name`.
    pub fn next_base(&self, file_name: &str, form: BaseForm) -> Part {
        let ending = match form {
            BaseForm::Rdb => "base.rdb",
            BaseForm::Commands => "base.aof",
        };
        self.next_part(file_name, ending, self.base.as_ref())
    }

    /// The increment that comes next, of the append-only file `file_name`.
    pub fn next_increment(&self, file_name: &str) -> Part {
        self.next_part(file_name, "incr.aof", self.increments.last())
    }

    /// The next number, and the ones behind it while a file has the name already.
    fn next_part(&self, file_name: &str, ending: &str, last: Option<&Part>) -> Part {
        let names: HashSet<&str> = self.parts().map(|part| part.name.as_str()).collect();
        let mut seq = last.map_or(0, |part| part.seq);
        loop {
            seq += 1;
            let name = format!("{file_name}.{seq}.{ending}");
            if !names.contains(name.as_str()) {
                return Part { name, seq };
            }
        }
    }

    /// The files that count, in the order in which they are loaded.
    pub fn live_parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// All files, history included.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.live_parts().chain(&self.history)
    }
}

enum Kind {
    Base,
    History,
    Increment,
}

fn parse_line(words: &[u8]) -> Result<(Part, Kind), ManifestProblem> {
    let words = unquote(words).ok_or(ManifestProblem::Quotes)?;
    let words = words.view();
    if words.len() % 2 == 1 {
        return Err(ManifestProblem::OddWord(shown(words.get(words.len() - 1))));
    }
    let name = checked_name(word_after(words, "file")?)?;
    let seq = word_after(words, "seq")?;
    let seq = std::str::from_utf8(seq).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let seq = seq.and_then(|digits| digits.parse().ok()).filter(|seq| *seq <= SEQUENCE_MAX);
    let seq =
        seq.ok_or_else(|| ManifestProblem::Sequence(shown(word_after(words, "seq").unwrap_or_default())))?;
    let kind = match word_after(words, "type")? {
        b"b" => Kind::Base,
        b"h" => Kind::History,
        b"i" => Kind::Increment,
        other => return Err(ManifestProblem::Type(shown(other))),
    };
    Ok((Part { name, seq }, kind))
}

/// The word behind this one; the last of them, where it occurs more than once, as Redis has it.
fn word_after<'a>(words: Args<'a>, title: &'static str) -> Result<&'a [u8], ManifestProblem> {
    let pairs = (0..words.len()).step_by(2).rev();
    let mut found = pairs.filter(|at| words.get(*at).eq_ignore_ascii_case(title.as_bytes()));
    found.next().map(|at| words.get(at + 1)).ok_or(ManifestProblem::Missing(title))
}

/// Whether the checksum, as the rest of its line has it, is that of the bytes before.
fn check_sum(before: &[u8], sum: &[u8]) -> Result<(), ManifestProblem> {
    let wanted = format!("{:016x}\n", crc64(before));
    if sum == wanted.as_bytes() {
        return Ok(());
    }
    Err(ManifestProblem::Checksum(shown(sum.trim_ascii_end())))
}

fn checked_name(name: &[u8]) -> Result<String, ManifestProblem> {
    match std::str::from_utf8(name) {
        Ok(text) if !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']) => Ok(text.to_owned()),
        _ => Err(ManifestProblem::Name(shown(name))),
    }
}

/// The name as it stands in a line: in quotes where Redis puts it in quotes, or would misread it otherwise.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if name.bytes().all(plain) {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte.into()]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(byte.into()),
            other => {
                let _ = write!(text, "\\x{other:02x}");
            }
        }
    }
    text.push('"');
    text
}

/// A word as an error shows it.
fn shown(word: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 100;
    let end = word.len().min(SHOWN_BYTES_MAX);
    let rest = if end < word.len() { "..." } else { "" };
    format!("{}{rest}", word[..end].escape_ascii())
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestProblem {
    /// It names no file.
    Empty,
    /// A line of this many bytes.
    LineTooLong(usize),
    /// The last line has no end.
    Unfinished,
    /// Quotes that do not match.
    Quotes,
    /// A last word without its value.
    OddWord(String),
    /// A line without this word.
    Missing(&'static str),
    /// This checksum is not the one of the lines before it.
    Checksum(String),
    /// This increment is among the history, and nothing has taken its place.
    NotPast(String),
    /// A number of a file that is not one.
    Sequence(String),
    /// A type that does not exist.
    Type(String),
    /// A name that is not one of a file in this directory.
    Name(String),
    /// A file that has been named before.
    Twice(String),
    /// Two bases.
    SecondBase {
        /// The one that came first.
        first: String,
        /// The one of this line.
        second: String,
    },
    /// An increment whose number is not above that of the one before it.
    NotRising {
        /// The number before.
        former: u64,
        /// The number of this line.
        seq: u64,
    },
}

/// Which line of a manifest is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: ManifestProblem,
}

impl std::fmt::Display for ManifestProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ManifestProblem::Empty => {
                f.write_str("the manifest names no file: restore a backup, or list the parts beside it")
            }
            ManifestProblem::LineTooLong(len) => {
                write!(f, "a line of {len} bytes; at most {LINE_BYTES_MAX} are allowed: use a shorter name")
            }
            ManifestProblem::Unfinished => f.write_str(
                "the last line does not end, so more may be missing: check the files, then end the line",
            ),
            ManifestProblem::Quotes => f.write_str("quotes do not match: put the name in one pair of them"),
            ManifestProblem::OddWord(word) => {
                write!(f, "the word {word} has no value: add it, or remove the word")
            }
            ManifestProblem::Missing(word) => {
                write!(f, "the word '{word}' is missing: write 'file NAME seq NUMBER type b|h|i'")
            }
            ManifestProblem::Checksum(sum) => write!(
                f,
                "the lines before do not have the checksum {sum}: if they were changed by hand and are right, \
                 remove this line"
            ),
            ManifestProblem::NotPast(name) => write!(
                f,
                "\"{}\" has type h (history), but no later base has taken its place: if it belongs to the data, its \
                 type is i",
                name.escape_default()
            ),
            ManifestProblem::Sequence(word) => {
                write!(f, "seq {word} is not a number up to {SEQUENCE_MAX}: use the one in the file's name")
            }
            ManifestProblem::Type(word) => {
                write!(f, "type {word} does not exist: use b (base), i (increment) or h (history)")
            }
            ManifestProblem::Name(name) => write!(
                f,
                "\"{name}\" is not a name in UTF-8 without a path: move the file beside the manifest"
            ),
            ManifestProblem::Twice(name) => {
                write!(f, "\"{}\" was named before: remove one of the lines", name.escape_default())
            }
            ManifestProblem::SecondBase { first, second } => write!(
                f,
                "\"{}\" is a second base beside \"{}\": keep the one that the increments belong to",
                second.escape_default(),
                first.escape_default()
            ),
            ManifestProblem::NotRising { former, seq } => write!(
                f,
                "the increment has number {seq} behind number {former}: sort the lines by their numbers"
            ),
        }
    }
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests;
