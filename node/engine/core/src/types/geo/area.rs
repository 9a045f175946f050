//! Shapes, and the cells that they can touch.

use super::cell::{degrees_of, latitude_distance_m, Bounds, Cell, Point, STEPS_MAX};

/// Half of the way around the earth, in meters of the Mercator projection.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// What is searched, around a center.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A circle of this radius in meters.
    Circle { radius_m: f64 },
    /// A rectangle along the parallels, in meters.
    Rectangle { width_m: f64, height_m: f64 },
}

impl Shape {
    /// The distance from the center in meters, if the place is inside.
    pub fn distance_m(self, center: Point, place: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius_m } => {
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

    fn half_sides_m(self) -> (f64, f64) {
        match self {
            Shape::Circle { radius_m } => (radius_m, radius_m),
            Shape::Rectangle { width_m, height_m } => (width_m / 2.0, height_m / 2.0),
        }
    }

    /// The edges of what the shape covers. Towards the poles a meter is more degrees of longitude, so the edge that
    /// is nearer to a pole decides.
    fn bounds(self, center: Point) -> Bounds {
        let (half_width_m, half_height_m) = self.half_sides_m();
        let rise = degrees_of(half_height_m);
        let toward_pole = if center.latitude < 0.0 { center.latitude - rise } else { center.latitude + rise };
        let reach = degrees_of(half_width_m / toward_pole.to_radians().cos());
        Bounds {
            west: center.longitude - reach,
            south: center.latitude - rise,
            east: center.longitude + reach,
            north: center.latitude + rise,
        }
    }

    /// The size of cells of which nine are enough, as the number of halvings.
    fn steps(self, center: Point) -> u32 {
        let (half_width_m, half_height_m) = self.half_sides_m();
        let mut radius_m = match self {
            Shape::Circle { radius_m } => radius_m,
            Shape::Rectangle { .. } => (half_width_m * half_width_m + half_height_m * half_height_m).sqrt(),
        };
        if radius_m == 0.0 {
            return STEPS_MAX;
        }
        let mut steps = 1_i32;
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

    /// The cells that the shape can touch, the center's first, none of them twice in a row.
    pub fn cells(self, center: Point) -> Vec<Cell> {
        let bounds = self.bounds(center);
        let mut cell = Cell::at(center, self.steps(center));
        if cell.steps > 1 && !reaches(cell, bounds) {
            cell = Cell::at(center, cell.steps - 1);
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
            let repeats = cells.len() > 1 && cells.last() == Some(&neighbor);
            if !is_useless(columns, rows) && !repeats {
                cells.push(neighbor);
            }
        }
        cells
    }
}

/// Whether the neighbors of a cell reach the edges of an area.
fn reaches(cell: Cell, area: Bounds) -> bool {
    cell.neighbor(0, 1).bounds().north >= area.north
        && cell.neighbor(0, -1).bounds().south <= area.south
        && cell.neighbor(1, 0).bounds().east >= area.east
        && cell.neighbor(-1, 0).bounds().west <= area.west
}
