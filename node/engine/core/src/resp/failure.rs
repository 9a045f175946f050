//! The error replies of commands. A handler returns one; dispatch writes and counts it.

use super::peer_commands::not_built_yet;
use super::Args;

/// What a handler returns: the reply has been written, or is this error.
pub type Outcome = Result<(), Failure>;

/// An error reply, its code first (`ERR ...`, `WRONGTYPE ...`), without the leading dash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A fixed text.
    Text(&'static str),
    /// A composed text.
    Owned(Box<str>),
}

/// The key holds another type.
pub const WRONG_TYPE: Failure =
    Failure::Text("WRONGTYPE Operation against a key holding the wrong kind of value");
/// The arguments do not fit the syntax.
pub const SYNTAX: Failure = Failure::Text("ERR syntax error");
/// An argument is no 64-bit integer.
pub const NOT_AN_INTEGER: Failure = Failure::Text("ERR value is not an integer or out of range");
/// An argument is no floating point number.
pub const NOT_A_FLOAT: Failure = Failure::Text("ERR value is not a valid float");
/// The key does not exist.
pub const NO_SUCH_KEY: Failure = Failure::Text("ERR no such key");
/// A position is outside of the value.
pub const OUT_OF_RANGE: Failure = Failure::Text("ERR index out of range");

/// The answer to commands that only make sense in a cluster.
pub const NO_CLUSTER: Failure = Failure::Text("ERR This instance has cluster support disabled");

impl Failure {
    /// A composed text, its code first.
    pub fn new(text: impl Into<String>) -> Self {
        Failure::Owned(text.into().into_boxed_str())
    }

    /// The text of the reply.
    pub fn text(&self) -> &str {
        match self {
            Failure::Text(text) => text,
            Failure::Owned(text) => text,
        }
    }

    /// The first word, by which errors are counted.
    pub fn code(&self) -> &str {
        self.text().split(' ').next().unwrap_or("ERR")
    }

    /// Whether it sends the client to another node.
    pub fn is_redirect(&self) -> bool {
        matches!(self.code(), "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" | "CLUSTERDOWN")
    }

    /// The number of arguments does not fit the command `full_name` (`config|get` for a subcommand).
    pub fn wrong_arity(full_name: &str) -> Self {
        Failure::new(format!("ERR wrong number of arguments for '{full_name}' command"))
    }

    /// There is no such command.
    pub fn unknown_command(args: Args<'_>) -> Self {
        let mut text =
            format!("ERR unknown command '{}', with args beginning with: ", shortened(args.get(0)));
        for arg in args.iter_from(1) {
            if text.len() >= 128 {
                break;
            }
            text.push_str(&format!("'{}' ", shortened(arg)));
        }
        if let Some(note) = not_built_yet(&shortened(args.get(0))) {
            text.push_str(&format!("({note})"));
        }
        Failure::new(text)
    }

    /// The container has no such subcommand.
    pub fn unknown_subcommand(args: Args<'_>) -> Self {
        let (name, subcommand) = (shortened(args.get(0)), shortened(args.get(1)));
        let mut text = format!("ERR unknown subcommand '{subcommand}'. Try {} HELP.", name.to_uppercase());
        if let Some(note) = not_built_yet(&format!("{name}|{subcommand}")) {
            text.push_str(&format!(" ({note})"));
        }
        Failure::new(text)
    }
}

/// At most 128 bytes of an outsider's text, printable.
fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(128)]).into_owned()
}
