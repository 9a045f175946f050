//! PFDEBUG and PFSELFTEST: what tests and the curious need.

use super::access::bytes_of;
use super::value::sketch::{self, Form, Sketch};
use super::value::{dense, place_of, sparse, Damaged, RANK_MAX, REGISTERS};
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::keyspace::KeyRef;
use crate::settings::NotifyClass;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("pfdebug", 3, Group::HyperLogLog, pfdebug)
        .internal()
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::ADMIN))
        .keys(&[KeySpec::one(2, "RW ACCESS")])
        .docs("2.8.9", "O(1)", "subcommand key", "Shows the registers of a HyperLogLog, for tests."),
    Command::new("pfselftest", 1, Group::HyperLogLog, pfselftest).internal().flags(Flags::ADMIN).docs(
        "2.8.9",
        "O(1)",
        "",
        "Checks that registers keep what is put into them and that estimates are within their error.",
    ),
];

fn pfdebug(ctx: &mut Ctx<'_>) -> Outcome {
    let key = ctx.key(2);
    let form = match bytes_of(ctx.find(&key))? {
        None => return Err(Failure::Text("ERR The specified key does not exist")),
        Some(bytes) => Form::of(bytes),
    };
    let is_sparse = form == Some(Form::Sparse);
    match ctx.arg(1).to_ascii_lowercase().as_slice() {
        b"getreg" => {
            make_dense(ctx, &key, is_sparse)?;
            answer_registers(ctx, &key)
        }
        b"decode" if !is_sparse => Err(Failure::Text("ERR HLL encoding is not sparse")),
        b"decode" => answer_runs(ctx, &key),
        b"encoding" => {
            ctx.reply().simple(form.map_or("", Form::name));
            Ok(())
        }
        b"todense" => {
            make_dense(ctx, &key, is_sparse)?;
            ctx.int(is_sparse.into())
        }
        _ => Err(Failure::new(format!(
            "ERR Unknown PFDEBUG subcommand '{}'",
            String::from_utf8_lossy(ctx.arg(1))
        ))),
    }
}

fn make_dense(ctx: &mut Ctx<'_>, key: &KeyRef<'_>, is_sparse: bool) -> Result<(), Failure> {
    if !is_sparse {
        return Ok(());
    }
    let mut made = Ok(());
    ctx.db().update_string(key, |bytes| {
        made = Sketch::new(bytes).ok_or(Damaged).and_then(|mut sketch| sketch.make_dense());
    });
    made?;
    ctx.changed(key.bytes, NotifyClass::empty(), "", 1);
    Ok(())
}

fn answer_registers(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Outcome {
    let mut ranks = [0; REGISTERS];
    if let Some(bytes) = bytes_of(ctx.find_quietly(key))? {
        sketch::merge_into(bytes, &mut ranks)?;
    }
    let mut reply = ctx.reply();
    reply.array(REGISTERS);
    ranks.iter().for_each(|rank| reply.int((*rank).into()));
    Ok(())
}

fn answer_runs(ctx: &mut Ctx<'_>, key: &KeyRef<'_>) -> Outcome {
    let mut words = Vec::new();
    if let Some(bytes) = bytes_of(ctx.find_quietly(key))? {
        sparse::for_each_run(sketch::registers(bytes), |run, taken| words.push(run.describe(taken > 1)))?;
    }
    ctx.reply().bulk(words.join(" ").as_bytes());
    Ok(())
}

/// Elements that the self-test adds; the estimate is looked at whenever their number has grown tenfold.
const SELF_TEST_ELEMENTS: u64 = 100_000;
/// The error of an estimate that the self-test takes for a defect, in multiples of the standard error.
const SELF_TEST_ERRORS_MAX: f64 = 4.0;
const STANDARD_ERROR: f64 = 1.04 / 128.0;

fn pfselftest(ctx: &mut Ctx<'_>) -> Outcome {
    match self_test() {
        Ok(()) => ctx.ok(),
        Err(text) => Err(Failure::new(format!("ERR TESTFAILED {text}"))),
    }
}

fn self_test() -> Result<(), String> {
    let mut registers = vec![0; dense::BYTES];
    for index in 0..REGISTERS {
        let rank = (index * 7 % usize::from(RANK_MAX)) as u8 + 1;
        dense::raise(&mut registers, index, rank);
        let there = dense::get(&registers, index);
        if there != rank {
            return Err(format!("register {index} holds {there} instead of {rank}"));
        }
    }
    let mut bytes = sketch::empty();
    let mut next = 10;
    for number in 1..=SELF_TEST_ELEMENTS {
        let (register, rank) = place_of(&number.to_le_bytes());
        let raised = Sketch::new(&mut bytes).ok_or(Damaged).and_then(|mut it| it.raise(register, rank, 3000));
        let estimated =
            raised.and_then(|_| if number == next { sketch::cardinality(&bytes) } else { Ok(number) });
        let error = match estimated {
            Ok(estimated) => (estimated as f64 - number as f64).abs(),
            Err(_) => return Err(format!("the value is damaged after {number} elements")),
        };
        if error > (number as f64 * STANDARD_ERROR * SELF_TEST_ERRORS_MAX).max(1.0) {
            return Err(format!("an error of {error} at {number} elements"));
        }
        if number == next {
            next *= 10;
        }
    }
    Ok(())
}
