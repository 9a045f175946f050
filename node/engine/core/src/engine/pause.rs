//! Pauses begin and end here; see [`crate::clients::pause`].

use super::Engine;
use crate::base::clock::BootMs;
use crate::clients::pause::{OwnPause, Pause, Pauses};
use crate::clients::waiting::Queue;

impl Engine {
    /// Holds writes, or everything, until a time of the boot clock in milliseconds, for the control plane.
    pub fn pause(&mut self, until_boot_ms: BootMs, all: bool) {
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
            [clients, control, failover, sentinels].into_iter().filter_map(|own| own.pause()).reduce(both);
        if self.clients.pause.is_none_or(|pause| !pause.all) {
            self.resume_all(Queue::Pause);
        }
    }
}
