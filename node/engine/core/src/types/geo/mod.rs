//! Coordinates: sorted sets whose scores are cells of a grid over the earth.
//!
//! [`cell`] turns coordinates into 52-bit cells and back and measures distances; [`area`] finds the cells that a
//! shape can touch. The commands are in [`write`](mod@write), [`read`] and [`search`]. Cells and distances
//! are those of Redis, whose documentation describes the grid (a geohash over the latitudes of the Mercator projection).

mod access;
mod area;
mod cell;
pub mod read;
pub mod search;
#[cfg(test)]
mod tests;
pub mod write;
