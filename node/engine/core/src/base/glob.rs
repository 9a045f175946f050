//! Glob patterns of KEYS, SCAN, PSUBSCRIBE and CONFIG GET: `*`, `?`, `[a-c]`, `[^x]`, `\` escapes.
//!
//! The match is iterative with one point to go back to, so a hostile pattern costs at most
//! pattern length times text length, never exponential time and never a deep stack.

/// Whether `text` matches `pattern` as a whole.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // After the last `*`: where its pattern goes on, and how much text it has swallowed so far.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            retry = Some((p, t));
            continue;
        }
        match match_one(&pattern[p.min(pattern.len())..], text[t], ignore_case) {
            Some(used) => {
                p += used;
                t += 1;
            }
            None => match &mut retry {
                Some((after_star, from)) => {
                    *from += 1;
                    (p, t) = (*after_star, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|&byte| byte == b'*')
}

/// Matches one element of a pattern against one byte; returns the element's length if it fits.
fn match_one(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let fold = |b: u8| if ignore_case { b.to_ascii_lowercase() } else { b };
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => match_class(class, byte, fold).map(|used| used + 1),
        [b'\\', escaped, ..] => (fold(*escaped) == fold(byte)).then_some(2),
        [literal, ..] => (fold(*literal) == fold(byte)).then_some(1),
    }
}

/// Matches what stands behind `[`; a class without its `]` reaches to the pattern's end.
fn match_class(class: &[u8], byte: u8, fold: impl Fn(u8) -> u8) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut i = usize::from(negated);
    let mut found = false;
    let byte = fold(byte);
    loop {
        match &class[i.min(class.len())..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= fold(*escaped) == byte;
                i += 2;
            }
            [b']', ..] => {
                i += 1;
                break;
            }
            [low, b'-', high, ..] => {
                let (low, high) = (fold(*low.min(high)), fold(*low.max(high)));
                found |= (low..=high).contains(&byte);
                i += 3;
            }
            [literal, ..] => {
                found |= fold(*literal) == byte;
                i += 1;
            }
        }
    }
    (found != negated).then_some(i.min(class.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("h[ae]llo", "hello", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*[0-9]", "key7", true),
            ("a**b*", "axxb", true),
            ("[", "[", false),
            ("foo*", "fo", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} {text}");
        }
        assert!(matches(b"MAX*", b"maxmemory", true));
    }

    #[test]
    fn hostile_pattern_is_cheap() {
        let pattern = b"a*".repeat(5_000);
        assert!(!matches(&pattern, &[b'a'; 4_000], false));
    }

    /// The textbook recursive definition, for patterns of `*`, `?` and letters.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => naive(rest, text) || (!text.is_empty() && naive(pattern, &text[1..])),
            ([b'?', p @ ..], [_, t @ ..]) => naive(p, t),
            ([a, p @ ..], [b, t @ ..]) => a == b && naive(p, t),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), false),
                naive(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
