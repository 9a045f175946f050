//! HyperLogLogs: the packed forms against plain arrays of ranks, and hostile bytes.

use super::value::sketch::{self, Form, Sketch, DENSE_BYTES, HEADER_BYTES};
use super::value::{dense, place_of, sparse, Damaged, Ranks, RANK_MAX, REGISTERS};
use crate::testing::Bench;
use proptest::prelude::*;

fn ranks_of(bytes: &[u8]) -> Ranks {
    let mut ranks = [0; REGISTERS];
    sketch::merge_into(bytes, &mut ranks).unwrap();
    ranks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn registers_are_raised_as_in_a_plain_array(
        raises in prop::collection::vec((0..REGISTERS, 1..=RANK_MAX), 0..300),
        near in prop::collection::vec((0..40_usize, 1..=6_u8), 0..300),
        bytes_max in prop_oneof![Just(0_usize), 20..200_usize, Just(3000)]
    ) {
        let mut bytes = sketch::empty();
        let mut model = [0_u8; REGISTERS];
        for (register, rank) in near.into_iter().chain(raises) {
            let raised = Sketch::new(&mut bytes).unwrap().raise(register, rank, bytes_max);
            prop_assert_eq!(raised, Ok(model[register] < rank));
            model[register] = model[register].max(rank);
        }
        prop_assert!(ranks_of(&bytes) == model);
        if Form::of(&bytes) == Some(Form::Sparse) {
            prop_assert!(bytes.len() <= bytes_max.max(HEADER_BYTES + 2));
            for register in 0..50 {
                prop_assert_eq!(sparse::get(sketch::registers(&bytes), register), Ok(model[register]));
            }
            let histogram = sketch::histogram(&bytes);
            Sketch::new(&mut bytes).unwrap().make_dense().unwrap();
            prop_assert_eq!(sketch::histogram(&bytes), histogram);
            prop_assert!(ranks_of(&bytes) == model);
        }
        prop_assert_eq!(bytes.len() == DENSE_BYTES, Form::of(&bytes) == Some(Form::Dense));
    }

    #[test]
    fn any_bytes_are_read_without_harm(
        form in 0_u8..3, body in prop::collection::vec(any::<u8>(), 0..400), register in 0..REGISTERS, rank in 1..=RANK_MAX
    ) {
        let mut bytes = b"HYLL".to_vec();
        bytes.extend_from_slice(&[form, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        bytes.extend_from_slice(&body);
        let mut ranks = [0; REGISTERS];
        let merged = sketch::merge_into(&bytes, &mut ranks);
        prop_assert_eq!(sketch::cardinality(&bytes).is_ok(), merged.is_ok());
        if let Some(mut sketch) = Sketch::new(&mut bytes) {
            let _ = sketch.raise(register, rank, 3000);
            prop_assert_eq!(sketch.make_dense().is_ok(), merged.is_ok());
        }
    }
}

#[test]
fn runs_must_cover_the_registers_exactly() {
    for (runs, is_right) in [
        (&[0x7f, 0xff][..], true),
        (&[0x7f, 0xfe], false),
        (&[0x7f, 0xfe, 0x00], true),
        (&[0x7f, 0xff, 0x00], false),
        (&[0x7f, 0xff, 0x7f, 0xff], false),
        (&[0x7f], false),
        (&[], false),
        (&[0x7f, 0xfb, 0x83], true),
        (&[0x7f, 0xfc, 0x83], false),
    ] {
        assert_eq!(sparse::histogram(runs).is_ok(), is_right, "{runs:?}");
        let mut ranks = [0; REGISTERS];
        assert_eq!(sparse::merge_into(runs, &mut ranks).is_ok(), is_right, "{runs:?}");
    }
    assert_eq!(sparse::get(&[0x40], 3), Err(Damaged));
}

#[test]
fn a_damaged_value_is_refused_and_stays_as_it_was() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    let mut bytes = sketch::empty();
    bytes[17] = 0xfe;
    bench.call(client, &[b"SET", b"k", &bytes]);
    let before = bench.say(client, "DEBUG DIGEST-VALUE k");
    let refused = "-INVALIDOBJ Corrupted HLL object detected";
    // Many elements make the value dense, which shows the damage only then.
    let elements: Vec<Vec<u8>> = (0..5_000_u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let mut add: Vec<&[u8]> = vec![b"PFADD", b"k"];
    add.extend(elements.iter().map(Vec::as_slice));
    assert_eq!(bench.call(client, &add), refused);
    for line in ["PFMERGE other k", "PFDEBUG TODENSE k", "PFDEBUG GETREG k", "PFMERGE k"] {
        assert_eq!(bench.say(client, line), refused, "{line}");
    }
    assert_eq!(bench.say(client, "EXISTS other"), ":0");
    assert_eq!(bench.say(client, "DEBUG DIGEST-VALUE k"), before);
}

#[test]
fn errors_stay_near_the_standard_error() {
    let mut squares = 0.0;
    let mut looks = 0;
    for run in 0..20_u64 {
        let mut bytes = sketch::empty();
        for number in 1..=100_000_u64 {
            let (register, rank) = place_of(&(run << 32 | number).to_le_bytes());
            Sketch::new(&mut bytes).unwrap().raise(register, rank, 3000).unwrap();
            if number.is_power_of_two() || number == 100_000 {
                let error = sketch::cardinality(&bytes).unwrap() as f64 / number as f64 - 1.0;
                squares += error * error;
                looks += 1;
            }
        }
    }
    let error = (squares / f64::from(looks)).sqrt();
    assert!(error <= 0.0081, "the error is {error}");
}

#[test]
fn the_self_test_passes() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    assert_eq!(bench.say(client, "PFSELFTEST"), "+OK");
}

#[test]
fn dense_registers_are_packed_low_bits_first() {
    let mut ranks = [0; REGISTERS];
    ranks.iter_mut().enumerate().for_each(|(index, rank)| *rank = (index % 52) as u8);
    let mut registers = vec![0; dense::BYTES];
    dense::pack(&ranks, &mut registers);
    let mut raised = vec![0; dense::BYTES];
    for (index, rank) in ranks.iter().enumerate() {
        assert_eq!(dense::get(&registers, index), *rank);
        dense::raise(&mut raised, index, *rank);
    }
    assert_eq!(registers, raised);
}
