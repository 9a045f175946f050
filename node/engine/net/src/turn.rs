//! From bytes to executed requests: the inner loop of a turn.

use garrison_engine_core::clients::session::Session;
use garrison_engine_core::engine::Engine;
use garrison_engine_core::resp::request::{Limits, Parsed, Parser, LIMITS, LIMITS_UNAUTHENTICATED};

/// Reply bytes of one session after which its batch is interrupted, so that its output is sent and its
/// limits are checked before more is executed.
///
/// What waits from earlier turns does not count: some clients send all of a long pipeline before they read, and
/// would wait for ever for a node that waits for them. `client-output-buffer-limit` and `maxmemory-clients` say how
/// much may wait.
const BATCH_REPLY_BYTES_MAX: usize = 1024 * 1024;

/// What became of a batch of bytes.
pub struct Executed {
    /// Bytes of executed requests.
    pub used: usize,
    /// Whether complete requests may remain behind them.
    pub interrupted: bool,
}

/// The limits that hold for a session's requests.
#[inline]
pub fn limits(engine: &Engine, session: &Session) -> Limits {
    if session.is_authenticated() {
        Limits { bulk_bytes_max: engine.settings.proto_max_bulk_len as usize, ..LIMITS }
    } else {
        LIMITS_UNAUTHENTICATED
    }
}

/// Output of a session at which the batch that begins now is interrupted, in bytes.
#[inline]
pub fn output_bytes_max(session: &Session) -> usize {
    session.out.len() + BATCH_REPLY_BYTES_MAX
}

/// Whether a session's next request must wait: for an answer, or for the next turn.
#[inline]
pub fn must_stop(session: &Session, output_bytes_max: usize) -> bool {
    session.is_suspended()
        || session.close_after_reply
        || session.close_now
        || session.out.len() > output_bytes_max
}

/// Executes the requests in `bytes`, one after the other, until they end or the session must wait.
///
/// `parser` is at the place of the first request in `bytes`, and afterwards at the place of the first
/// one not executed.
pub fn execute(engine: &mut Engine, session: &mut Session, parser: &mut Parser, bytes: &[u8]) -> Executed {
    let mut used = 0;
    let mut limits = limits(engine, session);
    let output_bytes_max = output_bytes_max(session);
    loop {
        if must_stop(session, output_bytes_max) {
            return Executed { used, interrupted: true };
        }
        let rest = &bytes[used..];
        match parser.parse(rest, &limits) {
            Parsed::Request(len) => {
                let strange = !session.is_authenticated();
                engine.execute(session, parser.args(rest));
                parser.reset();
                used += len;
                if strange {
                    limits = self::limits(engine, session);
                }
            }
            Parsed::Incomplete => return Executed { used, interrupted: false },
            Parsed::Invalid(message) => {
                engine.protocol_error(session, &message);
                return Executed { used: bytes.len(), interrupted: false };
            }
        }
    }
}
