//! Coordinates: sorted sets whose scores are cells of a grid over the earth.
//!
//! [`cell`] turns coordinates into 52-bit cells and back and measures distances; [`area`] finds the cells that a
//! shape can touch. The commands are in [`write`](mod@write), [`read`] and [`search`]. Cells and distances
//! are those of Redis, whose documentation describes the grid (a geohash over the latitudes of the Mercator projection).

mod area;
mod cell;
pub mod read;
pub mod search;
#[cfg(test)]
mod tests;
pub mod write;

use crate::dispatch::{Ctx, Failure};
use crate::resp::failure::NOT_A_FLOAT;
use crate::resp::reply::Reply;
use crate::types::sorted_set::score;
use cell::Point;

/// Reads arguments `index` and the next as longitude and latitude.
fn point_arg(ctx: &Ctx<'_>, index: usize) -> Result<Point, Failure> {
    let coordinate = |at: usize| score::parse(ctx.arg(at)).ok_or(NOT_A_FLOAT);
    let point = Point { longitude: coordinate(index)?, latitude: coordinate(index + 1)? };
    if point.is_on_the_grid() {
        return Ok(point);
    }
    let Point { longitude, latitude } = point;
    Err(Failure::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")))
}

/// Reads argument `index` as a unit: its length in meters.
fn unit_arg(ctx: &Ctx<'_>, index: usize) -> Result<f64, Failure> {
    match ctx.arg(index).to_ascii_lowercase().as_slice() {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(Failure::Text("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// Answers longitude and latitude, each with all digits that it has.
fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    for coordinate in [point.longitude, point.latitude] {
        let digits = format!("{coordinate:.17}");
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        let digits = if digits == "-0" { "0" } else { digits };
        if reply.is_resp3() {
            reply.raw(format!(",{digits}\r\n").as_bytes());
        } else {
            reply.bulk(digits.as_bytes());
        }
    }
}

/// Answers a distance with four decimals, a string in both protocols.
fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}
