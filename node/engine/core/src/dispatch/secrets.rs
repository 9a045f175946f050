//! Which arguments an outsider may see: in the log of slow commands, and by MONITOR.

use crate::resp::Args;

/// The arguments as an outsider may see them: passwords are left out.
pub(crate) fn hide_secrets<'a>(args: Args<'a>) -> impl ExactSizeIterator<Item = &'a [u8]> + 'a {
    let is = |index: usize, word: &str| args.get(index).eq_ignore_ascii_case(word.as_bytes());
    let behind = |word: &str| (1..args.len()).find(|&index| is(index, word)).map_or(usize::MAX, |at| at + 1);
    // Everything from this position on is hidden.
    let hidden_from = match () {
        () if is(0, "auth") => 1,
        () if is(0, "hello") => behind("auth"),
        () if is(0, "migrate") => behind("auth").min(behind("auth2")),
        () => usize::MAX,
    };
    let is_config_set = is(0, "config") && is(1, "set");
    args.iter_from(0).enumerate().map(move |(index, arg)| {
        let is_value = is_config_set && index >= 3 && is_secret(args.get(index - 1));
        match index >= hidden_from || is_value {
            true => b"(redacted)".as_slice(),
            false => arg,
        }
    })
}

/// Whether a directive holds a password.
fn is_secret(directive: &[u8]) -> bool {
    [b"requirepass".as_slice(), b"masterauth", b"masteruser", b"cluster-secret"]
        .iter()
        .any(|name| directive.eq_ignore_ascii_case(name))
}
