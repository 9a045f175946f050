//! Who speaks: the user of a session, where its commands come from, and what they may skip for it.
//!
//! BACKGROUND. Most commands come from clients and pass every check. The stream of our primary says what has happened
//! already, so nothing of it may be refused here; a file that is loaded says the same of the past. A transaction (and a
//! script) speaks for the session that runs it, in a [`Frame`] of its own: what the session's origin may skip it may
//! skip too, but nobody can wait in the middle of it.
//!
//! INVARIANT. Nothing else asks what an origin is to decide what it may do: a new origin, or a new check, is answered
//! here.

/// A user. Today there is the default one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct User(u32);

impl User {
    /// The user of all who do not name one.
    pub const DEFAULT: User = User(0);

    /// Its name.
    pub const fn name(self) -> &'static str {
        "default"
    }

    /// The user of this name.
    pub fn named(name: &[u8]) -> Option<User> {
        (name == User::DEFAULT.name().as_bytes()).then_some(User::DEFAULT)
    }
}

/// Where the commands of a session come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An ordinary client.
    Client,
    /// A replica of ours that receives the stream.
    Replica,
    /// The stream of our primary: its commands are applied without a reply.
    Primary,
    /// The control plane.
    Control,
    /// A file that is loaded.
    File,
}

impl Origin {
    /// Whether its commands have been carried out before, elsewhere or in an earlier life: they are applied without
    /// the checks that protect this node and its clients, whatever they cost and however large they are.
    #[inline]
    pub const fn skips_checks(self) -> bool {
        matches!(self, Origin::Primary | Origin::File)
    }

    /// Whether it sees keys and fields past their time, as its own deletion of them is still to come.
    #[inline]
    pub const fn sees_expired(self) -> bool {
        matches!(self, Origin::Primary | Origin::File)
    }

    /// Whether its commands are refused while the data is read from files.
    pub const fn waits_for_data(self) -> bool {
        matches!(self, Origin::Client | Origin::Replica)
    }

    /// Whether it speaks for the default user without a password.
    pub const fn skips_password(self) -> bool {
        !matches!(self, Origin::Client | Origin::Replica)
    }

    /// Whether no pause holds its commands.
    #[inline]
    pub const fn skips_pauses(self) -> bool {
        !matches!(self, Origin::Client)
    }

    /// Whether its writes are acknowledged to nobody, so that they need no lease.
    #[inline]
    pub const fn skips_lease(self) -> bool {
        !matches!(self, Origin::Client)
    }

    /// Whether it may use what `enable-debug-command` and its like keep from clients.
    pub const fn skips_permissions(self) -> bool {
        matches!(self, Origin::Control)
    }

    /// Whether its session may be suspended until a key or a replica is ready.
    #[inline]
    pub const fn may_wait(self) -> bool {
        matches!(self, Origin::Client)
    }

    /// Whether its session may turn into a replica of ours; one that is a replica asks again in vain.
    pub const fn may_sync(self) -> bool {
        matches!(self, Origin::Client)
    }
}

/// What carries out a command for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    /// EXEC, for each command of its queue.
    Transaction,
    /// A script or function.
    Script,
}

/// One level of a running command. EXEC has one, and each command of its queue has another within it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Whose session runs it.
    pub origin: Origin,
    /// What runs it for the session; nothing at the top.
    pub nested: Option<Nested>,
    /// How many changes to the keyspace it has made so far.
    pub dirty: u64,
    /// Whether it is replicated as it was given.
    pub verbatim: bool,
}

impl Default for Frame {
    fn default() -> Self {
        Frame::top(Origin::Control)
    }
}

impl Frame {
    /// A command that a session gives by itself.
    #[inline]
    pub const fn top(origin: Origin) -> Self {
        Frame { origin, nested: None, dirty: 0, verbatim: true }
    }

    /// A command of the same session that this one runs.
    pub const fn within(self, nested: Nested) -> Self {
        Frame { nested: Some(nested), ..Frame::top(self.origin) }
    }

    /// The next command at this level.
    #[inline]
    pub const fn next(self) -> Self {
        Frame { dirty: 0, verbatim: true, ..self }
    }

    /// Whether the session may be suspended here until a key or a replica is ready.
    #[inline]
    pub const fn may_wait(&self) -> bool {
        self.nested.is_none() && self.origin.may_wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Origin; 5] =
        [Origin::Client, Origin::Replica, Origin::Primary, Origin::Control, Origin::File];

    #[test]
    fn client_skips_nothing() {
        let skipped = |origin: Origin| {
            [
                origin.skips_checks(),
                origin.sees_expired(),
                origin.skips_password(),
                origin.skips_pauses(),
                origin.skips_lease(),
                origin.skips_permissions(),
            ]
        };
        assert_eq!(skipped(Origin::Client), [false; 6]);
        assert_eq!(skipped(Origin::File), skipped(Origin::Primary));
        assert_eq!(ALL.map(Origin::may_wait), [true, false, false, false, false]);
    }

    #[test]
    fn nested_frame_keeps_the_origin_and_waits_for_nothing() {
        for origin in ALL {
            let outer = Frame { dirty: 3, verbatim: false, ..Frame::top(origin) };
            for nested in [Nested::Transaction, Nested::Script] {
                let inner = outer.within(nested);
                assert_eq!((inner.origin, inner.nested), (origin, Some(nested)));
                assert_eq!((inner.dirty, inner.verbatim, inner.may_wait()), (0, true, false));
                assert_eq!(inner.next().nested, Some(nested));
            }
        }
        assert!(Frame::top(Origin::Client).may_wait());
    }
}
