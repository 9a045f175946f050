//! Calls of functions in Python that have not ended.

use std::collections::BTreeMap;

use super::Run;
use crate::clients::transaction::Watched;

/// A call: whose it is, and what it has read.
#[derive(Debug)]
pub struct PythonCall {
    /// What runs, for which session.
    pub run: Run,
    /// The keys that it has read since it began, or began again.
    pub watched: Vec<Watched>,
}

/// All calls, by ticket: the earliest first.
#[derive(Debug, Default)]
pub struct PythonCalls {
    /// The calls.
    pub calls: BTreeMap<u64, PythonCall>,
}

impl PythonCalls {
    /// The call that has run, or waited, for longest.
    pub fn oldest(&self) -> Option<(u64, &PythonCall)> {
        self.calls.first_key_value().map(|(ticket, call)| (*ticket, call))
    }
}
