//! Commands that look up places: GEOPOS, GEOHASH, GEODIST.

use super::cell::Point;
use super::{unit_arg, write_distance, write_point};
use crate::dispatch::{Command, Ctx, Flags, Group, KeySpec, Outcome};
use crate::resp::failure::SYNTAX;
use crate::types::sorted_set::access::sorted_set_of;

const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("geopos", -2, Group::Geo, geopos).flags(Flags::READONLY).keys(KEY).docs(
        "3.2.0",
        "O(N) with the number of members asked for",
        "key [member [member ...]]",
        "Answers the coordinates of members.",
    ),
    Command::new("geohash", -2, Group::Geo, geohash).flags(Flags::READONLY).keys(KEY).docs(
        "3.2.0",
        "O(N) with the number of members asked for",
        "key [member [member ...]]",
        "Answers the public geohashes of members.",
    ),
    Command::new("geodist", -4, Group::Geo, geodist).flags(Flags::READONLY).keys(KEY).docs(
        "3.2.0",
        "O(1)",
        "key member1 member2 [unit=<M | KM | FT | MI>]",
        "Answers the distance between two members.",
    ),
];

fn geopos(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    ctx.read_with(&key, |entry, reply| {
        let set = sorted_set_of(entry)?;
        reply.array(members.len());
        for member in members {
            match set.and_then(|set| set.score(member)) {
                Some(score) => write_point(reply, Point::of_score(score)),
                None => reply.null_array(),
            }
        }
        Ok(())
    })
}

fn geohash(ctx: &mut Ctx<'_>) -> Outcome {
    let (key, members) = (ctx.key(1), ctx.args.iter_from(2));
    ctx.read_with(&key, |entry, reply| {
        let set = sorted_set_of(entry)?;
        reply.array(members.len());
        for member in members {
            match set.and_then(|set| set.score(member)) {
                Some(score) => reply.bulk(Point::of_score(score).public_geohash().as_bytes()),
                None => reply.null(),
            }
        }
        Ok(())
    })
}

fn geodist(ctx: &mut Ctx<'_>) -> Outcome {
    let unit_m = match ctx.args.len() {
        4 => 1.0,
        5 => unit_arg(ctx, 4)?,
        _ => return Err(SYNTAX),
    };
    let (key, from, to) = (ctx.key(1), ctx.arg(2), ctx.arg(3));
    ctx.read_with(&key, |entry, reply| {
        let set = sorted_set_of(entry)?;
        let place = |member| set.and_then(|set| set.score(member)).map(Point::of_score);
        match (place(from), place(to)) {
            (Some(from), Some(to)) => write_distance(reply, from.distance_m(to) / unit_m),
            _ => reply.null(),
        }
        Ok(())
    })
}
