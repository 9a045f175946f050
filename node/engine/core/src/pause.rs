//! Pauses: commands are held, not refused, until a time or until they are let go.
//!
//! Four may pause: clients by CLIENT PAUSE, the control plane, FAILOVER, and the question to the Sentinels
//! ([`crate::hold`]). Each ends only its own pause; commands are held while one of them lasts. A held command waits in its session
//! ([`Suspension::Retry`](crate::session::Suspension::Retry)) and is checked again when it goes on.

use crate::command::table::Entry;
use crate::engine::Engine;
use crate::session::{Kind, Session};
use crate::waiting::Queue;

/// Commands are held until a time.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// When it ends, in milliseconds of the boot clock.
    pub until_boot_ms: i64,
    /// Whether reads are held too.
    pub all: bool,
}

/// The pause of one of those who may pause.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnPause(Option<Pause>);

impl OwnPause {
    /// Begins a pause; a longer one that is under way is not shortened, nor a wider one narrowed.
    pub fn extend(&mut self, pause: Pause) {
        let now = self.0.unwrap_or(Pause { until_boot_ms: i64::MIN, all: false });
        self.0 = Some(Pause {
            until_boot_ms: pause.until_boot_ms.max(now.until_boot_ms),
            all: pause.all || now.all,
        });
    }

    /// Whether it holds.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    fn end_if_due(&mut self, now_ms: i64) {
        self.0 = self.0.filter(|pause| pause.until_boot_ms > now_ms);
    }
}

/// All pauses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pauses {
    /// By CLIENT PAUSE.
    pub clients: OwnPause,
    /// By the control plane.
    pub control: OwnPause,
    /// By FAILOVER, until it has ended.
    pub failover: OwnPause,
    /// Until the Sentinels have said who is the primary.
    pub sentinels: OwnPause,
}

impl Pauses {
    /// Whether the stream to the replicas must stand still: for every pause but the one for the Sentinels.
    pub fn stop_the_stream(&self) -> bool {
        [self.clients, self.control, self.failover].iter().any(OwnPause::is_on)
    }
}

impl Engine {
    /// Holds writes, or everything, until a time of the boot clock in milliseconds, for the control plane.
    pub fn pause(&mut self, until_boot_ms: i64, all: bool) {
        self.clients.pauses.control.extend(Pause { until_boot_ms, all });
        self.combine_pauses();
    }

    /// Ends the control plane's pause.
    pub fn unpause(&mut self) {
        self.clients.pauses.control = OwnPause::default();
        self.combine_pauses();
    }

    /// Works out what holds now; the sessions that nothing holds any more go on.
    pub(crate) fn combine_pauses(&mut self) {
        self.clients.pauses.clients.end_if_due(self.clock.boot_ms);
        self.clients.pauses.control.end_if_due(self.clock.boot_ms);
        let Pauses { clients, control, failover, sentinels } = self.clients.pauses;
        // Several: look again when the first one ends.
        let both = |a: Pause, b: Pause| Pause {
            until_boot_ms: a.until_boot_ms.min(b.until_boot_ms),
            all: a.all || b.all,
        };
        self.clients.pause =
            [clients, control, failover, sentinels].into_iter().filter_map(|own| own.0).reduce(both);
        if self.clients.pause.is_none_or(|pause| !pause.all) {
            self.resume_all(Queue::Pause);
        }
    }

    /// Whether the pause holds this command.
    pub(crate) fn is_paused_for(&self, session: &Session, entry: &Entry) -> bool {
        if session.kind != Kind::Client || entry.full_name == "client|unpause" {
            return false;
        }
        let writes = || match entry.full_name {
            "exec" => session.transaction.as_ref().is_some_and(|transaction| transaction.writes()),
            _ => entry.may_replicate(),
        };
        self.clients.pause.is_some_and(|pause| pause.all || writes())
    }
}
