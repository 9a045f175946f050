//! Places against the documented examples, and shapes against a look at every place.

use super::area::{center_of, Shape};
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
    fn the_cells_of_a_polygon_cover_it(corners in prop::collection::vec(place(), 3..6), parts in [0.0..1.0_f64, 0.0..1.0],
        scale in 0.001..1.0_f64) {
        let first = corners[0];
        let toward = |corner: &Point, part: f64| Point {
            longitude: first.longitude + (corner.longitude - first.longitude) * part,
            latitude: first.latitude + (corner.latitude - first.latitude) * part,
        };
        let corners: Vec<Point> = corners.iter().map(|corner| toward(corner, scale)).collect();
        // Between the first three corners; whether that is inside is for the polygon to say.
        let place = Point {
            longitude: corners[1].longitude * parts[0] + corners[2].longitude * (1.0 - parts[0]),
            latitude: corners[1].latitude * parts[0] + corners[2].latitude * (1.0 - parts[0]),
        };
        let place = Point {
            longitude: first.longitude + (place.longitude - first.longitude) * parts[1],
            latitude: first.latitude + (place.latitude - first.latitude) * parts[1],
        };
        let (center, shape) = (center_of(&corners), Shape::Polygon(corners));
        let place = Point::of_score(place.score());
        let cells = shape.cells(center);
        let covering = cells.iter().filter(|cell| {
            let (first, behind) = cell.scores();
            (first..behind).contains(&place.score())
        });
        let expected = usize::from(shape.distance_m(center, place).is_some());
        let covering = covering.count();
        prop_assert!(covering <= 1 && covering >= expected);
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
