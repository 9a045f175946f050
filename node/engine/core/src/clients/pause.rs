//! Pauses: commands are held, not refused, until a time or until they are let go.
//!
//! Four may pause: clients by CLIENT PAUSE, the control plane, FAILOVER, and the question to the Sentinels
//! ([`crate::engine::hold`]). Each ends only its own pause; commands are held while one of them lasts. A held command waits in its session
//! ([`Suspension::Retry`](crate::clients::session::Suspension::Retry)) and is checked again when it goes on.

use crate::base::clock::BootMs;
/// Commands are held until a time.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// When it ends, in milliseconds of the boot clock.
    pub until_boot_ms: BootMs,
    /// Whether reads are held too.
    pub all: bool,
}

/// The pause of one of those who may pause.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnPause(Option<Pause>);

impl OwnPause {
    /// Begins a pause; a longer one that is under way is not shortened, nor a wider one narrowed.
    pub fn extend(&mut self, pause: Pause) {
        let now = self.0.unwrap_or(Pause { until_boot_ms: BootMs::MIN, all: false });
        self.0 = Some(Pause {
            until_boot_ms: pause.until_boot_ms.max(now.until_boot_ms),
            all: pause.all || now.all,
        });
    }

    /// The pause, while it lasts.
    pub fn pause(&self) -> Option<Pause> {
        self.0
    }

    /// Whether it holds.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Ends it when its time has come.
    pub fn end_if_due(&mut self, now_ms: BootMs) {
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
