//! The extended floating point numbers of x86 (64 bits of mantissa), for INCRBYFLOAT and HINCRBYFLOAT.
//!
//! The peers add with C's `long double` and print 17 digits behind the point, so that 0.1 + 0.2 is 0.3. To give the
//! same text on any machine, this does the same in integers: decimal text to the nearest such number, one
//! exactly rounded addition, and back to text. Numbers written in hexadecimal are not read, and the range below
//! the normal numbers is treated as normal.

/// Longest text that is read.
const TEXT_BYTES_MAX: usize = 5 * 1024;
/// Decimal exponents of the first digit beyond these are out of range anyway.
const DECIMAL_EXPONENT_MAX: i64 = 4940;
/// Numbers reach up to 2 to this power.
const EXPONENT_MAX: i32 = 16_384;
/// Digits behind the point, and ten to that power.
const FRACTION_DIGITS: usize = 17;
const FRACTION: u128 = 100_000_000_000_000_000;

/// A number: mantissa times two to the exponent. The mantissa's top bit is set unless it is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongDouble {
    is_negative: bool,
    is_infinite: bool,
    mantissa: u64,
    exponent: i32,
}

impl LongDouble {
    /// Reads a decimal number, strictly as a whole; nothing if it is none or out of range.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { is_negative, is_infinite: true, ..LongDouble::default() });
        }
        let (digits, exponent) = decimal_parts(text)?;
        Some(LongDouble { is_negative, ..nearest(&digits, exponent)? })
    }

    /// The sum, rounded to the nearest number, to even when in the middle.
    pub fn plus(self, other: LongDouble) -> LongDouble {
        if self.is_infinite || other.is_infinite {
            return LongDouble { is_infinite: true, ..LongDouble::default() };
        }
        if self.mantissa == 0 || other.mantissa == 0 {
            return if self.mantissa == 0 { other } else { self };
        }
        let (large, small) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        // 62 guard bits; what falls out of them survives as a set lowest bit, which decides ties.
        let distance = (large.exponent - small.exponent) as u32;
        let aligned = u128::from(small.mantissa) << 62;
        let kept = aligned.checked_shr(distance).unwrap_or(0);
        let is_exact = kept.checked_shl(distance).unwrap_or(0) == aligned;
        let small_bits = kept | u128::from(!is_exact);
        let large_bits = u128::from(large.mantissa) << 62;
        let (sum, is_negative) = if large.is_negative == small.is_negative {
            (large_bits + small_bits, large.is_negative)
        } else if large_bits >= small_bits {
            (large_bits - small_bits, large.is_negative)
        } else {
            (small_bits - large_bits, small.is_negative)
        };
        if sum == 0 {
            return LongDouble::default();
        }
        let drop = 64 - sum.leading_zeros() as i32;
        let (mantissa, carry) = if drop > 0 { round(sum, drop as u32) } else { ((sum << -drop) as u64, 0) };
        let exponent = large.exponent - 62 + drop + carry;
        let is_infinite = exponent + 64 > EXPONENT_MAX;
        LongDouble { is_negative, is_infinite, mantissa, exponent }
    }

    /// The number with up to 17 digits behind the point, without exponent; nothing if it is infinite.
    pub fn to_text(self) -> Option<String> {
        if self.is_infinite {
            return None;
        }
        let text = if self.exponent >= 0 {
            let mut integer = Natural::from(self.mantissa);
            integer.shift_left(self.exponent as u32);
            integer.into_text()
        } else {
            let scaled = u128::from(self.mantissa) * FRACTION;
            let scaled = match self.exponent.unsigned_abs() {
                shift @ 1..=127 => round_half_even(scaled, shift),
                _ => 0,
            };
            let fraction = format!("{:0FRACTION_DIGITS$}", scaled % FRACTION);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction}", scaled / FRACTION)
        };
        Some(if self.is_negative && text != "0" { format!("-{text}") } else { text })
    }
}

/// `value` shifted right, rounded to the nearest, to even when in the middle.
fn round_half_even(value: u128, shift: u32) -> u128 {
    let kept = value >> shift;
    let rest = value & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

/// A 64-bit mantissa from a longer one, and 1 for the exponent if rounding made it overflow.
fn round(value: u128, shift: u32) -> (u64, i32) {
    match u64::try_from(round_half_even(value, shift)) {
        Ok(mantissa) => (mantissa, 0),
        Err(_) => (1 << 63, 1),
    }
}

/// Digits without the point, and the power of ten of the last one.
fn decimal_parts(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')).unwrap_or(text.len());
    let exponent = match text.get(end + 1..) {
        None => 0,
        Some(exponent) => {
            let digits = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let value =
                digits.iter().fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000));
            if exponent.starts_with(b"-") {
                -value
            } else {
                value
            }
        }
    };
    let point = text[..end].iter().position(|&byte| byte == b'.');
    let digits: Vec<u8> =
        text[..end].iter().enumerate().filter(|(at, _)| Some(*at) != point).map(|(_, byte)| *byte).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let behind_point = point.map_or(0, |point| end - point - 1);
    Some((digits, exponent - behind_point as i64))
}

/// The number nearest to an integer of these decimal digits times a power of ten.
fn nearest(digits: &[u8], exponent: i64) -> Option<LongDouble> {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[zeros..];
    if digits.is_empty() {
        return Some(LongDouble::default());
    }
    if (exponent + digits.len() as i64).abs() > DECIMAL_EXPONENT_MAX {
        return None;
    }
    let mut natural = Natural::default();
    for &digit in digits {
        natural.multiply_add(10, u32::from(digit - b'0'));
    }
    let mut shift = 0;
    let mut is_exact = true;
    if exponent >= 0 {
        for_powers_of_ten(exponent.unsigned_abs(), |power| natural.multiply_add(power, 0));
    } else {
        // Enough bits in front of the division leave at least 66 in the quotient.
        let divisor_bits = (exponent.unsigned_abs() * 10).div_ceil(3) as u32 + 1;
        shift = (divisor_bits + 67).saturating_sub(natural.bits());
        natural.shift_left(shift);
        for_powers_of_ten(exponent.unsigned_abs(), |power| is_exact &= natural.divide(power) == 0);
    }
    let (top, below, rest_is_zero) = natural.top_bits();
    // `top` has up to 127 bits; what lies below it, and the remainder, only decide ties.
    let value = top << 1 | u128::from(!(rest_is_zero && is_exact));
    let drop = 64 - value.leading_zeros() as i32;
    let (mantissa, carry) = if drop > 0 { round(value, drop as u32) } else { ((value << -drop) as u64, 0) };
    let exponent = below as i32 - 1 + drop + carry - shift as i32;
    (exponent + 64 <= EXPONENT_MAX).then_some(LongDouble { mantissa, exponent, ..LongDouble::default() })
}

/// Calls `each` with powers of ten that fit a limb and whose product is ten to the exponent.
fn for_powers_of_ten(exponent: u64, mut each: impl FnMut(u32)) {
    (0..exponent / 9).for_each(|_| each(1_000_000_000));
    each(10_u32.pow((exponent % 9) as u32));
}

/// A natural number of any size, in base 2^32 from the low end.
#[derive(Default)]
struct Natural {
    limbs: Vec<u32>,
}

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        let mut natural = Natural { limbs: vec![value as u32, (value >> 32) as u32] };
        natural.trim();
        natural
    }
}

impl Natural {
    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    fn multiply_add(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for limb in &mut self.limbs {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// Divides, and gives the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0_u64;
        for limb in self.limbs.iter_mut().rev() {
            remainder = remainder << 32 | u64::from(*limb);
            *limb = (remainder / u64::from(divisor)) as u32;
            remainder %= u64::from(divisor);
        }
        self.trim();
        remainder as u32
    }

    fn shift_left(&mut self, bits: u32) {
        self.multiply_add(1 << (bits % 32), 0);
        if !self.limbs.is_empty() {
            self.limbs.splice(0..0, std::iter::repeat_n(0, bits as usize / 32));
        }
    }

    fn bits(&self) -> u32 {
        self.limbs.last().map_or(0, |top| self.limbs.len() as u32 * 32 - top.leading_zeros())
    }

    /// The top three limbs, how many bits are below them, and whether those are zero.
    fn top_bits(&self) -> (u128, u32, bool) {
        let below = self.limbs.len().saturating_sub(3);
        let top = self.limbs[below..].iter().rev().fold(0_u128, |sum, &limb| sum << 32 | u128::from(limb));
        (top, below as u32 * 32, self.limbs[..below].iter().all(|&limb| limb == 0))
    }

    fn into_text(mut self) -> String {
        const GROUP: u32 = 1_000_000_000;
        let mut groups = Vec::new();
        while !self.limbs.is_empty() {
            groups.push(self.divide(GROUP));
        }
        let mut text = groups.pop().unwrap_or(0).to_string();
        groups.iter().rev().for_each(|group| text.push_str(&format!("{group:09}")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        LongDouble::parse(a.as_bytes())?.plus(LongDouble::parse(b.as_bytes())?).to_text()
    }

    /// Each line was answered by redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_are_those_of_redis() {
        for (a, b, expected) in SUMS {
            assert_eq!(sum(a, b).as_deref(), Some(*expected), "{a} + {b}");
        }
    }

    const SUMS: &[(&str, &str, &str)] = &[
        ("-7.126495419942299805e+11", "0.36255492", "-712649541993.86742562055587769"),
        ("-22432640226", "3.0", "-22432640223"),
        ("1.8201313906870297e-136", "-35083688316374", "-35083688316374"),
        ("1e17", "47172442152029896", "147172442152029896"),
        ("94e9", "51088497263", "145088497263"),
        ("1.49922200826715e-06", "-6e-27", "0.00000149922200827"),
        ("9.277417202624e-19", "132206.74608509755", "132206.74608509754999375"),
        ("-79e-21", "-7e-1", "-0.7"),
        ("0.2", "761669.0378165799", "761669.23781657989997029"),
        ("-8.72144634570529", "1e17", "99999999999999991.28125"),
        ("2.73753844970594421874e-11", "-0.3", "-0.29999999997262462"),
        ("-5950483362502568", "1.4854811916586392", "-5950483362502566.5146484375"),
        ("-58389638563122337", "-34837773351470", "-58424476336473807"),
        ("99e-30", "110571.94022866688", "110571.94022866688000306"),
        ("0.1", "0.2", "0.3"),
        ("10.50", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
    ];

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", " 1", "1 ", "1e", "e5", ".", "-", "1.2.3", "nan", "1e5000", "1e-5000", "--1", "1,5"]
        {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1", "-1").as_deref(), Some("0"));
    }
}
