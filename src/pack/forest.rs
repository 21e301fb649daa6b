//! The delta forest of a pack: which entry is built on which.
//!
//! Some 33 bytes an object, in arrays; everything is an index into the entries sorted by offset.

use std::sync::Arc;

use rayon::prelude::*;

use super::Kind;
use super::Kinds;
use super::bits::Bits;
use super::entry::Form;
use super::entry::Header;
use super::inflate::crc32;
use super::packfile::Pack;

/// What an entry is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing, it is a whole object.
    Full(Kind),
    /// The entry with this number.
    Entry(u32),
    /// An object that this pack does not have.
    Elsewhere,
    /// Nothing that can be read.
    Damaged,
}

/// Whether a walk from the roots came by, and as what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    No,
    As(Kind),
    /// Below a base in another pack: known when it is read.
    AsWhatever,
}

/// The entries of a pack and what they are built on: the same for every walk, so made once.
pub(super) struct Skeleton {
    offsets: Vec<u64>,
    /// Positions in the index.
    positions: Vec<u32>,
    bases: Vec<Base>,
    /// The children of entry `i` are `children[child_starts[i]..child_starts[i + 1]]`, by offset.
    child_starts: Vec<u32>,
    children: Vec<u32>,
    /// All entries that can be reached, bases before what is built on them.
    order: Vec<u32>,
    reached: Vec<Reached>,
    /// Index positions of entries whose place is another's.
    displaced: Vec<(u32, &'static str)>,
}

/// The trees of a pack and what reading what is wanted of them will cost.
pub(super) struct Forest {
    skeleton: Arc<Skeleton>,
    /// Compressed sizes (in 16 bytes) of what is wanted in the tree below each entry, itself included.
    weights: Vec<u32>,
    /// Roots of trees with something wanted in them, heaviest first.
    pub(super) roots: Vec<u32>,
    /// Sum of the roots' weights.
    pub(super) weight: u64,
    /// Index positions of entries that cannot be read, and why.
    pub(super) lost: Vec<(u32, &'static str)>,
}

impl Skeleton {
    /// Reads every entry header of `pack`.
    pub(super) fn new(pack: &Pack) -> Self {
        let (offsets, positions, displaced) = entries(pack);
        let bases = bases(pack, &offsets);
        let (child_starts, children) = children(&bases);
        let (order, reached) = (Vec::new(), Vec::new());
        let mut skeleton = Skeleton { offsets, positions, bases, child_starts, children, order, reached, displaced };
        (skeleton.order, skeleton.reached) = skeleton.reach();
        skeleton
    }

    /// The entries built on this one.
    fn children(&self, entry: u32) -> &[u32] {
        let at = entry as usize;
        let start = self.child_starts.get(at).copied().unwrap_or(0) as usize;
        let end = self.child_starts.get(at + 1).copied().unwrap_or(0) as usize;
        self.children.get(start..end).unwrap_or_default()
    }

    /// Numbers all entries such that bases come before what is built on them. Cycles have no root and stay unreached.
    fn reach(&self) -> (Vec<u32>, Vec<Reached>) {
        let mut reached = vec![Reached::No; self.bases.len()];
        let mut order = Vec::with_capacity(self.bases.len());
        for (at, base) in self.bases.iter().enumerate() {
            reached[at] = match base {
                Base::Full(kind) => Reached::As(*kind),
                Base::Elsewhere => Reached::AsWhatever,
                Base::Entry(_) | Base::Damaged => continue,
            };
            order.push(at as u32);
        }
        let mut next = 0;
        while let Some(&entry) = order.get(next) {
            for &child in self.children(entry) {
                reached[child as usize] = reached[entry as usize];
                order.push(child);
            }
            next += 1;
        }
        (order, reached)
    }
}

impl Forest {
    /// Entries of unwanted kinds, and those whose position is in `seen`, weigh nothing. What of them cannot be trusted is
    /// lost, unless their kind is in `elsewhere`: those are read in another walk, which notices.
    pub(super) fn new(pack: &Pack, want: Kinds, elsewhere: Kinds, seen: &Bits) -> Self {
        let skeleton = pack.skeleton();
        let lost = skeleton.displaced.clone();
        let mut forest = Forest { skeleton, weights: Vec::new(), roots: Vec::new(), weight: 0, lost };
        forest.weigh(pack.bytes().len() as u64, want, seen);
        forest.find_roots();
        forest.find_lost(pack, want, elsewhere, seen);
        forest
    }

    pub(super) fn base(&self, entry: u32) -> Base {
        self.skeleton.bases.get(entry as usize).copied().unwrap_or(Base::Damaged)
    }

    /// The entry's position in the index.
    pub(super) fn position(&self, entry: u32) -> u32 {
        self.skeleton.positions.get(entry as usize).copied().unwrap_or(0)
    }

    /// Where the entry starts, and where the next one does.
    pub(super) fn range(&self, entry: u32, pack_len: usize) -> (usize, usize) {
        let at = entry as usize;
        let offsets = &self.skeleton.offsets;
        let start = offsets.get(at).copied().unwrap_or(u64::MAX);
        let end = offsets.get(at + 1).copied();
        let fit = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        (fit(start), end.map_or(pack_len, fit).min(pack_len))
    }

    /// The entries built on this one.
    pub(super) fn children(&self, entry: u32) -> &[u32] {
        self.skeleton.children(entry)
    }

    /// What is left to read at and below the entry; zero if nothing is wanted there.
    pub(super) fn weight(&self, entry: u32) -> u32 {
        self.weights.get(entry as usize).copied().unwrap_or(0)
    }

    /// The child with most below it.
    pub(super) fn heaviest_child(&self, entry: u32) -> Option<u32> {
        self.children(entry)
            .iter()
            .copied()
            .filter(|&child| self.weight(child) > 0)
            .max_by_key(|&child| self.weight(child))
    }

    fn weigh(&mut self, pack_len: u64, want: Kinds, seen: &Bits) {
        let skeleton = Arc::clone(&self.skeleton);
        self.weights = vec![0; skeleton.bases.len()];
        for &entry in skeleton.order.iter().rev() {
            let at = entry as usize;
            if wanted(skeleton.reached[at], want) && !seen.get(self.position(entry)) {
                let end = skeleton.offsets.get(at + 1).copied().unwrap_or(pack_len);
                let size = end.saturating_sub(skeleton.offsets[at]) / 16 + 1;
                let size = u32::try_from(size).unwrap_or(u32::MAX);
                self.weights[at] = self.weights[at].saturating_add(size);
            }
            if let Base::Entry(base) = skeleton.bases[at] {
                let base = base as usize;
                self.weights[base] = self.weights[base].saturating_add(self.weights[at]);
            }
        }
    }

    fn find_roots(&mut self) {
        let is_root = |at: &u32| matches!(self.base(*at), Base::Full(_) | Base::Elsewhere);
        self.roots = (0..self.skeleton.bases.len() as u32).filter(|at| is_root(at) && self.weight(*at) > 0).collect();
        let weights = &self.weights;
        // Among equals the order of the pack, which is that of the disk.
        self.roots.sort_by_key(|&root| std::cmp::Reverse(weights[root as usize]));
        self.weight = self.roots.iter().map(|&root| u64::from(self.weight(root))).sum();
    }

    /// Names what no walk can come by. An entry of another kind is not inflated, but what says so is its header:
    /// where a checksum shows that the header cannot be trusted, something wanted may hide there.
    fn find_lost(&mut self, pack: &Pack, want: Kinds, elsewhere: Kinds, seen: &Bits) {
        let bytes = pack.bytes();
        let Skeleton { bases, reached, .. } = &*self.skeleton;
        let lost = (0..bases.len()).into_par_iter().filter_map(|at| {
            let entry = at as u32;
            let position = self.position(entry);
            let is_read = |kinds| wanted(reached[at], kinds);
            if is_read(want) || is_read(elsewhere) || seen.get(position) {
                return None;
            }
            let why = if bases[at] == Base::Damaged {
                "its header is damaged or lies outside the pack"
            } else if reached[at] == Reached::No {
                "its delta bases lead in a circle or to a damaged entry"
            } else {
                let (start, end) = self.range(entry, bytes.len());
                let crc = crc32(bytes.get(start..end).unwrap_or_default());
                if pack.crc32(position).is_none_or(|expected| expected == crc) {
                    return None;
                }
                "its bytes do not have the checksum in the index"
            };
            Some((position, why))
        });
        let lost: Vec<_> = lost.collect();
        self.lost.extend(lost);
    }
}

fn wanted(reached: Reached, want: Kinds) -> bool {
    match reached {
        Reached::No => false,
        Reached::As(kind) => want.has(kind),
        Reached::AsWhatever => want != Kinds::default(),
    }
}

type Entries = (Vec<u64>, Vec<u32>, Vec<(u32, &'static str)>);

/// Offsets in ascending order with their index positions, and positions that share the entry of another.
fn entries(pack: &Pack) -> Entries {
    let mut pairs: Vec<(u64, u32)> = (0..pack.len()).map(|position| (pack.offset(position), position)).collect();
    pairs.par_sort_unstable();
    let mut lost = Vec::new();
    pairs.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            lost.push((later.1, "the index gives its place to another object"));
        }
        same
    });
    let offsets = pairs.iter().map(|&(offset, _)| offset).collect();
    let positions = pairs.iter().map(|&(_, position)| position).collect();
    (offsets, positions, lost)
}

fn bases(pack: &Pack, offsets: &[u64]) -> Vec<Base> {
    // For bases named by id: from index position to offset to entry, no table needed.
    let entry_at = |offset: u64| match offsets.binary_search(&offset) {
        Ok(at) => Base::Entry(at as u32),
        Err(_) => Base::Damaged,
    };
    let bytes = pack.bytes();
    let base = |(at, &offset): (usize, &u64)| {
        let entry = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
        let Some(header) = entry.and_then(|entry| Header::parse(entry, pack.hash_len())) else {
            return Base::Damaged;
        };
        match header.form {
            Form::Full(kind) => Base::Full(kind),
            Form::OffsetDelta(distance) => match offset.checked_sub(distance) {
                Some(base) => nearby(offsets, at, base),
                None => Base::Damaged,
            },
            Form::RefDelta(id) => match pack.position(id) {
                Some(position) => entry_at(pack.offset(position)),
                None => Base::Elsewhere,
            },
        }
    };
    offsets.par_iter().enumerate().with_min_len(1024).map(base).collect()
}

/// Looks for `offset` backwards from entry `at` in growing strides: a base is mostly close to its children.
fn nearby(offsets: &[u64], at: usize, offset: u64) -> Base {
    let (mut stride, mut end) = (8, at);
    loop {
        let start = end.saturating_sub(stride);
        let window = offsets.get(start..end).unwrap_or_default();
        if start > 0 && window.first().is_some_and(|&first| first > offset) {
            (stride, end) = (stride * 4, start);
            continue;
        }
        return match window.binary_search(&offset) {
            Ok(found) => Base::Entry((start + found) as u32),
            Err(_) => Base::Damaged,
        };
    }
}

/// Child lists by counting sort.
fn children(bases: &[Base]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; bases.len() + 1];
    for base in bases {
        if let Base::Entry(base) = base {
            starts[*base as usize + 1] += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut next = starts.clone();
    let mut children = vec![0u32; sum as usize];
    for (child, base) in bases.iter().enumerate() {
        if let Base::Entry(base) = base {
            let slot = &mut next[*base as usize];
            children[*slot as usize] = child as u32;
            *slot += 1;
        }
    }
    (starts, children)
}
