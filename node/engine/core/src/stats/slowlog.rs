//! SLOWLOG: the commands that took longest, most recent first, bounded in number and in size.

use std::collections::VecDeque;

use crate::clients::session::Session;
use crate::settings::Settings;

/// Most arguments kept of one command; the last one then tells how many were left out.
pub const ENTRY_ARGS_MAX: usize = 32;
/// Most bytes kept of one argument.
pub const ENTRY_ARG_BYTES_MAX: usize = 128;

impl Settings {
    /// From how many microseconds on a command is looked at by SLOWLOG or LATENCY.
    #[inline]
    pub fn slow_from_us(&self) -> u64 {
        let slowlog = u64::try_from(self.slowlog_log_slower_than).unwrap_or(u64::MAX);
        match self.latency_monitor_threshold {
            0 => slowlog,
            ms => slowlog.min(ms.saturating_mul(1000)),
        }
    }
}

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowCommand {
    /// Number, never reused.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub time_s: i64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Who gave it.
    pub addr: Box<str>,
    /// CLIENT SETNAME.
    pub name: Box<[u8]>,
}

/// The log.
#[derive(Clone, Debug, Default)]
pub struct Slowlog {
    /// Most recent first.
    pub entries: VecDeque<SlowCommand>,
    next_id: u64,
}

impl Slowlog {
    /// Records a command by what an outsider may see of it, dropping the oldest ones above `slowlog-max-len`.
    pub fn record<'a>(
        &mut self,
        settings: &Settings,
        session: &Session,
        shown: impl ExactSizeIterator<Item = &'a [u8]>,
        duration_us: u64,
        now_ms: i64,
    ) {
        self.entries.push_front(SlowCommand {
            id: self.next_id,
            time_s: now_ms / 1000,
            duration_us,
            args: shorten(shown),
            addr: session.addr.clone(),
            name: session.name.clone(),
        });
        self.next_id += 1;
        self.entries.truncate(settings.slowlog_max_len);
    }
}

fn shorten<'a>(shown: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let len = shown.len();
    let kept = if len > ENTRY_ARGS_MAX { ENTRY_ARGS_MAX - 1 } else { len };
    let mut words: Vec<Vec<u8>> = shown
        .take(kept)
        .map(|arg| match arg.len().checked_sub(ENTRY_ARG_BYTES_MAX) {
            Some(more) if more > 0 => {
                let mut word = arg[..ENTRY_ARG_BYTES_MAX].to_vec();
                word.extend(format!("... ({more} more bytes)").bytes());
                word
            }
            _ => arg.to_vec(),
        })
        .collect();
    if kept < len {
        words.push(format!("... ({} more arguments)", len - kept).into_bytes());
    }
    words
}
