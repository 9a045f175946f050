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
    /// FUNCTION KILL was given for it.
    pub is_killed: bool,
    /// It is a FUNCTION LOAD whose library a worker tries out.
    pub is_load: bool,
}

/// All calls, by ticket: the earliest first.
#[derive(Debug, Default)]
pub struct PythonCalls {
    /// The calls.
    pub calls: BTreeMap<u64, PythonCall>,
}

impl PythonCalls {
    /// The call that has run, or waited, for longest, but for those that are being killed.
    pub fn oldest(&self) -> Option<(u64, &PythonCall)> {
        let mut calls = self.calls.iter().filter(|(_, call)| !call.is_killed);
        calls.next().map(|(ticket, call)| (*ticket, call))
    }
}
