//! Encodings made of units of fixed size: which stretch of them around a reason is worth decoding.

use std::ops::Range;

/// A unit of an encoding, such as four characters of base64.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it decodes to, as far as a reason to decode goes. Noise if a line breaks within it.
    pub sense: Sense,
    /// Where a line breaks.
    pub gap: Gap,
}

/// Where a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Nowhere.
    None,
    /// Between a unit and the neighbour from which we came.
    Beside,
    /// Within a unit.
    Within,
}

/// What a unit decodes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// Text.
    Text,
    /// What may stand between characters of text, such as the zeros of UTF-16.
    Filler,
    /// Anything else.
    Noise,
}

/// An encoding made of units.
pub trait Units {
    /// How many units of text in a row are a reason to decode.
    const NEED: u32;
    /// How many units around the last reason are decoded with it.
    const MARGIN: u32;

    /// The unit that begins at `at`.
    fn next(&self, bytes: &[u8], at: usize) -> Option<Unit>;

    /// The unit that ends at `at`.
    fn prev(&self, bytes: &[u8], at: usize) -> Option<Unit>;
}

/// The last units that were looked at: is there a reason among them?
#[derive(Debug, Clone, Copy, Default)]
pub struct Recent {
    valid: u64,
    text: u64,
}

impl Recent {
    /// Adds a unit; whether the last `need` of them are a reason.
    pub fn add(&mut self, sense: Sense, need: u32) -> bool {
        self.valid = self.valid << 1 | u64::from(sense != Sense::Noise);
        self.text = self.text << 1 | u64::from(sense == Sense::Text);
        let window = (1u64 << need) - 1;
        self.valid & window == window && (self.text & window).count_ones() >= (need / 4).max(1)
    }

    /// Forgets what went before.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Units that belong together, with what surrounds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// From the first unit to the last one.
    pub place: Range<usize>,
    /// From where the first reason begins to where the last one ends.
    pub reasons: Range<usize>,
    /// Where a unit begins after each break: the phase of what follows.
    anchors: Vec<usize>,
}

impl Chain {
    /// Whether a reason that begins at `at` is one of the chain's own.
    pub fn holds(&self, at: usize, unit: usize) -> bool {
        let before = self.anchors.partition_point(|anchor| *anchor <= at);
        let in_phase = |anchor: &usize| (at - anchor).is_multiple_of(unit);
        self.reasons.contains(&at) && self.anchors[..before].last().is_some_and(in_phase)
    }
}

/// The chain around the reason that begins at `at`: reasons follow one another at most a margin apart. The same chain
/// comes out whichever of its reasons it was begun at; a delta child relies on that.
pub fn chain<U: Units>(units: &U, bytes: &[u8], at: usize) -> Chain {
    let (mut start, mut first) = (at, at);
    let mut lefts = vec![at];
    let (mut recent, mut margin) = (Recent::default(), U::MARGIN);
    // The reason's own units count again from the left, so that a reason that overlaps it is seen.
    let mut own = at;
    for _ in 1..U::NEED {
        match units.next(bytes, own) {
            Some(unit) => own = unit.end,
            None => break,
        }
    }
    let mut cursor = own;
    while margin > 0 {
        let Some(unit) = units.prev(bytes, cursor) else { break };
        if unit.gap != Gap::None {
            recent.clear();
        }
        cursor = unit.start;
        let reason = recent.add(unit.sense, U::NEED);
        if cursor >= at {
            continue;
        }
        start = cursor;
        match lefts.last_mut() {
            Some(last) if unit.gap == Gap::None => *last = start,
            _ => lefts.push(start),
        }
        if reason {
            (margin, first) = (U::MARGIN, start);
        } else {
            margin -= 1;
        }
    }
    lefts.reverse();
    let mut anchors = lefts;
    let (mut recent, mut margin) = (Recent::default(), U::MARGIN);
    let (mut end, mut last) = (at, at);
    while margin > 0 {
        let Some(unit) = units.next(bytes, end) else { break };
        if unit.gap != Gap::None {
            recent.clear();
        }
        if recent.add(unit.sense, U::NEED) {
            (margin, last) = (U::MARGIN, unit.end);
        } else if unit.end > own {
            margin -= 1;
        }
        match unit.gap {
            Gap::None => {}
            Gap::Beside => anchors.push(unit.start),
            Gap::Within => anchors.push(unit.end),
        }
        end = unit.end;
    }
    Chain { place: start..end, reasons: first..last, anchors }
}
