//! The edges of ranges: places between elements, whatever the range is measured in.

/// A place in the order of a sorted set: every element stands either before or behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge<'a> {
    /// Before all elements.
    Start,
    /// Behind all elements.
    End,
    /// Before all elements of this score.
    BeforeScore(f64),
    /// Behind all elements of this score.
    BehindScore(f64),
    /// Among elements of one score: before this member.
    BeforeMember(&'a [u8]),
    /// Among elements of one score: behind this member.
    BehindMember(&'a [u8]),
    /// Before the element of this score and member.
    Element(f64, &'a [u8]),
}

impl Edge<'_> {
    /// Whether the edge stands behind an element. Its member is asked for only where the score does not decide.
    #[inline]
    pub fn is_behind<'m>(self, score: f64, member: impl FnOnce() -> &'m [u8]) -> bool {
        match self {
            Edge::Start => false,
            Edge::End => true,
            Edge::BeforeScore(limit) => score < limit,
            Edge::BehindScore(limit) => score <= limit,
            Edge::BeforeMember(limit) => member() < limit,
            Edge::BehindMember(limit) => member() <= limit,
            Edge::Element(limit, name) => score < limit || (score == limit && member() < name),
        }
    }
}
