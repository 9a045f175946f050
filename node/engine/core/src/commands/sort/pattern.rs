//! Patterns of SORT: `weight_*` names a key for each element, `object_*->field` a field of a hash, `#` the element.

use crate::dispatch::Ctx;
use crate::keyspace::ValueRef;

/// The tag that decides the slot of every key that a pattern names; `None` where the elements decide it.
pub(super) fn tag(pattern: &[u8]) -> Option<&[u8]> {
    let open = pattern.iter().position(|&byte| byte == b'{')?;
    let behind = pattern.get(open + 1..)?;
    let len = behind.iter().position(|&byte| byte == b'}')?;
    let is_fixed = !pattern[..open + 1 + len].contains(&b'*');
    (len > 0 && is_fixed).then(|| &behind[..len])
}

/// The key and the field that a pattern names for an element; `None` for a pattern that names none.
fn key_and_field<'p>(pattern: &'p [u8], element: &[u8]) -> Option<(Vec<u8>, Option<&'p [u8]>)> {
    let star = pattern.iter().position(|&byte| byte == b'*')?;
    let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = behind.windows(2).position(|two| two == b"->").filter(|at| at + 2 < behind.len());
    let (behind, field) = match arrow {
        Some(at) => (&behind[..at], Some(&behind[at + 2..])),
        None => (behind, None),
    };
    Some(([before, element, behind].concat(), field))
}

/// What a pattern means for an element; `None` where nothing is there.
pub(super) fn look_up(ctx: &mut Ctx<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let (name, field) = key_and_field(pattern, element)?;
    let key = ctx.key_of(&name);
    match (ctx.read(&key)?.value(), field) {
        (ValueRef::Hash(hash), Some(field)) => hash.get(field).map(|value| value.to_vec()),
        (value, None) => value.string(&mut itoa::Buffer::new()).map(<[u8]>::to_vec),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_a_key_and_perhaps_a_field() {
        let named = |pattern: &'static str| key_and_field(pattern.as_bytes(), b"7");
        assert_eq!(named("w_*"), Some((b"w_7".to_vec(), None)));
        assert_eq!(named("a*b*"), Some((b"a7b*".to_vec(), None)));
        assert_eq!(named("h_*->f->g"), Some((b"h_7".to_vec(), Some(&b"f->g"[..]))));
        assert_eq!(named("h_*_x->f"), Some((b"h_7_x".to_vec(), Some(&b"f"[..]))));
        assert_eq!(named("h_*->"), Some((b"h_7->".to_vec(), None)));
        assert_eq!(named("a->b"), None);
    }

    #[test]
    fn a_tag_before_the_star_decides_the_slot() {
        assert_eq!(tag(b"w_{a}_*"), Some(&b"a"[..]));
        for open in ["w_*", "w_*{a}", "w_{}_*", "w_{a*}", "w_{a"] {
            assert_eq!(tag(open.as_bytes()), None, "{open}");
        }
    }
}
