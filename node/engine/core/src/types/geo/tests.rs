//! Places against the documented examples, and shapes against a look at every place.

use super::area::Shape;
use super::cell::{Cell, Point, STEPS_MAX};
use proptest::prelude::*;

const PALERMO: Point = Point { longitude: 13.361_389, latitude: 38.115_556 };
const CATANIA: Point = Point { longitude: 15.087_269, latitude: 37.502_669 };

#[test]
fn cells_and_distances_are_the_documented_ones() {
    assert_eq!(PALERMO.score(), 3_479_099_956_230_698.0);
    assert_eq!(CATANIA.score(), 3_479_447_370_796_909.0);
    let stored = |place: Point| Point::of_score(place.score());
    assert_eq!(format!("{:.4}", stored(PALERMO).distance_m(stored(CATANIA))), "166274.1516");
    assert_eq!(stored(PALERMO).public_geohash(), "sqc8b49rny0");
    assert_eq!(stored(CATANIA).public_geohash(), "sqdtr74hyu0");
}

fn place() -> impl Strategy<Value = Point> {
    (-180.0..180.0, -85.0..85.0).prop_map(|(longitude, latitude)| Point { longitude, latitude })
}

proptest! {
    #[test]
    fn a_place_lies_in_its_cells(place in place(), steps in 1..=STEPS_MAX) {
        let cell = Cell::at(place, steps);
        let bounds = cell.bounds();
        prop_assert!(bounds.west <= place.longitude && place.longitude <= bounds.east);
        prop_assert!(bounds.south <= place.latitude && place.latitude <= bounds.north);
        let (first, behind) = cell.scores();
        prop_assert!(first <= place.score() && place.score() < behind);
        prop_assert_eq!(cell.neighbor(1, 1).neighbor(-1, -1), cell);
    }

    #[test]
    fn the_cells_of_a_shape_cover_it(center in place(), north in -1.0..1.0_f64, east in -1.0..1.0_f64,
        radius_m in 0.1..1_000_000.0_f64) {
        prop_assume!(center.latitude.abs() < 60.0 && center.longitude.abs() < 160.0);
        let degrees = radius_m / 111_000.0;
        let place = Point {
            longitude: center.longitude + east * degrees,
            latitude: center.latitude + north * degrees,
        };
        let shape = Shape::Circle { radius_m };
        if shape.distance_m(center, Point::of_score(place.score())).is_some() {
            let covers = |cell: &Cell| {
                let (first, behind) = cell.scores();
                (first..behind).contains(&place.score())
            };
            prop_assert!(shape.cells(center).iter().any(covers));
        }
    }
}
