//! Commands that find the members inside a shape: GEOSEARCH, GEORADIUS and their kin.

use super::access::{point_arg, unit_arg, write_distance, write_point};
use super::area::{center_of, Shape, CORNERS_MIN};
use super::cell::Point;
use crate::base::numbers::parse_i64;
use crate::dispatch::{Command, Ctx, Failure, Flags, Group, KeySpec, Outcome};
use crate::formats::packed::Item;
use crate::resp::failure::{NOT_AN_INTEGER, SYNTAX};
use crate::types::sorted_set::access::{sorted_set_of, store, write_item};
use crate::types::sorted_set::{score, Ranges, SortedSet};

const STORE: Flags = Flags::WRITE.union(Flags::DENYOOM);
const KEY: &[KeySpec] = &[KeySpec::one(1, "RO ACCESS")];
const COST: &str =
    "O(N+log(M)) with the members in the cells around the shape and the size of the sorted set";

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("geosearch", -7, Group::Geo, geosearch).flags(Flags::READONLY).keys(KEY).docs(
        "6.2.0",
        COST,
        "key [from=<FROMMEMBER member | FROMLONLAT longitude latitude>] \
         by=<BYRADIUS radius unit=<M | KM | FT | MI> | BYBOX width height unit=<M | KM | FT | MI> | \
         BYPOLYGON num-vertices <longitude latitude> ...> \
         [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
        "Answers the members inside a circle, a rectangle or a polygon.",
    ),
    Command::new("geosearchstore", -8, Group::Geo, geosearchstore)
        .flags(STORE)
        .keys(&[KeySpec::one(1, "OW UPDATE"), KeySpec::one(2, "RO ACCESS")])
        .docs(
            "6.2.0",
            COST,
            "destination source [from=<FROMMEMBER member | FROMLONLAT longitude latitude>] \
             by=<BYRADIUS radius unit=<M | KM | FT | MI> | BYBOX width height unit=<M | KM | FT | MI> | \
             BYPOLYGON num-vertices <longitude latitude> ...> \
             [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
            "Stores the members inside a circle, a rectangle or a polygon.",
        ),
    Command::new("georadius", -6, Group::Geo, georadius)
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`")
        .flags(STORE.union(Flags::MOVABLEKEYS))
        .keys(&[
            KeySpec::one(1, "RO ACCESS"),
            KeySpec::keyword("STORE", 6, 0, "OW UPDATE"),
            KeySpec::keyword("STOREDIST", 6, 0, "OW UPDATE"),
        ])
        .docs(
            "3.2.0",
            COST,
            "key longitude latitude radius unit=<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
            "Answers or stores the members around a place; GEOSEARCH does the same.",
        ),
    Command::new("georadius_ro", -6, Group::Geo, georadius_ro)
        .deprecated("6.2.0", "`GEOSEARCH` with `BYRADIUS`")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "3.2.10",
            COST,
            "key longitude latitude radius unit=<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
         [COUNT count [ANY]] [ASC | DESC]",
            "Answers the members around a place; GEOSEARCH does the same.",
        ),
    Command::new("georadiusbymember", -5, Group::Geo, georadiusbymember)
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS` and `FROMMEMBER`")
        .flags(STORE.union(Flags::MOVABLEKEYS))
        .keys(&[
            KeySpec::one(1, "RO ACCESS"),
            KeySpec::keyword("STORE", 5, 0, "OW UPDATE"),
            KeySpec::keyword("STOREDIST", 5, 0, "OW UPDATE"),
        ])
        .docs(
            "3.2.0",
            COST,
            "key member radius unit=<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
            "Answers or stores the members around a member; GEOSEARCH does the same.",
        ),
    Command::new("georadiusbymember_ro", -5, Group::Geo, georadiusbymember_ro)
        .deprecated("6.2.0", "`GEOSEARCH` with `BYRADIUS` and `FROMMEMBER`")
        .flags(Flags::READONLY)
        .keys(KEY)
        .docs(
            "3.2.10",
            COST,
            "key member radius unit=<M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC]",
            "Answers the members around a member; GEOSEARCH does the same.",
        ),
];

/// Which of the commands it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Search,
    SearchStore,
    Radius { by_member: bool, may_store: bool },
}

/// How the center was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Member,
    Coordinates,
    /// The center of the polygon's corners.
    Polygon,
}

/// In which order members are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Unsorted,
    Nearest,
    Farthest,
}

/// What is searched, and what is done with it.
struct Query<'a> {
    from: Option<From>,
    /// The center; nothing where it is a member of a missing key.
    center: Option<Point>,
    shape: Option<Shape>,
    /// The length of the unit that distances are answered in, in meters.
    unit_m: f64,
    order: Order,
    count: usize,
    /// Whether any members will do, not only the nearest.
    any: bool,
    with_coordinates: bool,
    with_distance: bool,
    with_cell: bool,
    destination: Option<&'a [u8]>,
    stores_distance: bool,
}

/// A member that was found.
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    place: Point,
    distance_m: f64,
}

impl<'a> Query<'a> {
    /// Reads the arguments. `locate` finds a member: `None` says that the key is missing.
    fn parse(
        ctx: &Ctx<'a>,
        form: Form,
        locate: impl Fn(&[u8]) -> Result<Option<Point>, Failure>,
    ) -> Result<Self, Failure> {
        let mut query = Query {
            from: None,
            center: None,
            shape: None,
            unit_m: 1.0,
            order: Order::Unsorted,
            count: 0,
            any: false,
            with_coordinates: false,
            with_distance: false,
            with_cell: false,
            destination: None,
            stores_distance: false,
        };
        let mut index = match form {
            Form::Search => 2,
            Form::SearchStore => {
                query.destination = Some(ctx.arg(1));
                3
            }
            Form::Radius { by_member, .. } => {
                let radius_at = if by_member { 3 } else { 4 };
                (query.from, query.center) = match by_member {
                    true => (Some(From::Member), locate(ctx.arg(2))?),
                    false => (Some(From::Coordinates), Some(point_arg(ctx, 2)?)),
                };
                // Around a member of a missing key there is nothing to search, and Redis does not look at the radius.
                if query.center.is_some() {
                    query.read_circle(ctx, radius_at)?;
                }
                radius_at + 2
            }
        };
        while index < ctx.args.len() {
            index = query.read_option(ctx, form, index, &locate)?;
        }
        query.check(ctx, form)?;
        Ok(query)
    }

    /// Reads the option at `index`; where the next one stands.
    fn read_option(
        &mut self,
        ctx: &Ctx<'a>,
        form: Form,
        index: usize,
        locate: &impl Fn(&[u8]) -> Result<Option<Point>, Failure>,
    ) -> Result<usize, Failure> {
        let left = ctx.args.len() - index - 1;
        let is_search = matches!(form, Form::Search | Form::SearchStore);
        let may_store = matches!(form, Form::Radius { may_store: true, .. });
        let is_circle = matches!(self.shape, Some(Shape::Circle { .. }));
        let is_rectangle = matches!(self.shape, Some(Shape::Rectangle { .. }));
        let is_polygon = self.from == Some(From::Polygon);
        let mut values = 0;
        match ctx.arg(index).to_ascii_lowercase().as_slice() {
            b"withdist" => self.with_distance = true,
            b"withhash" => self.with_cell = true,
            b"withcoord" => self.with_coordinates = true,
            b"any" => self.any = true,
            b"asc" => self.order = Order::Nearest,
            b"desc" => self.order = Order::Farthest,
            b"count" if left >= 1 => {
                let count = parse_i64(ctx.arg(index + 1)).ok_or(NOT_AN_INTEGER)?;
                let count = usize::try_from(count).ok().filter(|&count| count > 0);
                self.count = count.ok_or(Failure::Text("ERR COUNT must be > 0"))?;
                values = 1;
            }
            word @ (b"store" | b"storedist") if left >= 1 && may_store => {
                self.destination = Some(ctx.arg(index + 1));
                self.stores_distance = word == b"storedist";
                values = 1;
            }
            b"storedist" if form == Form::SearchStore => self.stores_distance = true,
            b"frommember" if left >= 1 && is_search && matches!(self.from, None | Some(From::Member)) => {
                self.center = locate(ctx.arg(index + 1))?;
                self.from = Some(From::Member);
                values = 1;
            }
            b"fromlonlat"
                if left >= 2 && is_search && matches!(self.from, None | Some(From::Coordinates)) =>
            {
                self.center = Some(point_arg(ctx, index + 1)?);
                self.from = Some(From::Coordinates);
                values = 2;
            }
            b"byradius" if left >= 2 && is_search && !is_rectangle && !is_polygon => {
                self.read_circle(ctx, index + 1)?;
                values = 2;
            }
            b"bybox" if left >= 3 && is_search && !is_circle && !is_polygon => {
                self.read_rectangle(ctx, index + 1)?;
                values = 3;
            }
            b"bypolygon" if left >= 1 && is_search && self.from.is_none() && self.shape.is_none() => {
                values = self.read_polygon(ctx, index + 1)?;
            }
            _ => return Err(SYNTAX),
        }
        Ok(index + 1 + values)
    }

    fn read_circle(&mut self, ctx: &Ctx<'_>, index: usize) -> Result<(), Failure> {
        let radius = score::parse(ctx.arg(index)).ok_or(Failure::Text("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(Failure::Text("ERR radius cannot be negative"));
        }
        self.unit_m = unit_arg(ctx, index + 1)?;
        self.shape = Some(Shape::Circle { radius_m: radius * self.unit_m });
        Ok(())
    }

    fn read_rectangle(&mut self, ctx: &Ctx<'_>, index: usize) -> Result<(), Failure> {
        let width = score::parse(ctx.arg(index)).ok_or(Failure::Text("ERR need numeric width"))?;
        let height = score::parse(ctx.arg(index + 1)).ok_or(Failure::Text("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(Failure::Text("ERR height or width cannot be negative"));
        }
        self.unit_m = unit_arg(ctx, index + 2)?;
        self.shape = Some(Shape::Rectangle { width_m: width * self.unit_m, height_m: height * self.unit_m });
        Ok(())
    }

    /// Reads the number of corners at `index`, and the corners. Returns how many arguments these are.
    fn read_polygon(&mut self, ctx: &Ctx<'_>, index: usize) -> Result<usize, Failure> {
        let count = parse_i64(ctx.arg(index)).filter(|count| *count <= i64::MAX / 2);
        let count = count.ok_or(Failure::Text("ERR invalid number of vertices"))?;
        let left = (ctx.args.len() - index - 1) / 2;
        let too_few = Failure::Text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
        let count = usize::try_from(count).ok().filter(|count| (CORNERS_MIN..=left).contains(count));
        let count = count.ok_or(too_few)?;
        let corners = (0..count).map(|corner| point_arg(ctx, index + 1 + 2 * corner));
        let corners = corners.collect::<Result<Vec<Point>, Failure>>()?;
        (self.from, self.center) = (Some(From::Polygon), Some(center_of(&corners)));
        self.shape = Some(Shape::Polygon(corners));
        Ok(1 + 2 * count)
    }

    fn check(&mut self, ctx: &Ctx<'_>, form: Form) -> Result<(), Failure> {
        let shows = self.with_distance || self.with_cell || self.with_coordinates;
        if self.destination.is_some() && shows {
            let what = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Failure::new(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let name = String::from_utf8_lossy(ctx.arg(0));
        if self.from.is_none() {
            return Err(Failure::new(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if self.shape.is_none() && matches!(form, Form::Search | Form::SearchStore) {
            return Err(Failure::new(format!(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
            )));
        }
        if self.any && self.count == 0 {
            return Err(Failure::Text("ERR the ANY argument requires COUNT argument"));
        }
        if self.count != 0 && self.order == Order::Unsorted && !self.any {
            self.order = Order::Nearest;
        }
        Ok(())
    }

    /// The members inside the shape, in the order and number asked for.
    fn run<'s>(&self, members: &'s Ranges<'_>) -> Vec<Found<'s>> {
        let (Some(center), Some(shape)) = (self.center, &self.shape) else { return Vec::new() };
        let enough = if self.any { self.count } else { usize::MAX };
        let mut found: Vec<Found<'s>> = Vec::new();
        'cells: for cell in shape.cells(center) {
            let (first, behind) = cell.scores();
            for (member, score) in members.from_score(first) {
                if found.len() >= enough {
                    break 'cells;
                }
                if score >= behind {
                    break;
                }
                let place = Point::of_score(score);
                if let Some(distance_m) = shape.distance_m(center, place) {
                    found.push(Found { member, score, place, distance_m });
                }
            }
        }
        let wanted = if self.count == 0 { found.len() } else { self.count.min(found.len()) };
        let by_distance = |one: &Found<'_>, other: &Found<'_>| one.distance_m.total_cmp(&other.distance_m);
        let by_order = |one: &Found<'_>, other: &Found<'_>| match self.order {
            Order::Farthest => by_distance(other, one),
            _ => by_distance(one, other),
        };
        if self.order != Order::Unsorted {
            if wanted > 0 && wanted < found.len() {
                found.select_nth_unstable_by(wanted - 1, by_order);
                found.truncate(wanted);
            }
            found.sort_by(by_order);
        }
        found.truncate(wanted);
        found
    }
}

/// A score as WITHHASH answers it; one that is too large becomes what C's conversion gives on x86-64.
fn cell_number(score: f64) -> i64 {
    if score < i64::MAX as f64 {
        score as i64
    } else {
        i64::MIN
    }
}

fn search(ctx: &mut Ctx<'_>, form: Form) -> Outcome {
    let source = ctx.key(if form == Form::SearchStore { 2 } else { 1 });
    let is_there = ctx.read_with(&source, |entry, _| sorted_set_of(entry).map(|set| set.is_some()))?;
    let limits = ctx.engine.sorted_set_limits();
    let db = &ctx.engine.keyspace.dbs[ctx.session.db];
    let set = if is_there { sorted_set_of(db.get(&source))? } else { None };
    let query = Query::parse(ctx, form, |member| {
        let Some(set) = set else { return Ok(None) };
        let score = set.score(member);
        score
            .map(|score| Some(Point::of_score(score)))
            .ok_or(Failure::Text("ERR could not decode requested zset member"))
    })?;
    let members = set.map(SortedSet::ranges);
    let found = members.as_ref().map_or(Vec::new(), |members| query.run(members));
    let Some(destination) = query.destination else {
        let mut reply = crate::resp::reply::Reply::new(&mut ctx.session.out, ctx.session.resp);
        reply.array(found.len());
        let shown = [query.with_distance, query.with_cell, query.with_coordinates];
        let values = shown.iter().filter(|is_shown| **is_shown).count();
        for item in &found {
            if values > 0 {
                reply.array(values + 1);
            }
            write_item(&mut reply, item.member);
            if query.with_distance {
                write_distance(&mut reply, item.distance_m / query.unit_m);
            }
            if query.with_cell {
                reply.int(cell_number(item.score));
            }
            if query.with_coordinates {
                write_point(&mut reply, item.place);
            }
        }
        return Ok(());
    };
    let mut result = SortedSet::new();
    for item in &found {
        let score = if query.stores_distance { item.distance_m / query.unit_m } else { item.score };
        result.insert(item.member.spell(&mut itoa::Buffer::new()), score, &limits);
    }
    let key = ctx.own_key(destination);
    let event = if form == Form::SearchStore { "geosearchstore" } else { "georadiusstore" };
    store(ctx, &key, result, event)
}

fn geosearch(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::Search)
}

fn geosearchstore(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::SearchStore)
}

fn georadius(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::Radius { by_member: false, may_store: true })
}

fn georadius_ro(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::Radius { by_member: false, may_store: false })
}

fn georadiusbymember(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::Radius { by_member: true, may_store: true })
}

fn georadiusbymember_ro(ctx: &mut Ctx<'_>) -> Outcome {
    search(ctx, Form::Radius { by_member: true, may_store: false })
}
