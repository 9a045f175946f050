//! GEOADD.

use super::point_arg;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;
use crate::types::sorted_set::write::{add, AddOptions};

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("geoadd", -5, Group::Geo, geoadd)
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .keys(&[KeySpec::one(1, "RW UPDATE")])
    .docs(
        "3.2.0",
        "O(log(N)) for each member given",
        "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
        "Adds members at coordinates or moves them there.",
    )];

fn geoadd(ctx: &mut Ctx<'_>) -> Outcome {
    let (mut options, mut first) = (AddOptions::default(), 2);
    while first < ctx.args.len() {
        let option = match ctx.arg(first).to_ascii_lowercase().as_slice() {
            b"nx" => &mut options.nx,
            b"xx" => &mut options.xx,
            b"ch" => &mut options.ch,
            _ => break,
        };
        *option = true;
        first += 1;
    }
    if (ctx.args.len() - first) % 3 != 0 || (options.nx && options.xx) {
        return Err(SYNTAX);
    }
    let args = ctx.args;
    let elements = (first..args.len())
        .step_by(3)
        .map(|at| Ok((point_arg(ctx, at)?.score(), args.get(at + 2))))
        .collect::<Result<Vec<(f64, &[u8])>, Failure>>()?;
    if add(ctx, options, &elements)? == 0 {
        return Ok(());
    }
    // Replicas are told the cells, as Redis tells them.
    let scores: Vec<String> = elements.iter().map(|(score, _)| (*score as u64).to_string()).collect();
    let mut command: Vec<&[u8]> = vec![b"ZADD"];
    command.extend((1..first).map(|at| args.get(at)));
    for (score, (_, member)) in scores.iter().zip(&elements) {
        command.extend([score.as_bytes(), *member]);
    }
    ctx.propagate(&command);
    Ok(())
}
