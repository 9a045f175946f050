//! The grid: coordinates, cells and distances.
//!
//! A cell is named by the bits of its column and its row, one by one in turn, so that cells whose names begin alike lie
//! beside each other, and a larger cell is the interval of all names that begin with its own.

/// The radius of the earth in meters that distances are computed with.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

/// The greatest longitude of the grid, in degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// The greatest latitude of the grid, in degrees: where the Mercator projection is a square.
pub const LATITUDE_MAX: f64 = 85.051_128_78;
/// The greatest latitude of the public geohash, in degrees.
const LATITUDE_MAX_PUBLIC: f64 = 90.0;

/// How often the finest cells are halved in each direction.
pub const STEPS_MAX: u32 = 26;

/// The characters of a public geohash.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of a public geohash that a command answers.
const PUBLIC_CHARACTERS: u32 = 11;

/// A place on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

/// A cell of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The name: bits of the row at even places, of the column at odd ones.
    pub bits: u64,
    /// How often the whole grid was halved in each direction.
    pub steps: u32,
}

/// The edges of a cell or of a shape, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub west: f64,
    pub south: f64,
    pub east: f64,
    pub north: f64,
}

impl Point {
    /// Whether the grid covers the place.
    pub fn is_on_the_grid(self) -> bool {
        (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&self.longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&self.latitude)
    }

    /// The middle of the finest cell that a score names.
    pub fn of_score(score: f64) -> Self {
        let bounds = Cell { bits: score as u64, steps: STEPS_MAX }.bounds();
        let middle = |low: f64, high: f64, max: f64| ((low + high) / 2.0).clamp(-max, max);
        Point {
            longitude: middle(bounds.west, bounds.east, LONGITUDE_MAX),
            latitude: middle(bounds.south, bounds.north, LATITUDE_MAX),
        }
    }

    /// The score of the place: its finest cell.
    pub fn score(self) -> f64 {
        Cell::at(self, STEPS_MAX).bits as f64
    }

    /// The public geohash of the place.
    pub fn public_geohash(self) -> String {
        let bits = encode(self, LATITUDE_MAX_PUBLIC, STEPS_MAX);
        let index = |character: u32| {
            // 52 bits are ten characters and a bit; the last character is always the first of the alphabet.
            let shift = (2 * STEPS_MAX).checked_sub(5 * (character + 1));
            shift.map_or(0, |shift| (bits >> shift) as usize & 31)
        };
        (0..PUBLIC_CHARACTERS).map(|character| char::from(ALPHABET[index(character)])).collect()
    }

    /// The distance along the surface, in meters.
    pub fn distance_m(self, other: Point) -> f64 {
        let half = ((other.longitude.to_radians() - self.longitude.to_radians()) / 2.0).sin();
        if half == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let rise = ((to - from) / 2.0).sin();
        let chord = rise * rise + from.cos() * to.cos() * half * half;
        2.0 * EARTH_RADIUS_M * chord.sqrt().asin()
    }
}

/// The distance between two latitudes, in meters.
pub fn latitude_distance_m(one: f64, other: f64) -> f64 {
    EARTH_RADIUS_M * (other.to_radians() - one.to_radians()).abs()
}

/// An angle that is this long on the surface, in degrees.
pub fn degrees_of(distance_m: f64) -> f64 {
    // A division, as Redis does it: the last bit decides which cells are searched.
    distance_m / EARTH_RADIUS_M / (std::f64::consts::PI / 180.0)
}

fn encode(point: Point, latitude_max: f64, steps: u32) -> u64 {
    let cells = (1_u64 << steps) as f64;
    let row = (point.latitude + latitude_max) / (2.0 * latitude_max) * cells;
    let column = (point.longitude + LONGITUDE_MAX) / (2.0 * LONGITUDE_MAX) * cells;
    spread(row as u32) | spread(column as u32) << 1
}

/// Puts the bits of a number at even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff_u64),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The bits at even places as a number.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333_u64),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

impl Cell {
    /// The cell of a size that a place lies in.
    pub fn at(point: Point, steps: u32) -> Self {
        Cell { bits: encode(point, LATITUDE_MAX, steps), steps }
    }

    /// Its edges.
    pub fn bounds(self) -> Bounds {
        let cells = (1_u64 << self.steps) as f64;
        let edge = |index: f64, max: f64| -max + index / cells * (2.0 * max);
        let (row, column) = (f64::from(gather(self.bits)), f64::from(gather(self.bits >> 1)));
        Bounds {
            west: edge(column, LONGITUDE_MAX),
            south: edge(row, LATITUDE_MAX),
            east: edge(column + 1.0, LONGITUDE_MAX),
            north: edge(row + 1.0, LATITUDE_MAX),
        }
    }

    /// The cell of the same size that lies so many columns to the east and rows to the north, around the earth.
    pub fn neighbor(self, columns: i32, rows: i32) -> Self {
        let mask = ((1_u64 << self.steps) - 1) as u32;
        let moved = |index: u32, by: i32| match by {
            0 => index,
            by => index.wrapping_add_signed(by) & mask,
        };
        let (row, column) = (moved(gather(self.bits), rows), moved(gather(self.bits >> 1), columns));
        Cell { bits: spread(row) | spread(column) << 1, ..self }
    }

    /// The scores of the places in it: the first one, and the one behind the last.
    pub fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        ((self.bits << shift) as f64, ((self.bits + 1) << shift) as f64)
    }
}
