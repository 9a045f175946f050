//! Scores: as the peers read and write them, and as few bytes as they need.
//!
//! A score is a floating point number that may be infinite and is never NaN. Most scores are integers, so inside the
//! big form an integer takes as many bytes as it has, up to [`INTEGER_BYTES_MAX`], and every other number eight.

use crate::base::numbers::{format_double, parse_f64};

/// Most bytes of an integer in the short form; a longer one is written like any other number.
const INTEGER_BYTES_MAX: usize = 6;

/// Bytes of a score that is not a short integer.
const FULL_BYTES: usize = 8;

/// Reads a score: a decimal number or an infinity, within what a double can hold.
pub fn parse(text: &[u8]) -> Option<f64> {
    let score = parse_f64(text)?;
    let has_digit = |range: std::ops::RangeInclusive<u8>| {
        text.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).any(|byte| range.contains(byte))
    };
    // A number that is too large or too small for a double is refused, as C's `strtod` reports it.
    let is_overflow = score.is_infinite() && has_digit(b'0'..=b'9');
    let is_underflow = score == 0.0 && has_digit(b'1'..=b'9');
    (!is_overflow && !is_underflow).then_some(score)
}

/// Reads the limit of a range as C's `strtod` does: nothing is 0, and too large a number is infinite.
pub fn parse_limit(text: &[u8]) -> Option<f64> {
    match text.trim_ascii_start() {
        [] => Some(0.0),
        text => parse_f64(text),
    }
}

/// The text of a score, the shortest that reads back as it.
pub fn text(score: f64) -> String {
    format_double(score)
}

/// The text of a score with 17 significant digits, C's `%.17g`, in which digests are made.
pub fn long_text(score: f64) -> String {
    if !score.is_finite() {
        return text(score);
    }
    let scientific = format!("{score:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if (-4..17).contains(&exponent) {
        return trimmed(&format!("{score:.*}", (16 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

/// A score in its short form.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    bytes: [u8; FULL_BYTES],
    len: u8,
}

impl Short {
    /// The short form of a score.
    #[inline]
    pub fn new(score: f64) -> Self {
        let integer = score as i64;
        // An integer of that many bytes survives the way there and back; minus zero is not an integer.
        if integer as f64 == score && !(integer == 0 && score.is_sign_negative()) {
            let folded = ((integer << 1) ^ (integer >> 63)) as u64;
            let len = FULL_BYTES - folded.leading_zeros() as usize / 8;
            if len <= INTEGER_BYTES_MAX && integer.unsigned_abs() < 1 << 52 {
                return Short { bytes: folded.to_le_bytes(), len: len as u8 };
            }
        }
        Short { bytes: score.to_bits().to_le_bytes(), len: FULL_BYTES as u8 }
    }

    /// Its bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Number of its bytes.
    #[inline]
    pub fn len(&self) -> u8 {
        self.len
    }
}

/// The score of a short form.
#[inline]
pub fn from_short(bytes: &[u8]) -> f64 {
    let mut word = [0; FULL_BYTES];
    let len = bytes.len().min(FULL_BYTES);
    word[..len].copy_from_slice(&bytes[..len]);
    from_word(u64::from_le_bytes(word), len)
}

/// The score of a short form of `len` bytes that stand low in a word whose other bytes are 0.
#[inline]
pub(super) fn from_word(word: u64, len: usize) -> f64 {
    if len == FULL_BYTES {
        return f64::from_bits(word);
    }
    ((word >> 1) as i64 ^ -((word & 1) as i64)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_the_peers_do() {
        for (read, expected) in [
            (&b"1.5"[..], Some(1.5)),
            (b"-inf", Some(f64::NEG_INFINITY)),
            (b"+Infinity", Some(f64::INFINITY)),
            (b"1e400", None),
            (b"1e-400", None),
            (b"0e-400", Some(0.0)),
            (b"nan", None),
            (b"", None),
            (b" 1", None),
        ] {
            assert_eq!(parse(read), expected, "{:?}", read.escape_ascii().to_string());
        }
        assert_eq!(parse_limit(b""), Some(0.0));
        assert_eq!(parse_limit(b"1e400"), Some(f64::INFINITY));
        assert_eq!(parse_limit(b"x"), None);
    }

    #[test]
    fn long_texts_are_those_of_printf() {
        for (score, expected) in [
            (0.1, "0.10000000000000001"),
            (1e17, "1e+17"),
            (12345678.0, "12345678"),
            (1e300, "1.0000000000000001e+300"),
            (-0.0, "-0"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(long_text(score), expected);
        }
    }

    proptest! {
        #[test]
        fn short_forms_keep_every_bit(bits: u64, integer in -(1_i64 << 54)..1 << 54) {
            for score in [f64::from_bits(bits), integer as f64, (integer >> 40) as f64, 0.0, -0.0] {
                prop_assume!(!score.is_nan());
                let short = Short::new(score);
                prop_assert_eq!(from_short(short.as_bytes()).to_bits(), score.to_bits());
            }
        }
    }
}
