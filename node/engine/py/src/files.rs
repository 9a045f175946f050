//! Looking into files, for `garrison rdb` and `garrison aof`: the core's [`inspect`] fed from the disk.
//!
//! Each `step` reads some megabytes without the GIL, so that Python can show progress and be interrupted.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use garrison_engine_core::base::glob;
use garrison_engine_core::formats::aof::{Manifest, Part};
use garrison_engine_core::formats::rdb::RdbError;
use garrison_engine_core::inspect::aof::AofScan as AofWalk;
use garrison_engine_core::inspect::diff::{Change, Diff, Difference, Side};
use garrison_engine_core::inspect::json::write_line;
use garrison_engine_core::inspect::report::{Report, ReportOptions, Sum};
use garrison_engine_core::inspect::{advice, Head, KeyInfo, Measured, Scan};
use garrison_engine_core::snapshot::skip::{Known, Skip};
use garrison_engine_core::snapshot::{RdbOptions, ValueSource};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

/// What is read from a file at once.
const CHUNK_BYTES: usize = 1 << 20;
/// How much of a file a step reads.
const STEP_CHUNKS: usize = 32;
/// How much text of JSON a step gives, give or take the lines of one chunk.
const STEP_TEXT_BYTES: usize = 4 << 20;

/// A file that is read from its start to its end.
struct Source {
    path: PathBuf,
    file: File,
    chunk: Vec<u8>,
}

impl Source {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        let file = File::open(&path)?;
        Ok(Source { path, file, chunk: vec![0; CHUNK_BYTES] })
    }

    /// The next bytes; none at the end.
    fn read(&mut self) -> std::io::Result<&[u8]> {
        loop {
            match self.file.read(&mut self.chunk) {
                Ok(len) => return Ok(&self.chunk[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What one caller at a time uses: values on their way in cannot be shared between threads, classes of Python
/// must.
struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    fn new(value: T) -> Self {
        Exclusive(Mutex::new(value))
    }

    fn get(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a step failed.
enum Failure {
    Io(std::io::Error),
    Damage(String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Io(error)
    }
}

impl Failure {
    fn damage(path: &std::path::Path, error: &RdbError) -> Self {
        Failure::Damage(format!("{}: {error}; {}", path.display(), advice(&error.problem)))
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io(error) => error.into(),
            Failure::Damage(message) => PyValueError::new_err(message),
        }
    }
}

/// One key as Python sees it.
struct Row {
    db: u64,
    key: Vec<u8>,
    type_name: String,
    encoding: &'static str,
    figures: [u64; 3],
    expire_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl Row {
    fn of(info: &KeyInfo<'_>) -> Self {
        Row {
            db: info.db,
            key: info.key.to_vec(),
            type_name: info.type_name.to_owned(),
            encoding: info.encoding,
            figures: [info.elements, info.bytes, info.file_bytes],
            expire_at_ms: info.expire_at_ms,
            idle_seconds: info.idle_seconds,
            frequency: info.frequency,
        }
    }

    fn write<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let [elements, bytes, file_bytes] = self.figures;
        let key = PyBytes::new(py, &self.key);
        let kind = (&self.type_name, self.encoding);
        (self.db, key, kind.0, kind.1, elements, bytes, file_bytes, self.expire_at_ms, self.idle_seconds)
            .into_pyobject(py)?
            .as_sequence()
            .concat((self.frequency,).into_pyobject(py)?.as_sequence())?
            .to_tuple()
    }
}

enum Walk {
    Skip(Scan<Skip>),
    Build(Scan<Known>),
}

/// Applies the same expression to either walk.
macro_rules! each {
    ($walk:expr, $scan:ident => $result:expr) => {
        match $walk {
            Walk::Skip($scan) => $result,
            Walk::Build($scan) => $result,
        }
    };
}

/// A walk over an RDB file that sums up, and lists its keys where that is wanted.
#[pyclass]
pub struct RdbScan {
    source: Source,
    walk: Exclusive<Walk>,
    report: Report,
    wants_rows: bool,
    is_done: bool,
}

/// Reads some chunks; false at the end of the file.
fn walk_on<S: ValueSource>(
    source: &mut Source,
    scan: &mut Scan<S>,
    take: &mut dyn FnMut(&KeyInfo<'_>),
) -> Result<bool, Failure>
where
    S::Value: Measured,
{
    for _ in 0..STEP_CHUNKS {
        let chunk = source.read()?;
        let fed = match chunk.is_empty() {
            true => scan.finish(),
            false => scan.feed(chunk, &mut |info, _| take(info)),
        };
        let is_end = chunk.is_empty();
        fed.map_err(|error| Failure::damage(&source.path, &error))?;
        if is_end {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sum_of(sum: &Sum) -> (u64, u64, u64, u64) {
    (sum.keys, sum.elements, sum.bytes, sum.file_bytes)
}

#[pymethods]
impl RdbScan {
    #[new]
    #[pyo3(signature = (path, now_ms, *, build = false, rows = false, separator = b":".to_vec(), depth = 1,
        biggest_max = 0, prefixes_max = 0))]
    #[allow(clippy::too_many_arguments)] // the options of Python's class
    fn new(
        path: PathBuf,
        now_ms: i64,
        build: bool,
        rows: bool,
        separator: Vec<u8>,
        depth: usize,
        biggest_max: usize,
        prefixes_max: usize,
    ) -> PyResult<Self> {
        let options = RdbOptions::default();
        let walk = match build {
            true => Walk::Build(Scan::new(options, now_ms)),
            false => Walk::Skip(Scan::new(options, now_ms)),
        };
        let report = Report::new(ReportOptions { separator, depth, biggest_max, prefixes_max, now_ms });
        Ok(RdbScan {
            source: Source::open(path)?,
            walk: Exclusive::new(walk),
            report,
            wants_rows: rows,
            is_done: false,
        })
    }

    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyTuple>>>> {
        if self.is_done {
            return Ok(None);
        }
        let RdbScan { source, walk, report, wants_rows, .. } = self;
        let walk = walk.get();
        let mut rows = Vec::new();
        let more = py.detach(|| {
            let mut take = |info: &KeyInfo<'_>| {
                report.add(info);
                if *wants_rows {
                    rows.push(Row::of(info));
                }
            };
            each!(walk, scan => walk_on(source, scan, &mut take))
        })?;
        self.is_done = !more;
        rows.iter().map(|row| row.write(py)).collect::<PyResult<Vec<_>>>().map(Some)
    }

    /// How much of the file has been read.
    fn offset(&mut self) -> u64 {
        each!(self.walk.get(), scan => scan.offset())
    }

    fn facts<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let ((version, is_valkey), head, rest) = each!(self.walk.get(), scan => {
            (scan.version(), scan.head(), scan.rest().map_or(0, <[u8]>::len))
        });
        let Head { aux, functions, keys, expires, expired, foreign } = head;
        let facts = PyDict::new(py);
        facts.set_item("version", version)?;
        facts.set_item("valkey", is_valkey)?;
        facts.set_item("keys", keys)?;
        facts.set_item("expires", expires)?;
        facts.set_item("expired", expired)?;
        facts.set_item("foreign", foreign)?;
        facts.set_item("aux", aux)?;
        facts.set_item("functions", functions)?;
        facts.set_item("bytes_behind_end", rest)?;
        Ok(facts)
    }

    fn report<'py>(&self, py: Python<'py>, prefixes: usize) -> PyResult<Bound<'py, PyDict>> {
        let report = PyDict::new(py);
        let types = self.report.types();
        let types: Vec<_> = types.iter().map(|(name, form, sum)| ((name, form), sum_of(sum))).collect();
        report.set_item("types", types)?;
        let databases: Vec<_> = self.report.databases().iter().map(|(db, sum)| (*db, sum_of(sum))).collect();
        report.set_item("databases", databases)?;
        let (prefixes, others) = self.report.prefixes(prefixes);
        let prefixes: Vec<_> =
            prefixes.iter().map(|(prefix, sum)| (PyBytes::new(py, prefix), sum_of(sum))).collect();
        report.set_item("prefixes", prefixes)?;
        report.set_item("other_prefixes", sum_of(&others))?;
        for (name, sums) in [("expiry", self.report.expiry()), ("idle", self.report.idle())] {
            let sums: Vec<_> = sums.iter().map(|(span, sum)| (*span, sum_of(sum))).collect();
            report.set_item(name, sums)?;
        }
        let biggest = self.report.biggest().into_iter().map(|key| {
            let row = Row {
                db: key.db,
                key: key.key,
                type_name: key.type_name,
                encoding: key.encoding,
                figures: [key.elements, key.bytes, key.file_bytes],
                expire_at_ms: key.expire_at_ms,
                idle_seconds: None,
                frequency: None,
            };
            row.write(py)
        });
        report.set_item("biggest", biggest.collect::<PyResult<Vec<_>>>()?)?;
        Ok(report)
    }
}

/// The keys of an RDB file with their values, as lines of JSON.
#[pyclass]
pub struct RdbLines {
    source: Source,
    scan: Exclusive<Scan<Known>>,
    pattern: Option<Vec<u8>>,
    types: Vec<String>,
    dbs: Vec<u64>,
    is_done: bool,
}

#[pymethods]
impl RdbLines {
    #[new]
    #[pyo3(signature = (path, *, pattern = None, types = Vec::new(), dbs = Vec::new()))]
    fn new(path: PathBuf, pattern: Option<Vec<u8>>, types: Vec<String>, dbs: Vec<u64>) -> PyResult<Self> {
        let scan = Exclusive::new(Scan::new(RdbOptions::default(), 0));
        Ok(RdbLines { source: Source::open(path)?, scan, pattern, types, dbs, is_done: false })
    }

    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if self.is_done {
            return Ok(None);
        }
        let RdbLines { source, scan, pattern, types, dbs, .. } = self;
        let scan = scan.get();
        let wanted = |info: &KeyInfo<'_>| {
            pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, info.key, false))
                && (types.is_empty() || types.iter().any(|name| name == info.type_name))
                && (dbs.is_empty() || dbs.contains(&info.db))
        };
        let mut text = Vec::new();
        let more = py.detach(|| -> Result<bool, Failure> {
            while text.len() < STEP_TEXT_BYTES {
                let chunk = source.read()?;
                let is_end = chunk.is_empty();
                let fed = match is_end {
                    true => scan.finish(),
                    false => scan.feed(chunk, &mut |info, entry| {
                        if wanted(info) {
                            write_line(&mut text, info, entry);
                        }
                    }),
                };
                fed.map_err(|error| Failure::damage(&source.path, &error))?;
                if is_end {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        // What was read before damage is handed out first.
        match more {
            Err(failure) if text.is_empty() => return Err(failure.into()),
            Err(_) => {}
            Ok(more) => self.is_done = !more,
        }
        Ok(Some(PyBytes::new(py, &text)))
    }
}

/// Two RDB files compared.
#[pyclass]
pub struct RdbDiff {
    paths: [PathBuf; 2],
    diff: Exclusive<Diff>,
    source: Option<Source>,
}

#[pymethods]
impl RdbDiff {
    #[new]
    fn new(old: PathBuf, new: PathBuf, keys_max: usize) -> PyResult<Self> {
        // Both are there before the first is read to its end.
        drop(Source::open(new.clone())?);
        let diff = Exclusive::new(Diff::new(RdbOptions::default(), keys_max));
        Ok(RdbDiff { paths: [old, new], diff, source: None })
    }

    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyTuple>>>> {
        let Some(side) = self.diff.get().side() else { return Ok(None) };
        let source = match &mut self.source {
            Some(source) => source,
            empty => empty.insert(Source::open(self.paths[usize::from(side == Side::New)].clone())?),
        };
        let (diff, mut found) = (self.diff.get(), Vec::new());
        let more = py.detach(|| -> Result<bool, Failure> {
            for _ in 0..STEP_CHUNKS {
                let chunk = source.read()?;
                let is_end = chunk.is_empty();
                let fed = match is_end {
                    true => diff.end_of_file(),
                    false => diff.feed(chunk, &mut |difference| found.push(difference)),
                };
                fed.map_err(|error| Failure::damage(&source.path, &error))?;
                if is_end {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        if !more {
            self.source = None;
        }
        let rows = found.iter().map(|Difference { change, db, key, type_name }| {
            (change_name(*change), db, PyBytes::new(py, key), type_name).into_pyobject(py)
        });
        rows.collect::<PyResult<Vec<_>>>().map(Some)
    }
}

fn change_name(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Value => "value",
        Change::Expiry => "expiry",
        Change::ValueAndExpiry => "value and expiry",
    }
}

/// A look at one part of an append-only file.
#[pyclass]
pub struct AofScan {
    source: Source,
    walk: Option<AofWalk>,
}

#[pymethods]
impl AofScan {
    #[new]
    #[pyo3(signature = (path, until = None))]
    fn new(path: PathBuf, until: Option<i64>) -> PyResult<Self> {
        Ok(AofScan { source: Source::open(path)?, walk: Some(AofWalk::new(until)) })
    }

    /// How much of the file has been read, at least.
    fn offset(&self) -> u64 {
        self.walk.as_ref().map_or(0, AofWalk::offset)
    }

    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let AofScan { source, walk } = self;
        let Some(scan) = walk else { return Err(PyValueError::new_err("the file has been read to its end")) };
        let more = py.detach(|| -> Result<bool, Failure> {
            for _ in 0..STEP_CHUNKS {
                let chunk = source.read()?;
                if chunk.is_empty() || !scan.feed(chunk) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        let Some(scan) = walk.take_if(|_| !more) else { return Ok(None) };
        let found = scan.finish();
        let facts = PyDict::new(py);
        facts.set_item("has_rdb", found.has_rdb)?;
        facts.set_item("rdb_keys", found.rdb_keys)?;
        facts.set_item("commands", found.commands)?;
        facts.set_item("first_timestamp", found.first_timestamp)?;
        facts.set_item("last_timestamp", found.last_timestamp)?;
        facts.set_item("offset", found.offset)?;
        facts.set_item("safe_offset", found.safe_offset)?;
        facts.set_item("later_offset", found.later_offset)?;
        facts.set_item("problem", found.problem)?;
        facts.set_item("command_in_tail", found.command_in_tail)?;
        Ok(Some(facts))
    }
}

/// The files that a manifest names: the base, the increments, the history.
#[pyfunction]
#[allow(clippy::type_complexity)] // three lists of names with numbers
pub fn read_manifest(
    text: &[u8],
) -> PyResult<(Option<(String, u64)>, Vec<(String, u64)>, Vec<(String, u64)>)> {
    let manifest = Manifest::parse(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let all = |parts: Vec<Part>| parts.into_iter().map(|part| (part.name, part.seq)).collect();
    let base = manifest.base.map(|part| (part.name, part.seq));
    Ok((base, all(manifest.increments), all(manifest.history)))
}
