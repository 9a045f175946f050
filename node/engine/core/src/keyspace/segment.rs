//! A segment: up to a few hundred entries in one allocation of 64-byte buckets.
//!
//! ```text
//! header | version of each bucket (u32) | main buckets ... | stash buckets ...
//! bucket: 7 fingerprints of 8 bits, 1 byte of occupancy | 7 tagged pointers
//! ```
//!
//! An entry lives in its home bucket, in the one after it, or, if both are full, in a stash bucket; the home
//! then carries the *overflowed* mark, so that only its lookups search the stash. Of home and next, the emptier
//! one is taken, which lets a segment fill to more than 85 % before it must grow. An entry never moves while its
//! segment stays as it is.
//!
//! A lookup compares all fingerprints of a bucket at once in a 64-bit word, then the 16 hash bits in the
//! pointer's unused top, and only then touches the entry. The same 16 bits choose the home bucket (multiplied
//! by the number of main buckets, the upper half), so a segment is rebuilt without touching any entry.
//!
//! Bits of a key's hash, from the top: 24 for the directory (see `table`), 16 for the home bucket, 8 for the
//! fingerprint, 16 unused.

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::ptr;

use super::capture::Captures;
use super::entry::Entry;

/// Bits of the hash that the directory may use.
pub(crate) const PREFIX_BITS: u32 = 24;
/// The low bits of a hash that no part of the table looks at.
pub(crate) const UNUSED_HASH_BITS: u32 = 16;

/// Entries of a bucket.
pub(crate) const LANES: usize = 7;
pub(crate) const LINE_BYTES: usize = 64;
const POINTER_BITS: u32 = 48;
const POINTER_MASK: usize = (1 << POINTER_BITS) - 1;
const OVERFLOWED: u64 = 1 << 63;
const OCCUPIED_SHIFT: u32 = 56;
const LANES_MASK: u64 = (1 << LANES) - 1;

/// Sizes of segments in lines of 64 bytes: those that the allocator has, so that none of a segment is wasted.
const LINES: [usize; 23] =
    [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128];

/// The largest size before a segment is split.
pub(crate) const LINES_MAX: usize = LINES[LINES.len() - 1];

/// One stash bucket for so many buckets.
const BUCKETS_PER_STASH: usize = 16;
/// Smaller segments grow instead of keeping a stash.
const BUCKETS_MIN_WITH_STASH: usize = 8;

/// How full, in percent, a rebuilt segment may be at most, and below what share a segment is made smaller.
const FILL_PERCENT_AFTER_REBUILD: usize = 74;
const FILL_PERCENT_TO_SHRINK: usize = 33;

/// The part of a hash that the directory uses, at the bottom of a word.
#[inline]
pub(crate) fn prefix_of(hash: u64) -> u64 {
    hash >> (64 - PREFIX_BITS)
}

#[inline]
pub(crate) fn tag_of(hash: u64) -> u16 {
    (hash >> (48 - PREFIX_BITS)) as u16
}

#[inline]
fn fingerprint_of(hash: u64) -> u8 {
    (hash >> UNUSED_HASH_BITS) as u8
}

/// An entry as a bucket holds it.
#[derive(Clone, Copy)]
pub(crate) struct Tagged {
    fingerprint: u8,
    pointer: *mut u8,
}

impl Tagged {
    pub(crate) fn new(hash: u64, entry: Entry) -> Tagged {
        let tag = usize::from(tag_of(hash)) << POINTER_BITS;
        Tagged {
            fingerprint: fingerprint_of(hash),
            pointer: entry.as_ptr().map_addr(|address| {
                assert_eq!(address & !POINTER_MASK, 0, "addresses have 48 bits");
                address & POINTER_MASK | tag
            }),
        }
    }

    #[inline]
    pub(crate) fn tag(self) -> u16 {
        (self.pointer.addr() >> POINTER_BITS) as u16
    }

    #[inline]
    pub(crate) fn address(self) -> *mut u8 {
        self.pointer.map_addr(|address| address & POINTER_MASK)
    }

    #[inline]
    pub(crate) fn entry(self) -> Entry {
        // SAFETY: a bucket's pointer belongs to a live entry: it is taken out before the entry is freed.
        unsafe { Entry::from_ptr(self.address()) }
    }
}

#[repr(C, align(64))]
struct Bucket {
    /// Seven fingerprints from the low end; in the top byte seven bits of occupancy and the overflowed mark.
    control: u64,
    pointers: [*mut u8; LANES],
}

impl Bucket {
    #[inline]
    fn occupied(&self) -> u64 {
        self.control >> OCCUPIED_SHIFT & LANES_MASK
    }

    #[inline]
    fn free_lanes(&self) -> u32 {
        LANES as u32 - self.occupied().count_ones()
    }

    /// A bit at the top of each byte whose fingerprint is the searched one and which is occupied.
    #[inline]
    fn candidates(&self, fingerprint: u8) -> u64 {
        const LOW_BITS: u64 = 0x0101_0101_0101_0101;
        const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let difference = self.control ^ (u64::from(fingerprint) * LOW_BITS);
        // Exact for each byte on its own: no borrow crosses a byte, unlike the shorter well-known form.
        let zeros = !(((difference & LOW_SEVEN) + LOW_SEVEN) | difference | LOW_SEVEN);
        zeros & 0x0080_8080_8080_8080
    }

    /// The lane of the first entry with this tag and fingerprint that `is_it` accepts.
    #[inline]
    fn find(&self, tag: u16, fingerprint: u8, is_it: &mut impl FnMut(Entry) -> bool) -> Option<usize> {
        let mut candidates = self.candidates(fingerprint);
        while candidates != 0 {
            let lane = (candidates.trailing_zeros() / 8) as usize;
            candidates &= candidates - 1;
            let tagged = self.tagged(lane);
            if self.is_occupied(lane) && tagged.tag() == tag && is_it(tagged.entry()) {
                return Some(lane);
            }
        }
        None
    }

    #[inline]
    fn tagged(&self, lane: usize) -> Tagged {
        Tagged { fingerprint: (self.control >> (8 * lane)) as u8, pointer: self.pointers[lane] }
    }

    #[inline]
    fn put(&mut self, tagged: Tagged) -> usize {
        let lane = (!self.occupied()).trailing_zeros() as usize;
        assert!(lane < LANES, "only a bucket with room is put into");
        self.control &= !(0xff << (8 * lane));
        self.control |= u64::from(tagged.fingerprint) << (8 * lane) | 1 << (OCCUPIED_SHIFT as usize + lane);
        self.pointers[lane] = tagged.pointer;
        lane
    }

    #[inline]
    fn take(&mut self, lane: usize) -> Entry {
        let entry = self.tagged(lane).entry();
        self.control &= !(1 << (OCCUPIED_SHIFT as usize + lane));
        self.pointers[lane] = ptr::null_mut();
        entry
    }

    #[inline]
    fn is_occupied(&self, lane: usize) -> bool {
        self.occupied() & (1 << lane) != 0
    }

    #[inline]
    fn tagged_entries(&self) -> impl Iterator<Item = Tagged> + '_ {
        (0..LANES).filter(|&lane| self.is_occupied(lane)).map(|lane| self.tagged(lane))
    }
}

#[repr(C)]
struct Header {
    /// The directory prefix that leads here, in the low `depth` bits.
    prefix: u64,
    len: u32,
    depth: u32,
    shape: Shape,
    unused: u64,
}

/// The numbers of lines and buckets of a segment.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shape {
    lines: u16,
    /// Lines before the first bucket.
    head: u16,
    buckets: u16,
    main: u16,
}

impl Shape {
    /// The shape of a segment of so many lines.
    const fn of(lines: usize) -> Shape {
        let buckets = (lines * LINE_BYTES - HEADER_BYTES) / BYTES_PER_BUCKET;
        let main = if lines > LINES_MAX {
            // Beyond the largest size everything more is stash; see `Segment::filled`.
            Shape::of(LINES_MAX).main as usize
        } else if buckets < BUCKETS_MIN_WITH_STASH {
            buckets
        } else {
            buckets - buckets.div_ceil(BUCKETS_PER_STASH)
        };
        Shape {
            lines: lines as u16,
            head: (lines - buckets) as u16,
            buckets: buckets as u16,
            main: main as u16,
        }
    }
}

/// The shapes of the usual sizes.
static SHAPES: [Shape; LINES.len()] = {
    let mut shapes = [Shape::of(LINES[0]); LINES.len()];
    let mut size = 0;
    while size < LINES.len() {
        shapes[size] = Shape::of(LINES[size]);
        size += 1;
    }
    shapes
};

const HEADER_BYTES: usize = size_of::<Header>();
const BYTES_PER_BUCKET: usize = LINE_BYTES + size_of::<u32>();

/// An owned segment: the address of its header, and in the unused top bits the place of its size in [`LINES`], so
/// that a lookup goes from the directory to the bucket without touching the header.
///
/// Like an entry it is `Copy` for the sake of the directory, where several neighbouring places name the same
/// segment; the table frees each once.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Segment(*mut Header);

// SAFETY of every block below: `Segment::new` alone makes segments, zeroed and of `lines` lines; `buckets` is
// computed so that header, versions and buckets fit; every index is asserted to be below `buckets`. A zeroed
// bucket is a valid empty one. References to buckets live within one method and never overlap: methods that
// change a segment are called through the table's exclusive borrow only.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Segment {
    pub(crate) fn new(lines: usize, depth: u32, prefix: u64, version: u32) -> Segment {
        let layout = Segment::layout(lines);
        let header = unsafe { alloc_zeroed(layout) }.cast::<Header>();
        if header.is_null() {
            handle_alloc_error(layout);
        }
        let shape = Shape::of(lines);
        let size = LINES.iter().position(|&usual| usual == lines).unwrap_or(LINES.len());
        unsafe { header.write(Header { prefix, len: 0, depth, shape, unused: 0 }) };
        let segment = Segment(header.map_addr(|address| {
            assert_eq!(address & !POINTER_MASK, 0, "addresses have 48 bits");
            address & POINTER_MASK | size << POINTER_BITS
        }));
        (0..segment.buckets()).for_each(|bucket| unsafe { *segment.version(bucket) = version });
        segment
    }

    fn layout(lines: usize) -> Layout {
        Layout::from_size_align(lines * LINE_BYTES, LINE_BYTES).expect("a segment is small")
    }

    /// Frees the segment, not its entries.
    pub(crate) fn free(self) {
        let layout = Segment::layout(self.lines());
        unsafe { dealloc(self.start(), layout) };
    }

    #[inline]
    fn start(self) -> *mut u8 {
        self.0.map_addr(|address| address & POINTER_MASK).cast()
    }

    #[inline]
    fn header(self) -> &'static mut Header {
        unsafe { &mut *self.start().cast() }
    }

    #[inline]
    fn shape(self) -> Shape {
        match SHAPES.get(self.0.addr() >> POINTER_BITS) {
            Some(&shape) => shape,
            None => self.header().shape,
        }
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.header().len as usize
    }

    #[inline]
    pub(crate) fn lines(self) -> usize {
        usize::from(self.shape().lines)
    }

    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.lines() * LINE_BYTES
    }

    #[inline]
    pub(crate) fn depth(self) -> u32 {
        self.header().depth
    }

    #[inline]
    pub(crate) fn prefix(self) -> u64 {
        self.header().prefix
    }

    #[inline]
    pub(crate) fn main(self) -> usize {
        usize::from(self.shape().main)
    }

    #[inline]
    pub(crate) fn buckets(self) -> usize {
        usize::from(self.shape().buckets)
    }

    #[inline]
    fn version(self, bucket: usize) -> *mut u32 {
        debug_assert!(bucket < self.buckets());
        unsafe { self.start().add(HEADER_BYTES).cast::<u32>().add(bucket) }
    }

    #[inline]
    fn bucket_ptr(self, bucket: usize) -> *mut Bucket {
        debug_assert!(bucket < self.buckets());
        let head = usize::from(self.shape().head);
        unsafe { self.start().cast::<Bucket>().add(head + bucket) }
    }

    #[inline]
    fn bucket<'a>(self, bucket: usize) -> &'a Bucket {
        unsafe { &*self.bucket_ptr(bucket) }
    }

    #[inline]
    fn bucket_mut<'a>(self, bucket: usize) -> &'a mut Bucket {
        unsafe { &mut *self.bucket_ptr(bucket) }
    }

    #[inline]
    pub(crate) fn home(self, tag: u16) -> usize {
        (usize::from(tag) * self.main()) >> 16
    }

    /// The lowest tag whose home is this bucket.
    #[inline]
    pub(crate) fn first_tag(self, home: usize) -> usize {
        (home << 16).div_ceil(self.main())
    }

    #[inline]
    fn next(self, home: usize) -> usize {
        if home + 1 == self.main() {
            0
        } else {
            home + 1
        }
    }

    /// The buckets where an entry of this home may be, most likely first.
    #[inline]
    fn places(self, home: usize) -> impl Iterator<Item = usize> {
        let next = self.next(home);
        let stash =
            if self.bucket(home).control & OVERFLOWED != 0 { self.main()..self.buckets() } else { 0..0 };
        [home, next].into_iter().take(if next == home { 1 } else { 2 }).chain(stash)
    }

    /// The bucket and lane of the first entry of this hash that `is_it` accepts.
    #[inline]
    pub(crate) fn find(self, hash: u64, mut is_it: impl FnMut(Entry) -> bool) -> Option<(usize, usize)> {
        let (tag, fingerprint) = (tag_of(hash), fingerprint_of(hash));
        let home = self.home(tag);
        let home_bucket = self.bucket(home);
        if let Some(lane) = home_bucket.find(tag, fingerprint, &mut is_it) {
            return Some((home, lane));
        }
        let next = self.next(home);
        if next != home {
            if let Some(lane) = self.bucket(next).find(tag, fingerprint, &mut is_it) {
                return Some((next, lane));
            }
        }
        if home_bucket.control & OVERFLOWED != 0 {
            for stash in self.main()..self.buckets() {
                if let Some(lane) = self.bucket(stash).find(tag, fingerprint, &mut is_it) {
                    return Some((stash, lane));
                }
            }
        }
        None
    }

    /// The bucket with room for an entry of this hash.
    #[inline]
    pub(crate) fn room(self, tag: u16) -> Option<usize> {
        let home = self.home(tag);
        let next = self.next(home);
        let (at_home, at_next) = (self.bucket(home).free_lanes(), self.bucket(next).free_lanes());
        if at_home.max(at_next) > 0 {
            return Some(if at_next > at_home { next } else { home });
        }
        (self.main()..self.buckets()).find(|&stash| self.bucket(stash).free_lanes() > 0)
    }

    /// Puts an entry into a bucket that [`Segment::room`] named.
    #[inline]
    pub(crate) fn put(self, bucket: usize, tagged: Tagged) -> usize {
        if bucket >= self.main() {
            self.bucket_mut(self.home(tagged.tag())).control |= OVERFLOWED;
        }
        self.header().len += 1;
        self.bucket_mut(bucket).put(tagged)
    }

    #[inline]
    pub(crate) fn entry(self, bucket: usize, lane: usize) -> Entry {
        self.bucket(bucket).tagged(lane).entry()
    }

    /// Names another allocation for the same key.
    #[inline]
    pub(crate) fn replace(self, bucket: usize, lane: usize, entry: Entry) {
        let place = &mut self.bucket_mut(bucket).pointers[lane];
        let tag = place.addr() & !POINTER_MASK;
        *place = entry.as_ptr().map_addr(|address| address & POINTER_MASK | tag);
    }

    #[inline]
    pub(crate) fn take(self, bucket: usize, lane: usize) -> Entry {
        self.header().len -= 1;
        self.bucket_mut(bucket).take(lane)
    }

    /// The entries in a bucket.
    pub(crate) fn in_bucket(self, bucket: usize) -> impl Iterator<Item = Tagged> {
        self.bucket(bucket).tagged_entries()
    }

    /// The entry in a place, if it is occupied.
    pub(crate) fn peek(self, bucket: usize, lane: usize) -> Option<Entry> {
        let bucket = self.bucket(bucket);
        bucket.is_occupied(lane).then(|| bucket.tagged(lane).entry())
    }

    /// All entries.
    pub(crate) fn all(self) -> impl Iterator<Item = Tagged> {
        (0..self.buckets()).flat_map(move |bucket| self.in_bucket(bucket))
    }

    /// The entries whose home is this bucket, wherever they are.
    pub(crate) fn of_home(self, home: usize) -> impl Iterator<Item = Tagged> {
        self.places(home)
            .flat_map(move |place| self.in_bucket(place))
            .filter(move |tagged| self.home(tagged.tag()) == home)
    }

    /// Hands a bucket out to the snapshots that lack it, before it changes. Tells whether a walk may go on.
    #[inline]
    pub(crate) fn before_change(self, bucket: usize, slot: u16, captures: &mut Captures) -> bool {
        if captures.is_idle() {
            return true;
        }
        let version = unsafe { &mut *self.version(bucket) };
        !captures.is_due(*version)
            || captures.hand_out(slot, version, || self.in_bucket(bucket).map(Tagged::entry))
    }

    /// Hands the whole segment out, before it is rebuilt or when the walk reaches it. Only a walk may stop within it,
    /// as it tells.
    pub(crate) fn hand_out(self, slot: u16, captures: &mut Captures) -> bool {
        (0..self.buckets()).all(|bucket| self.before_change(bucket, slot, captures))
    }

    #[inline]
    pub(crate) fn prefetch(self, hash: u64) {
        let bucket = self.bucket_ptr(self.home(tag_of(hash)));
        Entry::prefetch(bucket.cast());
        Entry::prefetch(bucket.wrapping_add(1).cast());
    }

    /// Asks the processor to load the entry that probably has this hash.
    #[inline]
    pub(crate) fn prefetch_entry(self, hash: u64) {
        let (tag, fingerprint) = (tag_of(hash), fingerprint_of(hash));
        let home = self.home(tag);
        for place in [home, self.next(home)] {
            let bucket = self.bucket(place);
            let candidates = bucket.candidates(fingerprint);
            if candidates != 0 {
                let tagged = bucket.tagged((candidates.trailing_zeros() / 8) as usize);
                if tagged.tag() == tag {
                    Entry::prefetch(tagged.address());
                    return;
                }
            }
        }
    }

    /// The size for so many entries.
    fn lines_for(len: usize) -> usize {
        let fits = |&&lines: &&usize| {
            let buckets = (lines * LINE_BYTES - HEADER_BYTES) / BYTES_PER_BUCKET;
            len * 100 <= buckets * LANES * FILL_PERCENT_AFTER_REBUILD
        };
        *LINES.iter().find(fits).unwrap_or(&LINES_MAX)
    }

    /// The next greater size.
    pub(crate) fn lines_after(lines: usize) -> usize {
        LINES.iter().copied().find(|&larger| larger > lines).unwrap_or(lines + lines / 4)
    }

    /// Whether it would do with much less.
    pub(crate) fn is_sparse(self) -> bool {
        self.lines() > LINES[0] && self.len() * 100 < self.buckets() * LANES * FILL_PERCENT_TO_SHRINK
    }

    /// Lanes of all buckets.
    pub(crate) fn lanes(self) -> usize {
        self.buckets() * LANES
    }

    /// A new segment with these entries, of at least `lines_min` lines and as many more as they need.
    ///
    /// It always succeeds: beyond the largest size only the stash grows, and the stash takes anything.
    pub(crate) fn filled(
        entries: &[Tagged],
        lines_min: usize,
        depth: u32,
        prefix: u64,
        version: u32,
    ) -> Segment {
        let mut lines = lines_min.max(Segment::lines_for(entries.len()));
        loop {
            let segment = Segment::new(lines, depth, prefix, version);
            if segment.put_all(entries) {
                return segment;
            }
            segment.free();
            lines = Segment::lines_after(lines);
        }
    }

    fn put_all(self, entries: &[Tagged]) -> bool {
        entries.iter().all(|&tagged| match self.room(tagged.tag()) {
            Some(bucket) => {
                self.put(bucket, tagged);
                true
            }
            None => false,
        })
    }
}
