//! An engine for targets that speak to it in commands.

use garrison_engine_core::base::clock::BootMs;
use garrison_engine_core::clients::origin::Origin;
use garrison_engine_core::clients::session::SessionKey;
use garrison_engine_core::engine::{Clock, Engine};
use garrison_engine_core::formats::crc64::crc64;
use garrison_engine_core::resp::OwnedArgs;
use garrison_engine_core::settings::Settings;

const NOW_MS: i64 = 1_700_000_000_000;

/// Small limits, so that values change their encoding, and a bound on what one command may make.
const DIRECTIVES: [(&str, &str); 9] = [
    ("proto-max-bulk-len", "1048576"),
    ("hash-max-listpack-entries", "6"),
    ("list-max-listpack-size", "4"),
    ("set-max-intset-entries", "6"),
    ("set-max-listpack-entries", "6"),
    ("zset-max-listpack-entries", "6"),
    ("stream-node-max-entries", "4"),
    ("hll-sparse-max-bytes", "200"),
    ("enable-debug-command", "yes"),
];

/// A node without sockets, and one client.
pub struct Node {
    engine: Engine,
    key: SessionKey,
}

impl Node {
    pub fn new() -> Self {
        let mut settings = Settings::default();
        for (directive, value) in DIRECTIVES {
            assert_eq!(settings.set(directive, value), Ok(true), "{directive}");
        }
        let clock = Clock { unix_ms: NOW_MS, unix_us: NOW_MS * 1000, boot_ms: BootMs::new(1_000) };
        let mut engine = Engine::new(settings, 1, clock, || 0);
        let key = engine.open_session(Origin::Client).key;
        Node { engine, key }
    }

    /// Runs a command; what it answers. A session that waits is replaced.
    pub fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let args = OwnedArgs::from_slices(args);
        let mut session = self.engine.clients.sessions.take(self.key).expect("the session is open");
        self.engine.execute(&mut session, args.view());
        let out = std::mem::take(&mut session.out);
        self.engine.clients.sessions.put(session);
        self.engine.end_turn();
        self.engine.effects = Default::default();
        if out.is_empty() {
            self.renew();
        }
        out
    }

    /// A new session, which is in no transaction and in database 0.
    pub fn renew(&mut self) {
        self.engine.close_session(self.key);
        self.key = self.engine.open_session(Origin::Client).key;
    }

    /// Runs lines of words.
    #[allow(dead_code)] // one target has commands of its own
    pub fn say(&mut self, lines: &str) {
        for line in lines.split(['|', '\n']) {
            let words: Vec<&[u8]> = line.split_ascii_whitespace().map(str::as_bytes).collect();
            self.call(&words);
        }
    }

    /// What keys hold can be dumped, and the dump gives the same.
    pub fn check(&mut self, keys: &[&[u8]]) {
        self.call(&[b"CLIENT", b"UNPAUSE"]);
        for key in keys {
            self.call(&[b"PERSIST", key]);
            let dump = self.call(&[b"DUMP", key]);
            if dump.starts_with(b"$-1") {
                continue;
            }
            assert_eq!(dump.first(), Some(&b'$'), "{}", String::from_utf8_lossy(&dump));
            let payload = dump.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let payload = &dump[payload..dump.len() - 2];
            assert_eq!(self.call(&[b"RESTORE", b"copy", b"0", payload, b"REPLACE"]), b"+OK\r\n");
            let digests = [*key, b"copy"].map(|key| self.call(&[b"DEBUG", b"DIGEST-VALUE", key]));
            assert_eq!(digests[0], digests[1]);
        }
    }
}

/// A payload with the seal that it should have.
#[allow(dead_code)] // one target has no payloads
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut payload = [bytes, &12_u16.to_le_bytes()].concat();
    let sum = crc64(&payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}
