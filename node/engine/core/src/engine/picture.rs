//! Pictures of the data: the beginning of a snapshot, and what reads one back.

use super::Engine;
use crate::keyspace::Db;
use crate::replication::state::history::StreamId;
use crate::snapshot::loader::{Loader, PayloadForm};
use crate::snapshot::producer::Producer;
use crate::snapshot::{RdbOptions, RdbWriterOptions};

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// The data set: function libraries and keys.
    Data,
    /// The same, as the beginning of an append-only file.
    LogBase,
    /// Function libraries alone.
    Functions,
}

impl Engine {
    /// A snapshot of the keyspace as it is now.
    ///
    /// `position` is the history and offset that it is of, and `stream_db` the database that the stream has selected
    /// there; the base of a log says that it is one.
    pub(crate) fn new_snapshot(
        &mut self,
        position: Option<(StreamId, u64)>,
        stream_db: usize,
        contents: Contents,
    ) -> Producer {
        let options =
            RdbWriterOptions { compress: self.settings.rdbcompression, checksum: self.settings.rdbchecksum };
        let created = (self.clock.unix_ms / 1000).to_string();
        let (memory, stream_db) = (crate::base::alloc::used_memory().to_string(), stream_db.to_string());
        let offset = position.map_or(0, |(_, offset)| offset).to_string();
        let mut aux = vec![
            ("redis-ver", crate::REDIS_VERSION),
            ("redis-bits", "64"),
            ("ctime", &created),
            ("used-mem", &memory),
        ];
        if let Some((id, _)) = &position {
            aux.extend([
                ("repl-stream-db", stream_db.as_str()),
                ("repl-id", id.as_str()),
                ("repl-offset", &offset),
            ]);
        }
        let shard = self.host.facts.get("shard_id").cloned();
        if let Some(shard) = &shard {
            aux.push(("garrison-shard", shard));
        }
        aux.push(("aof-base", if contents == Contents::LogBase { "1" } else { "0" }));
        let functions = self.scripting.library_sources();
        let dbs = match contents {
            Contents::Functions => &mut [][..],
            Contents::Data | Contents::LogBase => &mut self.keyspace.dbs,
        };
        Producer::start(dbs, None, options, (&aux, &functions))
    }

    /// What reads a snapshot of this form into a data set beside the present one.
    ///
    /// Without a form the items come from another reader.
    pub(crate) fn new_loader(&mut self, form: Option<PayloadForm>) -> Loader {
        let staging = self.keyspace.dbs.iter().map(Db::new_like).collect();
        Loader::new(form, staging, self.rdb_options(), self.access_clock(), self.clock.unix_ms)
    }

    /// How snapshots are read.
    pub fn rdb_options(&self) -> RdbOptions {
        RdbOptions {
            limits: self.type_limits(),
            checksum: self.settings.rdbchecksum,
            ..RdbOptions::default()
        }
    }
}
