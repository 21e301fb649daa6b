//! What a match must look like after its keyword, byte by byte: a look at a few bytes spares most of the searches with
//! a regular expression. Shared with `build.rs`.

use regex_syntax::hir::{Class, ClassBytes, Hir, HirKind};

use super::syntax::Node;

/// A set of bytes, a bit for each.
pub type ByteSet = [u64; 4];

/// Bytes looked at after a keyword.
pub const LOOK: usize = 16;
/// Positions that can be told apart.
const MOST: usize = 127;
const ANY: ByteSet = [u64::MAX; 4];

/// The bytes that can stand at each place behind `keyword` in a match that begins with it, as far as every match goes.
pub fn behind(hir: &Hir, keyword: &[u8], ignore_case: bool) -> Vec<ByteSet> {
    let shortest = hir.properties().minimum_len().unwrap_or(0);
    let end = shortest.min(keyword.len() + LOOK).min(MOST);
    if end <= keyword.len() {
        return Vec::new();
    }
    let mut walk = Walk { keyword, ignore_case, sets: vec![[0; 4]; end] };
    walk.through(hir, 1);
    walk.sets.split_off(keyword.len())
}

/// The longest run of bytes of one set that every match has, at least so long; 0 if there is none.
pub fn run(hir: &Hir) -> (ByteSet, usize) {
    let none = ([0; 4], 0);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => none,
        HirKind::Capture(capture) => run(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(run).max_by_key(|(_, len)| *len).unwrap_or(none),
        HirKind::Alternation(parts) => {
            let either = |(a, m): (ByteSet, usize), (b, n)| (union(&a, &b), m.min(n));
            parts.iter().map(run).reduce(either).unwrap_or(none)
        }
        HirKind::Repetition(repetition) => match (repetition.sub.kind(), repetition.min as usize) {
            (_, 0) => none,
            (HirKind::Class(Class::Bytes(class)), min) => (set_of(class), min),
            _ => run(&repetition.sub),
        },
    }
}

/// The bytes of a class.
pub fn set_of(class: &ClassBytes) -> ByteSet {
    let mut set = [0; 4];
    for range in class.ranges() {
        (range.start()..=range.end()).for_each(|byte| insert(&mut set, byte));
    }
    set
}

/// The bytes of either set.
pub fn union(one: &ByteSet, other: &ByteSet) -> ByteSet {
    std::array::from_fn(|part| one[part] | other[part])
}

/// Whether no byte is in both.
pub fn are_apart(one: &ByteSet, other: &ByteSet) -> bool {
    one.iter().zip(other).all(|(one, other)| one & other == 0)
}

struct Walk<'k> {
    keyword: &'k [u8],
    ignore_case: bool,
    sets: Vec<ByteSet>,
}

impl Walk<'_> {
    /// Where a part of the pattern can end (a bit for each position), given where it can begin.
    fn through(&mut self, hir: &Hir, begins: u128) -> u128 {
        if begins == 0 {
            return 0;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => begins,
            HirKind::Literal(literal) => literal.0.iter().fold(begins, |at, byte| self.step(at, &only(*byte))),
            HirKind::Class(class) => {
                let bytes = match class {
                    Class::Bytes(class) => Some(class.clone()),
                    Class::Unicode(class) => class.to_byte_class(),
                };
                // Of a character that may take several bytes nothing is known.
                let Some(bytes) = bytes else {
                    let first = begins.trailing_zeros() as usize;
                    self.sets.iter_mut().skip(first).for_each(|set| *set = ANY);
                    return u128::MAX << first;
                };
                self.step(begins, &set_of(&bytes))
            }
            HirKind::Repetition(repetition) => {
                let most = repetition.max.map_or(MOST, |max| max as usize).min(MOST);
                let mut at = begins;
                let mut ends = 0;
                for count in 0..=most {
                    if count >= repetition.min as usize {
                        if at | ends == ends {
                            break;
                        }
                        ends |= at;
                    }
                    if count < most {
                        at = self.through(&repetition.sub, at);
                    }
                }
                ends
            }
            HirKind::Capture(capture) => self.through(&capture.sub, begins),
            HirKind::Concat(parts) => parts.iter().fold(begins, |at, part| self.through(part, at)),
            HirKind::Alternation(parts) => parts.iter().fold(0, |ends, part| ends | self.through(part, begins)),
        }
    }

    /// One byte of a set at each of these positions; a way that does not spell the keyword ends here.
    fn step(&mut self, mut begins: u128, set: &ByteSet) -> u128 {
        let mut ends = 0;
        while begins != 0 {
            let at = begins.trailing_zeros() as usize;
            begins &= begins - 1;
            if self.keyword.get(at).is_some_and(|byte| !self.spells(*byte, set)) {
                continue;
            }
            if let Some(known) = self.sets.get_mut(at) {
                known.iter_mut().zip(set).for_each(|(known, set)| *known |= set);
            }
            if at < MOST {
                ends |= 1 << (at + 1);
            }
        }
        ends
    }

    fn spells(&self, byte: u8, set: &ByteSet) -> bool {
        contains(set, byte)
            || self.ignore_case
                && (contains(set, byte.to_ascii_lowercase()) || contains(set, byte.to_ascii_uppercase()))
    }
}

/// The set of one byte.
pub fn only(byte: u8) -> ByteSet {
    all_of(&[byte])
}

/// The set of some bytes.
pub const fn all_of(bytes: &[u8]) -> ByteSet {
    let (mut set, mut at) = ([0; 4], 0);
    while at < bytes.len() {
        insert(&mut set, bytes[at]);
        at += 1;
    }
    set
}

/// The set of all other bytes.
pub const fn none_of(bytes: &[u8]) -> ByteSet {
    let set = all_of(bytes);
    [!set[0], !set[1], !set[2], !set[3]]
}

/// The only byte of a set.
pub fn single(set: &ByteSet) -> Option<u8> {
    let (word, bits) = (0u8..).zip(set).find(|(_, bits)| **bits != 0)?;
    let byte = word << 6 | bits.trailing_zeros() as u8;
    (*set == only(byte)).then_some(byte)
}

/// Adds a byte to a set.
pub const fn insert(set: &mut ByteSet, byte: u8) {
    set[(byte >> 6) as usize] |= 1 << (byte & 63);
}

/// Whether a byte is in a set.
#[inline]
pub fn contains(set: &ByteSet, byte: u8) -> bool {
    set[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
}

/// The shapes of many keywords: few sets make up most of them.
#[derive(Debug, Default)]
pub struct Shapes {
    /// All sets, each once.
    pub sets: Vec<ByteSet>,
    /// Numbers of sets, one shape after the other.
    pub places: Vec<u16>,
    /// Patterns taken apart, one after the other.
    pub nodes: Vec<u8>,
    known: std::collections::HashMap<ByteSet, u16>,
    spans: std::collections::HashMap<Vec<ByteSet>, (u32, u32)>,
}

impl Shapes {
    /// Adds a shape, and says where in `places` it begins and ends. Beyond 65,536 sets it is cut short: then
    /// it tells less, but nothing wrong.
    pub fn add(&mut self, shape: &[ByteSet]) -> (u32, u32) {
        if let Some(span) = self.spans.get(shape) {
            return *span;
        }
        let start = self.places.len() as u32;
        for set in shape {
            let Some(number) = self.number(set) else { break };
            self.places.push(number);
        }
        let span = (start, self.places.len() as u32);
        self.spans.insert(shape.to_vec(), span);
        span
    }

    /// Adds a run, and gives the number of its set and how long it is; none where there are too many sets.
    pub fn add_run(&mut self, (set, len): &(ByteSet, usize)) -> (u16, u16) {
        let number = self.number(set).filter(|_| *len > 0);
        number.map_or((0, 0), |number| (number, u16::try_from(*len).unwrap_or(u16::MAX)))
    }

    /// Adds a pattern, and says where in `nodes` it begins and ends; nowhere where there are too many sets.
    pub fn add_node(&mut self, node: Option<&Node>) -> (u32, u32) {
        let mut written = Vec::new();
        let Some(()) = node.and_then(|node| node.write(self, &mut written)) else { return (0, 0) };
        let start = self.nodes.len() as u32;
        self.nodes.extend(written);
        (start, self.nodes.len() as u32)
    }

    /// The number of a set, new or not.
    pub fn number(&mut self, set: &ByteSet) -> Option<u16> {
        if let Some(number) = self.known.get(set) {
            return Some(*number);
        }
        let fresh = u16::try_from(self.sets.len()).ok()?;
        self.known.insert(*set, fresh);
        self.sets.push(*set);
        Some(fresh)
    }
}
