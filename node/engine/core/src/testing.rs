//! For unit tests of commands: an engine, and sessions that talk to it in lines of words.

use crate::clients::session::{Kind, Session, SessionKey};
use crate::engine::{Clock, Engine};
use crate::resp::OwnedArgs;
use crate::settings::Settings;

/// An engine under test, at a fixed time that tests move on by hand.
pub(crate) struct Bench {
    pub engine: Engine,
}

/// When tests begin, in Unix milliseconds.
pub(crate) const START_MS: i64 = 1_700_000_000_000;

impl Bench {
    /// An engine with these directives set.
    pub fn new(directives: &[(&str, &str)]) -> Self {
        let mut settings = Settings::default();
        for (directive, value) in directives {
            assert_eq!(settings.set(directive, value), Ok(true), "{directive}");
        }
        let clock = Clock { unix_ms: START_MS, unix_us: START_MS * 1000, boot_ms: 1_000 };
        Bench { engine: Engine::new(settings, 1, clock, || 0) }
    }

    /// Opens a client's session.
    pub fn client(&mut self) -> SessionKey {
        self.engine.open_session(Kind::Client).key
    }

    /// Runs a command given as words; returns what the session has to send, lines joined by spaces.
    pub fn say(&mut self, key: SessionKey, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.call(key, &words)
    }

    /// Runs a command given as arguments.
    pub fn call(&mut self, key: SessionKey, args: &[&[u8]]) -> String {
        let args = OwnedArgs::from_slices(args);
        let mut session = self.engine.clients.sessions.take(key).expect("the session is open");
        self.engine.execute(&mut session, args.view());
        self.engine.clients.sessions.put(session);
        self.heard(key)
    }

    /// Takes what a session has to send.
    pub fn heard(&mut self, key: SessionKey) -> String {
        let out = std::mem::take(&mut self.session(key).out);
        String::from_utf8_lossy(&out).replace("\r\n", " ").trim_end().to_owned()
    }

    /// A session.
    pub fn session(&mut self, key: SessionKey) -> &mut Session {
        self.engine.clients.sessions.get_mut(key).expect("the session is open")
    }

    /// Lets time pass.
    #[allow(dead_code)]
    pub fn advance(&mut self, ms: i64) {
        let clock = &mut self.engine.clock;
        clock.unix_ms += ms;
        clock.unix_us += ms * 1000;
        clock.boot_ms += ms;
    }
}
