//! LZF, the compression of long strings in RDB files.
//!
//! A compressed string is a row of pieces. A first byte below 32 announces that many plus one plain bytes. Any
//! other first byte is a back reference: its upper three bits hold the length minus two (7 means that a further
//! byte is to be added), its lower five bits and one more byte the distance minus one, so at most 8,192 back.
//!
//! The [`Compressor`] finds repetitions with one small table of the last position of each three-byte hash and gives
//! up as soon as its output would not be smaller than its input. [`decompress`] believes nothing: each read is
//! checked, its output never exceeds the promised length, and memory is taken as output appears.

const HASH_BITS: u32 = 13;
const LITERALS_MAX: usize = 32;
const REFERENCE_MAX: usize = 264;
const DISTANCE_MAX: usize = 8192;

/// One back reference of three bytes yields 264, so no honest input expands further than this.
pub const EXPANSION_MAX: usize = 88;

/// Why a compressed string cannot be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LzfError {
    /// The input ends inside a piece.
    Truncated,
    /// A back reference points before the first byte of output.
    Distance,
    /// The output is not of the promised length.
    Length,
}

impl std::fmt::Display for LzfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LzfError::Truncated => "the compressed string ends inside a piece",
            LzfError::Distance => "a back reference points before the start of the string",
            LzfError::Length => "the string does not expand to the promised length",
        })
    }
}

impl std::error::Error for LzfError {}

/// Compresses strings; it keeps its table and its output buffer from one to the next.
pub struct Compressor {
    /// For each hash the last position where it was seen, counted from 1 over all strings so far. It is allocated for
    /// the first string.
    seen: Vec<u32>,
    /// The position of the first byte of the current string; whatever is below belongs to earlier ones.
    base: u32,
    output: Vec<u8>,
    /// Bytes that it was given so far.
    pub input_bytes: u64,
}

impl Compressor {
    /// A compressor that has seen nothing.
    pub fn new() -> Self {
        Compressor { seen: Vec::new(), base: 1, output: Vec::new(), input_bytes: 0 }
    }

    /// Compresses `input`, or gives `None` where the result would not be at least `gain_min` bytes shorter.
    /// Strings of 2 GiB and more are left as they are.
    pub fn compress(&mut self, input: &[u8], gain_min: usize) -> Option<&[u8]> {
        let output_max = input.len().checked_sub(gain_min)?;
        let input_len = u32::try_from(input.len()).ok().filter(|len| *len <= u32::MAX / 2)?;
        if self.base > u32::MAX - input_len {
            self.seen.fill(0);
            self.base = 1;
        }
        self.seen.resize(1 << HASH_BITS, 0);
        self.output.clear();
        self.input_bytes += u64::from(input_len);
        let complete = self.run(input, output_max);
        self.base += input_len;
        (complete && self.output.len() <= output_max).then_some(&self.output[..])
    }

    /// Fills the output; false where it gave up because it grew too long.
    fn run(&mut self, input: &[u8], output_max: usize) -> bool {
        let mut literals_start = 0;
        let mut at = 0;
        while at + 2 < input.len() {
            let slot = &mut self.seen[hash(&input[at..at + 3])];
            let candidate = std::mem::replace(slot, self.base + at as u32).checked_sub(self.base);
            let length = candidate.map_or(0, |earlier| match_length(input, earlier as usize, at));
            let (Some(earlier), true) = (candidate, length >= 3) else {
                at += 1;
                continue;
            };
            put_literals(&mut self.output, &input[literals_start..at]);
            put_reference(&mut self.output, at - earlier as usize - 1, length);
            at += length;
            literals_start = at;
            if self.output.len() > output_max {
                return false;
            }
        }
        put_literals(&mut self.output, &input[literals_start..]);
        true
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor::new()
    }
}

fn hash(three: &[u8]) -> usize {
    let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    (word.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

/// How many bytes at `at` repeat those at `earlier`; 0 where that is too far back.
#[inline]
fn match_length(input: &[u8], earlier: usize, at: usize) -> usize {
    if at - earlier > DISTANCE_MAX || input[earlier..earlier + 3] != input[at..at + 3] {
        return 0;
    }
    let ahead = &input[at..input.len().min(at + REFERENCE_MAX)];
    let behind = &input[earlier..earlier + ahead.len()];
    let mut length = 3;
    for (new, old) in ahead[3..].chunks_exact(8).zip(behind[3..].chunks_exact(8)) {
        let differing = word(new) ^ word(old);
        if differing != 0 {
            return length + differing.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + ahead[length..].iter().zip(&behind[length..]).take_while(|(new, old)| new == old).count()
}

fn word(eight: &[u8]) -> u64 {
    eight.try_into().map_or(0, u64::from_le_bytes)
}

fn put_literals(output: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        output.push((run.len() - 1) as u8);
        output.extend_from_slice(run);
    }
}

/// `distance` counts from 0: the byte just before.
fn put_reference(output: &mut Vec<u8>, distance: usize, length: usize) {
    let (high, low) = ((distance >> 8) as u8, (distance & 0xff) as u8);
    let length = length - 2;
    if length < 7 {
        output.extend_from_slice(&[(length as u8) << 5 | high, low]);
    } else {
        output.extend_from_slice(&[7 << 5 | high, (length - 7) as u8, low]);
    }
}

/// Short runs are copied as so many bytes at once: what is too much is overwritten by the next run.
const STRIDE: usize = 16;

/// Expands `input` to exactly `length` bytes.
pub fn decompress(input: &[u8], length: usize) -> Result<Vec<u8>, LzfError> {
    if length > input.len().saturating_mul(EXPANSION_MAX) {
        return Err(LzfError::Length);
    }
    let mut output = vec![0; length];
    let (mut rest, mut at) = (input, 0);
    while let Some(control) = take_byte(&mut rest) {
        if control < 32 {
            let count = usize::from(control) + 1;
            let (literals, behind) = rest.split_at_checked(count).ok_or(LzfError::Truncated)?;
            let room = output.get_mut(at..).filter(|room| room.len() >= count).ok_or(LzfError::Length)?;
            match (room.first_chunk_mut(), rest.first_chunk::<LITERALS_MAX>()) {
                (Some(room), Some(chunk)) => *room = *chunk,
                _ => room[..count].copy_from_slice(literals),
            }
            rest = behind;
            at += count;
            continue;
        }
        let mut count = usize::from(control >> 5) + 2;
        if count == 9 {
            count += usize::from(take_byte(&mut rest).ok_or(LzfError::Truncated)?);
        }
        let low = usize::from(take_byte(&mut rest).ok_or(LzfError::Truncated)?);
        let back = (usize::from(control & 31) << 8 | low) + 1;
        let from = at.checked_sub(back).ok_or(LzfError::Distance)?;
        if output.len() - at < count {
            return Err(LzfError::Length);
        }
        repeat(&mut output, from, at, count);
        at += count;
    }
    if at == length {
        Ok(output)
    } else {
        Err(LzfError::Length)
    }
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

/// Copies `count` bytes from position `from` to `at`, which is behind it; where the two overlap, the bytes repeat.
#[inline]
fn repeat(output: &mut [u8], from: usize, at: usize, count: usize) {
    let back = at - from;
    if back >= STRIDE && count <= STRIDE && output.len() - at >= STRIDE {
        output.copy_within(from..from + STRIDE, at);
        return;
    }
    let mut done = 0;
    while done < count {
        // With each round the bytes that can be repeated at once become more.
        let run = (count - done).min(back + done);
        output.copy_within(from..from + run, at + done);
        done += run;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compress(input: &[u8], gain_min: usize) -> Option<Vec<u8>> {
        Compressor::new().compress(input, gain_min).map(<[u8]>::to_vec)
    }

    #[test]
    fn a_repetition_becomes_short_and_comes_back() {
        let text = b"the quick brown fox ".repeat(50);
        let packed = compress(&text, 4).unwrap();
        assert!(packed.len() < 60, "{}", packed.len());
        assert_eq!(decompress(&packed, text.len()).unwrap(), text);
    }

    #[test]
    fn bytes_of_a_peer_expand() {
        // SET k <a x 64>; DUMP k on a Redis 7.0 holds these bytes behind the two lengths.
        let packed = [1, b'a', b'a', 0xe0, 53, 0, 1, b'a', b'a'];
        assert_eq!(decompress(&packed, 2 + 62 + 2).unwrap(), vec![b'a'; 66]);
    }

    #[test]
    fn noise_is_left_alone() {
        let noise: Vec<u8> = (0..=255).collect();
        assert_eq!(compress(&noise, 1), None);
        assert_eq!(compress(b"", 4), None);
    }

    #[test]
    fn lies_are_refused() {
        assert_eq!(decompress(&[5, 1, 2], 6), Err(LzfError::Truncated));
        assert_eq!(decompress(&[0, 1, 0x20, 9], 4), Err(LzfError::Distance));
        assert_eq!(decompress(&[0, 1], 2), Err(LzfError::Length));
        assert_eq!(decompress(&[1, 1, 2], 1), Err(LzfError::Length));
        assert_eq!(decompress(&[0, 1], usize::MAX), Err(LzfError::Length));
        assert_eq!(decompress(&[0xe0], 100), Err(LzfError::Length));
        assert_eq!(decompress(&[0xe0], 10), Err(LzfError::Truncated));
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(texts in prop::collection::vec(
            prop::collection::vec("[ab]{1,9}|[a-z]{3}", 0..200), 1..4), start in prop_oneof![Just(1), Just(u32::MAX - 900)]) {
            let mut compressor = Compressor::new();
            compressor.base = start;
            for text in texts {
                let text = text.concat().into_bytes();
                if let Some(packed) = compressor.compress(&text, 4) {
                    prop_assert!(packed.len() + 4 <= text.len());
                    prop_assert_eq!(decompress(packed, text.len()), Ok(text));
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, length in 0_usize..5000) {
            if let Ok(output) = decompress(&bytes, length) {
                prop_assert_eq!(output.len(), length);
            }
        }
    }
}
