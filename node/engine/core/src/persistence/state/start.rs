//! The rules by which a start decides what is read.
//!
//! | `appendonly` | what is there | what is read |
//! |---|---|---|
//! | yes | a manifest in `appenddirname` | the files it names: base, then increments |
//! | yes | no manifest, a file `appendfilename` beside the snapshot (of before Redis 7) | that file |
//! | yes | no log at all, a snapshot | the snapshot; a log is begun from it |
//! | yes | neither | nothing: an empty data set |
//! | no | a snapshot | the snapshot; a log that is there is left alone, with a warning |
//! | no | none | nothing |
//!
//! A file that a manifest names and that is not there, or is damaged, ends the start: it is never taken for an empty
//! one. Only the end of the last increment may be cut off (`aof-load-truncated`), at the end of its last whole command.

use crate::formats::aof::{Manifest, Part};

/// What the outside has found in the node's folder.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Bytes of the snapshot (`dbfilename`), if it is there.
    pub snapshot_bytes: Option<u64>,
    /// The manifest, if it is there.
    pub manifest: Option<Vec<u8>>,
    /// Names and bytes of the files in the folder of the log.
    pub log_files: Vec<(String, u64)>,
    /// Bytes of a log of one file, of before Redis 7, if it is there.
    pub old_log_bytes: Option<u64>,
}

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartName {
    /// Its name in the node's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Whether its end may be missing.
    pub may_be_torn: bool,
    /// Whether it is a snapshot alone: of what follows nothing is read.
    pub is_snapshot: bool,
}

/// What a start reads.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The files, in order.
    pub parts: Vec<PartName>,
    /// What the manifest says, if the log is read by one.
    pub manifest: Option<Manifest>,
    /// What the manifest says of a log that is not read: one that is begun takes no name of its files.
    pub unread: Manifest,
    /// Lines for the log.
    pub warnings: Vec<String>,
}

/// Names that the rules need.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// `dbfilename`.
    pub snapshot: &'a str,
    /// `appenddirname`.
    pub log_folder: &'a str,
    /// `appendfilename`.
    pub log: &'a str,
}

/// What is read.
///
/// # Errors
/// Why nothing may be read, and what to do about it.
pub fn decide(appendonly: bool, may_be_torn: bool, names: Names<'_>, found: Found) -> Result<Plan, String> {
    let snapshot = || {
        found.snapshot_bytes.map(|bytes| PartName {
            name: names.snapshot.into(),
            bytes,
            may_be_torn: false,
            is_snapshot: true,
        })
    };
    let mut plan = Plan::default();
    if !appendonly {
        plan.parts.extend(snapshot());
        if let Some(text) = &found.manifest {
            // A manifest that makes no sense does not keep the node from starting: nothing of it is needed.
            plan.unread = Manifest::parse(text).unwrap_or_default();
            plan.warnings.push(format!(
                "{} holds an append-only file that is NOT read, as appendonly is 'no'",
                names.log_folder
            ));
        }
        return Ok(plan);
    }
    if let Some(text) = &found.manifest {
        let place = format!("{}/{}.manifest", names.log_folder, names.log);
        let manifest = Manifest::parse(text).map_err(|error| {
            format!("{place}: {error}. Nothing was read. Mend the file, or restore it from a backup")
        })?;
        // A rewrite names its increment before it writes to it: one that is still empty counts for nothing.
        let mut manifest = manifest;
        let is_empty =
            |part: &Part| found.log_files.iter().any(|(name, bytes)| *name == part.name && *bytes == 0);
        while manifest.increments.len() > 1 && manifest.increments.last().is_some_and(is_empty) {
            manifest.increments.pop();
        }
        let last = manifest.live_parts().last().cloned();
        for part in manifest.live_parts() {
            let bytes = found.log_files.iter().find(|(name, _)| *name == part.name).map(|(_, bytes)| *bytes);
            let Some(bytes) = bytes else {
                return Err(format!(
                    "{place} names {}, which is not there. Nothing was read. Put the file back, or restore a backup",
                    part.name
                ));
            };
            plan.parts.push(PartName {
                name: format!("{}/{}", names.log_folder, part.name),
                bytes,
                may_be_torn: may_be_torn && last.as_ref() == Some(part),
                is_snapshot: false,
            });
        }
        plan.manifest = Some(manifest);
    } else if let Some(bytes) = found.old_log_bytes {
        plan.parts.push(PartName { name: names.log.into(), bytes, may_be_torn, is_snapshot: false });
        plan.warnings.push(format!(
            "{} is an append-only file of one part: it is read, and a new one is begun in {}",
            names.log, names.log_folder
        ));
    } else if let Some(snapshot) = snapshot() {
        plan.warnings.push(format!(
            "There is no append-only file: {} is read, and one is begun from it",
            names.snapshot
        ));
        plan.parts.push(snapshot);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { snapshot: "dump.rdb", log_folder: "logs", log: "a.aof" };
    const MANIFEST: &[u8] = b"file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n";

    fn files() -> Vec<(String, u64)> {
        vec![("a.aof.1.base.rdb".into(), 10), ("a.aof.1.incr.aof".into(), 20)]
    }

    fn read(appendonly: bool, found: Found) -> Vec<(String, bool)> {
        let plan = decide(appendonly, true, NAMES, found).expect("it can be read");
        plan.parts.into_iter().map(|part| (part.name, part.may_be_torn)).collect()
    }

    #[test]
    fn the_log_counts_where_there_is_one() {
        let found = || Found {
            snapshot_bytes: Some(5),
            manifest: Some(MANIFEST.into()),
            log_files: files(),
            old_log_bytes: Some(7),
        };
        let log = vec![("logs/a.aof.1.base.rdb".into(), false), ("logs/a.aof.1.incr.aof".into(), true)];
        assert_eq!(read(true, found()), log);
        assert_eq!(read(false, found()), [("dump.rdb".into(), false)]);
        assert_eq!(read(true, Found { manifest: None, ..found() }), [("a.aof".into(), true)]);
        let without_log = Found { manifest: None, old_log_bytes: None, ..found() };
        assert_eq!(read(true, without_log), [("dump.rdb".into(), false)]);
        assert_eq!(read(true, Found::default()), []);
        assert_eq!(read(false, Found::default()), []);
    }

    #[test]
    fn what_a_manifest_names_must_be_there() {
        let found =
            Found { manifest: Some(MANIFEST.into()), log_files: files()[..1].to_vec(), ..Found::default() };
        let error = decide(true, true, NAMES, found).expect_err("a file is missing");
        assert!(error.contains("names a.aof.1.incr.aof, which is not there"), "{error}");
        let found = Found { manifest: Some(b"file x seq 1 type q\n".into()), ..Found::default() };
        let error = decide(true, true, NAMES, found).expect_err("it is damaged");
        assert!(error.contains("logs/a.aof.manifest"), "{error}");
    }
}
