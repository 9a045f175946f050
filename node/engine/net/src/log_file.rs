//! Writing the append-only file, straight from the blocks of the stream.
//!
//! It is written within the turn, before the replies leave; so a SIGKILL of this process loses nothing that a client
//! has been told of and that no sync under way was holding up.

use std::io::{ErrorKind, Write};

use garrison_engine_core::persistence::state::disk::DiskOrder;

use crate::reactor::Reactor;

impl Reactor {
    /// Writes what the turn has appended to the stream, and asks for a sync where one is due.
    pub(crate) fn write_log(&mut self) {
        let Some(file) = &mut self.log_file else { return };
        loop {
            let bytes = self.engine.log_output();
            if bytes.is_empty() {
                break;
            }
            match file.write(bytes) {
                Ok(0) => return self.engine.log_failed("the disk took no byte"),
                Ok(written) => self.engine.log_written(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.engine.log_failed(&error.to_string()),
            }
        }
        if let Some(order) = self.engine.log_sync_due() {
            self.files.give(DiskOrder::SyncLog { file: order }, &self.mailbox);
        }
    }
}
