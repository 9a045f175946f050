//! The reactor: sockets, timers and threads around [`garrison_engine_core`].
//!
//! One thread owns the engine and everything that clients see. Each turn it reads what is ready into
//! one shared buffer, executes, and writes the replies; an idle connection owns no buffer. The control
//! plane stands outside: requests come in by a [`mailbox::Mailbox`], events go out by an
//! [`mailbox::Outbox`], each drained in one go.

mod batch;
mod buffers;
pub mod clock;
mod connection;
pub mod control;
mod files;
mod freeing;
mod listen;
mod loading;
mod log_file;
pub mod mailbox;
mod migrations;
mod networks;
mod outbound;
mod primary;
pub mod process;
mod reactor;
mod streams;
pub mod turn;

pub use listen::ListenError;
pub use mailbox::{Mailbox, Outbox, PauseMode, Request};
pub use reactor::Reactor;
