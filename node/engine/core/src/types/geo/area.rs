//! Shapes, and the cells that they can touch.

use super::cell::{
    degrees_of, latitude_distance_m, Bounds, Cell, Point, LATITUDE_MAX, LONGITUDE_MAX, STEPS_MAX,
};

/// Half of the way around the earth, in meters of the Mercator projection.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// How much farther than the radius a difference of latitudes must be to decide alone, for the sake of rounding.
const RISE_TOLERANCE: f64 = 1.000_001;

/// Less than a cell, in degrees.
const EDGE: f64 = 0.000_001;

/// The least corners that a polygon has.
pub const CORNERS_MIN: usize = 3;

/// What is searched, around a center.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A circle of this radius in meters.
    Circle { radius_m: f64 },
    /// A rectangle along the parallels, in meters.
    Rectangle { width_m: f64, height_m: f64 },
    /// A polygon with these corners, whose edges are straight where longitude and latitude are drawn at right angles.
    Polygon(Vec<Point>),
}

/// The center of a polygon's corners: the direction of their mean, seen from the middle of the earth.
pub fn center_of(corners: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (corner.longitude.to_radians(), corner.latitude.to_radians());
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    let count = corners.len() as f64;
    (x, y, z) = (x / count, y / count, z / count);
    Point { longitude: y.atan2(x).to_degrees(), latitude: z.atan2(x.hypot(y)).to_degrees() }
}

/// Whether a place lies in a polygon: a line from it to the east crosses an odd number of edges.
fn is_inside(corners: &[Point], place: Point) -> bool {
    let Some(mut before) = corners.last() else { return false };
    let mut inside = false;
    for corner in corners {
        if (corner.latitude > place.latitude) != (before.latitude > place.latitude) {
            let part = (place.latitude - corner.latitude) / (before.latitude - corner.latitude);
            let crossing = corner.longitude + part * (before.longitude - corner.longitude);
            inside ^= place.longitude < crossing;
        }
        before = corner;
    }
    inside
}

/// The smallest area along the parallels that holds all corners.
fn bounds_of(corners: &[Point]) -> Bounds {
    let nothing = Bounds {
        west: f64::INFINITY,
        south: f64::INFINITY,
        east: f64::NEG_INFINITY,
        north: f64::NEG_INFINITY,
    };
    corners.iter().fold(nothing, |bounds, corner| Bounds {
        west: bounds.west.min(corner.longitude),
        south: bounds.south.min(corner.latitude),
        east: bounds.east.max(corner.longitude),
        north: bounds.north.max(corner.latitude),
    })
}

impl Shape {
    /// The distance from the center in meters, if the place is inside.
    pub fn distance_m(&self, center: Point, place: Point) -> Option<f64> {
        match *self {
            Shape::Polygon(ref corners) => is_inside(corners, place).then(|| center.distance_m(place)),
            Shape::Circle { radius_m } => {
                // Most places are too far north or south already, which is known without trigonometry. Beside the
                // border the distance itself decides.
                let rise_m = latitude_distance_m(center.latitude, place.latitude);
                if rise_m > radius_m * RISE_TOLERANCE {
                    return None;
                }
                let distance_m = center.distance_m(place);
                (distance_m <= radius_m).then_some(distance_m)
            }
            Shape::Rectangle { width_m, height_m } => {
                if latitude_distance_m(place.latitude, center.latitude) > height_m / 2.0 {
                    return None;
                }
                let beside = Point { latitude: place.latitude, ..center };
                if place.distance_m(beside) > width_m / 2.0 {
                    return None;
                }
                Some(center.distance_m(place))
            }
        }
    }

    /// What the cells must cover.
    fn covering(&self, center: Point) -> Covering {
        match *self {
            Shape::Circle { radius_m } => Covering::around(center, radius_m, radius_m, radius_m),
            Shape::Rectangle { width_m, height_m } => {
                let (half_width_m, half_height_m) = (width_m / 2.0, height_m / 2.0);
                Covering::around(center, half_width_m, half_height_m, diagonal(half_width_m, half_height_m))
            }
            Shape::Polygon(ref corners) => Covering::of_polygon(corners, center),
        }
    }

    /// The cells that the shape can touch, the center's first, none of them twice in a row.
    pub fn cells(&self, center: Point) -> Vec<Cell> {
        let Covering { bounds, radius_m, origin, is_exact } = self.covering(center);
        let mut cell = Cell::at(origin, steps(center, radius_m));
        while cell.steps > 1 && !reaches(cell, bounds) {
            cell = Cell::at(origin, cell.steps - 1);
            if !is_exact {
                break;
            }
        }
        let own = cell.bounds();
        // With one halving all cells touch each other around the earth.
        let is_small = cell.steps >= 2;
        let is_useless = |columns: i32, rows: i32| {
            is_small
                && ((rows < 0 && own.south < bounds.south)
                    || (rows > 0 && own.north > bounds.north)
                    || (columns < 0 && own.west < bounds.west)
                    || (columns > 0 && own.east > bounds.east))
        };
        let mut cells = vec![cell];
        for (columns, rows) in [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)] {
            let neighbor = cell.neighbor(columns, rows);
            // The center's own cell is not compared: what repeats it is visited again, as in Redis.
            let repeats = match is_exact {
                true => cells.contains(&neighbor),
                false => cells.len() > 1 && cells.last() == Some(&neighbor),
            };
            if !is_useless(columns, rows) && !repeats {
                cells.push(neighbor);
            }
        }
        cells
    }
}

/// An area that cells are to cover.
struct Covering {
    bounds: Bounds,
    /// How far from the center it reaches.
    radius_m: f64,
    /// A place in the first cell.
    origin: Point,
    /// Whether all of the area must be covered, and no part of it twice. What Redis has, too, is covered as Redis does it.
    is_exact: bool,
}

impl Covering {
    /// What reaches so far to the sides, to north and south, and in all. Towards the poles a meter is more degrees of
    /// longitude, so the edge that is nearer to a pole decides.
    fn around(center: Point, half_width_m: f64, half_height_m: f64, radius_m: f64) -> Self {
        let rise = degrees_of(half_height_m);
        let toward_pole = if center.latitude < 0.0 { center.latitude - rise } else { center.latitude + rise };
        let reach = degrees_of(half_width_m / toward_pole.to_radians().cos());
        let bounds = Bounds {
            west: center.longitude - reach,
            south: center.latitude - rise,
            east: center.longitude + reach,
            north: center.latitude + rise,
        };
        Covering { bounds, radius_m, origin: center, is_exact: false }
    }

    fn of_polygon(corners: &[Point], center: Point) -> Self {
        let bounds = bounds_of(corners);
        let rise = (bounds.north - center.latitude).max(center.latitude - bounds.south);
        // A degree of longitude is longest at the equator, so this is enough at every latitude.
        let reach = (bounds.east - center.longitude).max(center.longitude - bounds.west);
        let radius_m = diagonal(latitude_distance_m(0.0, reach), latitude_distance_m(0.0, rise));
        Covering { bounds, radius_m, origin: inside_grid(center), is_exact: true }
    }
}

fn diagonal(width: f64, height: f64) -> f64 {
    (width * width + height * height).sqrt()
}

/// The size of cells of which nine are enough for what reaches so far, as the number of halvings.
fn steps(center: Point, radius_m: f64) -> u32 {
    if radius_m == 0.0 {
        return STEPS_MAX;
    }
    let (mut radius_m, mut steps) = (radius_m, 1_i32);
    while radius_m < MERCATOR_MAX_M {
        radius_m *= 2.0;
        steps += 1;
    }
    // The area must be covered from wherever in a cell the center lies, and toward the poles cells become narrow.
    steps -= 2;
    for latitude in [66.0, 80.0] {
        steps -= i32::from(center.latitude.abs() > latitude);
    }
    steps.clamp(1, STEPS_MAX as i32) as u32
}

/// A place of the grid beside the given one: the center of a polygon around a pole lies beyond the grid, and its eastern
/// and northern edges belong to no cell.
fn inside_grid(center: Point) -> Point {
    Point {
        longitude: center.longitude.clamp(-LONGITUDE_MAX, LONGITUDE_MAX - EDGE),
        latitude: center.latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX - EDGE),
    }
}

/// Whether the neighbors of a cell reach the edges of an area.
fn reaches(cell: Cell, area: Bounds) -> bool {
    cell.neighbor(0, 1).bounds().north >= area.north
        && cell.neighbor(0, -1).bounds().south <= area.south
        && cell.neighbor(1, 0).bounds().east >= area.east
        && cell.neighbor(-1, 0).bounds().west <= area.west
}
