//! Where the memory goes, for INFO and MEMORY.

use crate::clients::origin::Origin;
use crate::engine::Engine;
use crate::resp::failure::Failure;

pub(crate) const OUT_OF_MEMORY: Failure =
    Failure::Text("OOM command not allowed when used memory > 'maxmemory'.");

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFigures {
    /// In use, as the allocator rounds it.
    pub used: u64,
    /// What the allocator has from the operating system and has not given back.
    pub committed: u64,
    /// The most that was in use.
    pub peak: u64,
    /// In use when the engine was new.
    pub startup: u64,
    /// Not keys and values: tables, buffers, the engine itself.
    pub overhead: u64,
    /// The replication backlog and the stream that replicas have not taken yet.
    pub backlog: u64,
    /// Buffers of ordinary clients.
    pub clients_normal: u64,
    /// Buffers of replicas.
    pub clients_replicas: u64,
}

impl MemoryFigures {
    /// Bytes of keys and values.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead)
    }

    /// The three ratios in which memory is lost, with the bytes lost: within the allocator's pages, in pages that it
    /// holds and the operating system has not, and outside of the allocator.
    pub fn ratios(&self, resident: u64) -> [(&'static str, f64, i64); 3] {
        let part = |name, whole: u64, of: u64| {
            let ratio = if of == 0 { 0.0 } else { whole as f64 / of as f64 };
            (name, ratio, whole as i64 - of as i64)
        };
        [
            part("allocator-fragmentation", self.committed, self.used),
            part("allocator-rss", resident, self.committed),
            part("rss-overhead", resident, resident),
        ]
    }
}

impl Engine {
    /// Adds up where the memory goes. Takes time in proportion to the number of clients.
    pub fn memory_figures(&self) -> MemoryFigures {
        let of_kind = |replicas: bool| -> u64 {
            self.clients
                .sessions
                .iter()
                .filter(|session| (session.origin == Origin::Replica) == replicas)
                .map(|session| session.memory_bytes() as u64)
                .sum()
        };
        let tables: u64 = self.keyspace.dbs.iter().map(|db| db.overhead_bytes() as u64).sum();
        let mut figures = MemoryFigures {
            used: crate::base::alloc::used_memory() as u64,
            committed: (crate::base::alloc::committed_memory() as u64)
                .min((self.host.process)().resident_bytes),
            peak: crate::base::alloc::peak_memory() as u64,
            startup: self.host.startup_bytes,
            overhead: 0,
            backlog: self.replication.stream.memory_bytes() as u64,
            clients_normal: of_kind(false),
            clients_replicas: of_kind(true),
        };
        figures.overhead =
            figures.startup + tables + figures.backlog + figures.clients_normal + figures.clients_replicas;
        figures
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    const REFUSED: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

    #[test]
    fn new_data_is_refused_at_the_limit() {
        let mut bench = Bench::new(&[]);
        let client = bench.client();
        bench.say(client, "SET k v");
        bench.say(client, "MULTI");
        bench.say(client, "SET k w");
        bench.engine.settings.maxmemory = 1;
        assert_eq!(
            bench.say(client, "EXEC"),
            REFUSED.replace("-OOM", "-EXECABORT Transaction discarded because of: OOM")
        );
        assert_eq!(bench.say(client, "SET k w"), REFUSED);
        assert_eq!(bench.say(client, "GET k"), "$1 v");
        bench.say(client, "MULTI");
        assert_eq!(bench.say(client, "GET k"), "+QUEUED");
        assert_eq!(bench.say(client, "SET k w"), REFUSED);
        assert!(bench.say(client, "EXEC").starts_with("-EXECABORT"));
        bench.say(client, "MULTI");
        bench.say(client, "GET k");
        assert_eq!(bench.say(client, "EXEC"), "*1 $1 v");
        assert_eq!(bench.say(client, "DEL k"), ":1");
    }
}
