//! DEBUG RELOAD: the data set is written as RDB and read back.
//!
//! It stays in memory. What tests want of it, that every value survives its form in RDB, is shown all the same, and
//! replicas need not hear of it, as the data does not change. Files are read at a start only.

use crate::dispatch::{Ctx, Failure, Outcome};
use crate::engine::effects::Level;
use crate::snapshot::loader::PayloadForm;
use crate::snapshot::producer::{Producer, Progress, SnapshotSink};
use crate::snapshot::RdbWriterOptions;

pub(super) fn reload(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.args.len() > 2 {
        let option = String::from_utf8_lossy(ctx.arg(2)).to_uppercase();
        return Err(Failure::new(format!(
            "ERR DEBUG RELOAD {option} is not offered: the data is written and read back in memory. Restart the node to \
             have it read its files"
        )));
    }
    if !ctx.engine.replication.replicas.full_syncs.is_empty() {
        return Err(Failure::Text(
            "ERR DEBUG RELOAD has to wait for the full sync of a replica that is under way",
        ));
    }
    let engine = &mut *ctx.engine;
    let options =
        RdbWriterOptions { compress: engine.settings.rdbcompression, checksum: engine.settings.rdbchecksum };
    let mut sink = Memory::default();
    let mut producer = Producer::start(&mut engine.keyspace.dbs, None, options, (&[], &[]));
    let failed = |error: String| Failure::new(format!("ERR Error trying to reload the data: {error}"));
    while producer.step(&mut engine.keyspace.dbs, &mut sink).map_err(failed)? != Progress::Complete {}
    let mut loader = engine.new_loader(Some(PayloadForm::Sized(sink.0.len() as u64)));
    loader.take(&sink.0).map_err(failed)?;
    for (number, new) in loader.into_databases().into_iter().enumerate() {
        engine.database_reloaded(number);
        engine.keyspace.dbs[number].replace_contents(new);
    }
    engine.keyspace.dirty = 0;
    engine.log(Level::Warning, "DB reloaded by DEBUG RELOAD");
    ctx.ok()
}

/// Takes a whole snapshot.
#[derive(Default)]
struct Memory(Vec<u8>);

impl SnapshotSink for Memory {
    fn has_room(&self) -> bool {
        true
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
