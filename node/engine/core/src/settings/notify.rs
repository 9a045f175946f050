//! The classes of keyspace events, as `notify-keyspace-events` chooses them by letters.

use bitflags::bitflags;

use super::Field;

bitflags! {
    /// Classes of events, and the channels they appear on.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NotifyClass: u32 {
        /// `K`: on the channel of the key.
        const KEYSPACE = 1;
        /// `E`: on the channel of the event.
        const KEYEVENT = 1 << 1;
        /// `g`: commands on keys of any type (DEL, EXPIRE, RENAME ...).
        const GENERIC = 1 << 2;
        /// `$`: strings.
        const STRING = 1 << 3;
        /// `l`: lists.
        const LIST = 1 << 4;
        /// `s`: sets.
        const SET = 1 << 5;
        /// `h`: hashes.
        const HASH = 1 << 6;
        /// `z`: sorted sets.
        const SORTED_SET = 1 << 7;
        /// `x`: keys that expired.
        const EXPIRED = 1 << 8;
        /// `e`: keys that were evicted.
        const EVICTED = 1 << 9;
        /// `t`: streams.
        const STREAM = 1 << 10;
        /// `m`: look-ups of keys that are not there; not part of `A`.
        const MISSED = 1 << 11;
        /// `d`: module types.
        const MODULE = 1 << 12;
        /// `n`: new keys; not part of `A`.
        const NEW = 1 << 13;
        /// `A`: all classes but `m` and `n`.
        const ALL = 0b1_0111_1111_1100;
    }
}

const LETTERS: [(char, NotifyClass); 15] = [
    ('A', NotifyClass::ALL),
    ('K', NotifyClass::KEYSPACE),
    ('E', NotifyClass::KEYEVENT),
    ('g', NotifyClass::GENERIC),
    ('$', NotifyClass::STRING),
    ('l', NotifyClass::LIST),
    ('s', NotifyClass::SET),
    ('h', NotifyClass::HASH),
    ('z', NotifyClass::SORTED_SET),
    ('x', NotifyClass::EXPIRED),
    ('e', NotifyClass::EVICTED),
    ('t', NotifyClass::STREAM),
    ('m', NotifyClass::MISSED),
    ('d', NotifyClass::MODULE),
    ('n', NotifyClass::NEW),
];

impl NotifyClass {
    /// Reads the letters of `notify-keyspace-events`; nothing when one of them has no meaning.
    pub fn from_letters(letters: &str) -> Option<Self> {
        letters.chars().try_fold(NotifyClass::empty(), |classes, letter| {
            LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, class)| classes | *class)
        })
    }
}

impl Field for NotifyClass {
    fn read(&mut self, text: &str) -> Option<()> {
        *self = NotifyClass::from_letters(text)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_choose_classes() {
        let all = NotifyClass::from_letters("KEA").unwrap();
        assert!(all.contains(NotifyClass::HASH | NotifyClass::EXPIRED | NotifyClass::KEYSPACE));
        assert!(!all.intersects(NotifyClass::MISSED | NotifyClass::NEW));
        assert_eq!(NotifyClass::from_letters("g$lshzxetd"), Some(NotifyClass::ALL));
        assert_eq!(NotifyClass::from_letters(""), Some(NotifyClass::empty()));
        assert_eq!(NotifyClass::from_letters("Kq"), None);
    }
}
