//! Weights, and the order that follows from them.

use std::cmp::Ordering;

use super::options::Options;
use super::pattern;
use crate::base::numbers::parse_f64;
use crate::dispatch::{Ctx, Failure};

const NOT_NUMBERS: Failure = Failure::Text("ERR One or more scores can't be converted into double");

/// An element on its way through SORT.
pub(super) struct Element {
    /// The element itself.
    pub text: Vec<u8>,
    weight: Weight,
}

enum Weight {
    Number(f64),
    /// The text of another key, if it is there.
    Text(Option<Vec<u8>>),
    /// The element's own text.
    Own,
}

impl Element {
    /// An element that has not been weighed.
    pub fn new(text: Vec<u8>) -> Self {
        Element { text, weight: Weight::Number(0.0) }
    }
}

/// Finds the weight of each element.
pub(super) fn weigh(
    ctx: &mut Ctx<'_>,
    elements: &mut [Element],
    options: &Options<'_>,
) -> Result<(), Failure> {
    for element in elements {
        let other = options.by.map(|by| pattern::look_up(ctx, by, &element.text));
        element.weight = match (options.alpha, other) {
            (true, None) => Weight::Own,
            (true, Some(text)) => Weight::Text(text),
            (false, None) => Weight::Number(number(&element.text)?),
            (false, Some(None)) => Weight::Number(0.0),
            (false, Some(Some(text))) => Weight::Number(number(&text)?),
        };
    }
    Ok(())
}

/// A text as C reads a floating point number: white space before it, none behind; an empty text is 0.
fn number(text: &[u8]) -> Result<f64, Failure> {
    // For C, a text ends at its first zero byte.
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Ok(0.0);
    }
    let text = text.trim_ascii_start();
    let number = parse_f64(text).ok_or(NOT_NUMBERS)?;
    let names_infinity = text.iter().any(|byte| matches!(byte, b'n' | b'N'));
    let is_lost =
        number == 0.0 && text.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).any(is_digit_above_0);
    if (number.is_infinite() && !names_infinity) || is_lost || number.is_subnormal() {
        return Err(NOT_NUMBERS);
    }
    Ok(number)
}

fn is_digit_above_0(byte: &u8) -> bool {
    (b'1'..=b'9').contains(byte)
}

/// Sorts; elements of equal weight stay in their order where nothing else tells them apart.
pub(super) fn sort(elements: &mut [Element], options: &Options<'_>) {
    match options.descending {
        true => elements.sort_by(|one, other| compare(other, one)),
        false => elements.sort_by(compare),
    }
}

fn compare(one: &Element, other: &Element) -> Ordering {
    match (&one.weight, &other.weight) {
        (Weight::Number(mine), Weight::Number(theirs)) => {
            mine.partial_cmp(theirs).unwrap_or(Ordering::Equal).then_with(|| one.text.cmp(&other.text))
        }
        (Weight::Text(mine), Weight::Text(theirs)) => mine.cmp(theirs),
        _ => one.text.cmp(&other.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, expected) in [
            ("", Some(0.0)),
            ("12", Some(12.0)),
            (" -1.5e3", Some(-1500.0)),
            ("+7", Some(7.0)),
            ("0e999", Some(0.0)),
            ("inf", Some(f64::INFINITY)),
            ("1\0x", Some(1.0)),
            ("1 ", None),
            (" ", None),
            ("nan", None),
            ("1e400", None),
            ("1e-400", None),
            ("x", None),
        ] {
            assert_eq!(number(text.as_bytes()).ok(), expected, "{text:?}");
        }
    }
}
