//! What each hash slot costs, for CLUSTER SLOT-STATS.
//!
//! Counted while `cluster-slot-stats-enabled` says so: the processor time and the traffic of commands by the slot of
//! their keys, and what the replication stream carries of it. The fields and their meaning are those of the public
//! documentation of CLUSTER SLOT-STATS.

use crate::cluster::slots::SLOT_COUNT;
use crate::resp::Args;

/// What a slot has cost since it came here or the counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotFigures {
    /// Microseconds that its commands took.
    pub cpu_us: u64,
    /// Bytes of its commands.
    pub network_bytes_in: u64,
    /// Bytes of their replies, and of what its changes sent to replicas.
    pub network_bytes_out: u64,
}

impl SlotFigures {
    /// Counts a command that was carried out.
    pub fn count(&mut self, elapsed_us: u64, args: Args<'_>, reply_bytes: usize) {
        self.cpu_us += elapsed_us;
        self.network_bytes_in += request_bytes(args) as u64;
        self.network_bytes_out += reply_bytes as u64;
    }
}

/// The figures of all slots.
#[derive(Clone, Debug)]
pub struct SlotStats(Box<[SlotFigures]>);

impl Default for SlotStats {
    fn default() -> Self {
        SlotStats(vec![SlotFigures::default(); SLOT_COUNT].into_boxed_slice())
    }
}

impl SlotStats {
    /// The figures of a slot, to be added to.
    #[inline]
    pub fn of(&mut self, slot: u16) -> &mut SlotFigures {
        &mut self.0[slot as usize % SLOT_COUNT]
    }

    /// The figures of a slot.
    pub fn get(&self, slot: u16) -> SlotFigures {
        self.0[slot as usize % SLOT_COUNT]
    }
}

/// The length of a command on the wire, as an array of bulk strings.
fn request_bytes(args: Args<'_>) -> usize {
    let line = |number: usize| itoa::Buffer::new().format(number).len() + 3;
    line(args.len()) + args.iter_from(0).map(|arg| line(arg.len()) + arg.len() + 2).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn request_bytes_are_those_of_the_wire() {
        for (args, wire) in [
            (&[&b"GET"[..], b"a"][..], &b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"[..]),
            (&[b"SET", b"0123456789", b""], b"*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$0\r\n\r\n"),
        ] {
            assert_eq!(request_bytes(OwnedArgs::from_slices(args).view()), wire.len());
        }
    }
}
