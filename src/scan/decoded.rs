//! What rules find in encoded text, which of it counts, and what a delta child inherits of it.

use std::ops::Range;
use std::sync::Mutex;

use super::decode::{self, Layer, Stretch, Text};
use super::delta::Run;
use super::settle::LAST_RESORT;
use super::{Candidate, Hit, Raw, Scanner};
use crate::blob::Blob;
use crate::coverage::{Reason, Tally};
use crate::finding::Decoded;
use crate::lock::lock;
use crate::secret::Secret;

/// An encoded stretch of a blob and what was found in it: what is carried over to a delta child if all bytes that it
/// depends on were copied.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    layer: Layer,
    place: Range<usize>,
    pub found: Vec<Raw>,
    cut: Cut,
}

/// What was left encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Texts that are encoded more often than is seen through.
    pub deep: u64,
    /// Texts that say more than their length allows for: nobody encodes so, but to keep a scanner busy.
    pub long: u64,
}

impl Cut {
    /// Of all stretches together.
    pub fn of(seen: &[Seen]) -> Self {
        let add = |sum: Self, seen: &Seen| Self { deep: sum.deep + seen.cut.deep, long: sum.long + seen.cut.long };
        seen.iter().fold(Self::default(), add)
    }

    /// Says so in the coverage statement.
    pub fn note(self, blob: &Blob<'_>, depth: usize, left: &Mutex<Tally>) {
        if self == Self::default() {
            return;
        }
        let mut tally = lock(left);
        if self.deep > 0 {
            let why = format!("{}: encoded more than {depth} times (--max-decode-depth)", blob.name());
            tally.skip(Reason::DecodeDepth, why);
        }
        if self.long > 0 {
            tally.skip(Reason::DecodeSize, format!("{}: encoded text that says too much", blob.name()));
        }
    }
}

/// What is known of the encoded text of a blob before it is looked at.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    pub seen: Vec<Seen>,
    /// Where there was a reason to decode that must be looked at anew.
    pub again: Vec<Range<usize>>,
}

/// More pairs of a run and a stretch are not looked at one by one.
const MOST_PAIRS: usize = 1 << 16;

impl Inherited {
    /// What was found in encoded text is kept if everything around it was copied too; else there may be a reason to
    /// decode in what was copied, which is looked for again. `seen` must be in order.
    pub fn new(seen: &[Seen], runs: &[Run], base_len: usize, child_len: usize) -> Self {
        let mut inherited = Self::default();
        if seen.is_empty() {
            return inherited;
        }
        if seen.len().saturating_mul(runs.len()) > MOST_PAIRS {
            inherited.again.push(0..child_len);
            return inherited;
        }
        // Stretches may overlap, so their ends are in no order: how far any of them up to each one goes is.
        let mut farthest = 0;
        let ends: Vec<usize> = seen
            .iter()
            .map(|seen| {
                farthest = seen.place.end.max(farthest);
                farthest
            })
            .collect();
        for run in runs {
            let first = ends.partition_point(|end| *end <= run.base);
            let last = seen.partition_point(|seen| seen.place.start < run.base + run.len);
            for seen in seen.get(first..last).unwrap_or_default() {
                let (place, context) = (&seen.place, seen.layer.context());
                let from_start = run.base == 0 && run.child == 0;
                let to_end = run.base + run.len == base_len && run.child + run.len == child_len;
                let left = from_start || place.start >= run.base + context;
                let right = (to_end && place.end <= base_len) || place.end + context <= run.base + run.len;
                if left && right && seen.layer.may_move(run.child.abs_diff(run.base)) {
                    let mut seen = seen.clone();
                    seen.place = run.to_child(&seen.place);
                    seen.found.iter_mut().for_each(|raw| raw.shift(run));
                    inherited.seen.push(seen);
                    continue;
                }
                let place = place.start.max(run.base)..place.end.min(run.base + run.len);
                if !place.is_empty() {
                    inherited.again.push(run.to_child(&place));
                }
            }
        }
        inherited
    }
}

impl Seen {
    /// By place.
    fn order(&self) -> (usize, usize, Layer) {
        (self.place.start, self.place.end, self.layer)
    }
}

/// What rules find in decoded text; the scanner's fast way, or a plain one.
pub(super) type Find<'a> = dyn Fn(&Text) -> Vec<Raw> + 'a;

/// Text that is looked at for a stretch, all layers and ways to take them off together: so many times its length and
/// what stands around it. Honest text stays far below it.
const TIMES: usize = 8;
const AROUND_IT: usize = 1 << 10;

impl Scanner {
    /// The encoded stretches of a blob, in order: those that are inherited, and those in the zones that are new.
    pub(super) fn encoded(&self, bytes: &[u8], zones: &[Range<usize>], inherited: Inherited) -> Vec<Seen> {
        if self.decode_depth == 0 {
            return Vec::new();
        }
        let mut seen = inherited.seen;
        seen.sort_by_key(Seen::order);
        seen.dedup_by_key(|seen| seen.order());
        let zones = widened(zones, inherited.again, self.widening(), bytes.len());
        let fresh = see(bytes, &zones, &seen, self.decode_depth, &|text| self.find_decoded(text));
        if !fresh.is_empty() {
            seen.extend(fresh);
            seen.sort_by_key(Seen::order);
        }
        seen
    }

    /// What rules find in a decoded text that depends on what was decoded: the rest is found where it stands.
    fn find_decoded(&self, text: &Text) -> Vec<Raw> {
        let mut hits = Vec::new();
        self.filter.search(&text.bytes, 0..text.bytes.len(), |hit| hits.push(hit));
        hits.retain(|hit| text.is_decoded(&self.reach(*hit)));
        self.judged_hits(&text.bytes, hits).flat_map(|candidate: Candidate| candidate.verdicts).collect()
    }

    /// In which bytes all matches of a hit's rules stand.
    fn reach(&self, hit: Hit) -> Range<usize> {
        let keyword = self.filter.keyword(hit.keyword);
        let rules = || keyword.rules.iter().map(|(rule, _)| self.rules[*rule as usize]);
        let before = rules().filter(|rule| !rule.anchored).map(|rule| rule.reach).max().unwrap_or(0);
        let after = rules().map(|rule| rule.reach).max().unwrap_or(0);
        hit.at.saturating_sub(before)..hit.at + keyword.text.len() + after
    }
}

/// Zones in order, each with the bytes around it on which a reason to decode in it depends. Those that are searched for
/// keywords are wider than what is new by what is `known`, before and behind it.
fn widened(zones: &[Range<usize>], again: Vec<Range<usize>>, known: (usize, usize), len: usize) -> Vec<Range<usize>> {
    use decode::{BEFORE, BEHIND};
    let around = |zone: &Range<usize>| zone.start.saturating_sub(BEFORE)..len.min(zone.end + BEHIND);
    let fit = |zone: &Range<usize>| {
        // What was cut off at the beginning or the end is not so much wider.
        let start = if zone.start == 0 { 0 } else { (zone.start + known.0).saturating_sub(BEFORE) };
        let end = if zone.end == len { len } else { len.min((zone.end + BEHIND).saturating_sub(known.1)) };
        start..end.max(start)
    };
    let mut all: Vec<Range<usize>> = zones.iter().map(fit).collect();
    if !again.is_empty() {
        all.extend(again.iter().map(around));
        // Two rows in order: a stable sort merges them.
        all.sort_by_key(|zone| zone.start);
    }
    all.dedup_by(|next, zone| {
        let joins = next.start <= zone.end;
        if joins {
            zone.end = zone.end.max(next.end);
        }
        joins
    });
    all
}

/// Decodes the stretches with a reason in one of the zones, other than those that are `known`, and looks into them.
/// Stretches that are known must be in order.
pub(super) fn see(bytes: &[u8], zones: &[Range<usize>], known: &[Seen], depth: usize, find: &Find<'_>) -> Vec<Seen> {
    let mut all = Vec::new();
    for stretch in decode::stretches(bytes, zones) {
        let order = (stretch.place.start, stretch.place.end, stretch.layer);
        if known.binary_search_by(|seen| seen.order().cmp(&order)).is_ok() {
            continue;
        }
        let mut look = Look { budget: (stretch.place.len() + AROUND_IT) * TIMES, depth, cut: Cut::default(), find };
        let mut found = look.inside(bytes, &stretch, Above::default());
        for raw in &mut found {
            if let Some(decoded) = &mut raw.found.decoded {
                decoded.stored = Secret::new(&bytes[raw.found.span.clone()], 0);
            }
        }
        all.push(Seen { layer: stretch.layer, place: stretch.place, found, cut: look.cut });
    }
    all
}

/// The layers around a text.
#[derive(Clone, Copy, Default)]
struct Above {
    depth: usize,
    /// One of them writes any bytes, so that noise may come out.
    digits: bool,
    /// One of them is not how the whole file is written.
    pieces: bool,
}

/// A look into one stretch and what is encoded in it.
struct Look<'a> {
    budget: usize,
    depth: usize,
    cut: Cut,
    find: &'a Find<'a>,
}

impl Look<'_> {
    /// What is found in a stretch and in what is encoded in it, in no order, by its places in `bytes`.
    fn inside(&mut self, bytes: &[u8], stretch: &Stretch, above: Above) -> Vec<Raw> {
        let Some(text) = stretch.decode(bytes) else { return Vec::new() };
        let Some(left) = self.budget.checked_sub(text.bytes.len()) else {
            self.cut.long += 1;
            return Vec::new();
        };
        self.budget = left;
        let here = Above {
            depth: above.depth + 1,
            digits: above.digits || stretch.layer.is_digits(),
            pieces: above.pieces || !matches!(stretch.layer, Layer::Wide(_)),
        };
        let mut found = (self.find)(&text);
        found.retain(|raw| {
            let by_name_alone = here.pieces && raw.found.rule.provider == LAST_RESORT;
            // What cannot be a credential must not take the place of what stands there.
            let is_none = here.pieces && raw.found.implausible.is_some();
            !by_name_alone && !is_none && (!here.digits || is_sure(raw, &text.bytes))
        });
        // The name before digits is no part of what they say.
        let said = &text.bytes[text.name..];
        let inner = decode::stretches(said, std::slice::from_ref(&(0..said.len())));
        if here.depth < self.depth {
            for inner in inner {
                let inside = self.inside(said, &inner, here).into_iter();
                found.extend(inside.map(|raw| raw.moved(text.name)));
            }
        } else if inner.iter().any(|inner| inner.layer.is_digits()) {
            self.cut.deep += 1;
        }
        found.into_iter().filter_map(|raw| stored(raw, &text, stretch.layer)).collect()
    }
}

impl Raw {
    /// The same match, so many bytes further on.
    fn moved(mut self, by: usize) -> Self {
        self.whole = self.whole.start + by..self.whole.end + by;
        let span = &self.found.span;
        self.found.span = span.start + by..span.end + by;
        self
    }
}

/// Moves a match to where its bytes are stored, if any of them is encoded: the others are found where they stand.
fn stored(mut raw: Raw, text: &Text, layer: Layer) -> Option<Raw> {
    if !text.is_decoded(&raw.whole) {
        return None;
    }
    raw.whole = text.stored(&raw.whole);
    raw.found.span = text.stored(&raw.found.span);
    let decoded = raw.found.decoded.get_or_insert_with(|| Decoded { layers: Vec::new(), stored: Secret::new(b"", 0) });
    decoded.layers.insert(0, layer.word());
    Some(raw)
}

/// How far around a match bytes must be text, and of how many bytes one may be none.
const AROUND: usize = 32;
const NOISE: usize = 32;

/// Whether a match in what digits stand for counts: it has its provider's own prefix, or was proved, or stands in text.
fn is_sure(raw: &Raw, text: &[u8]) -> bool {
    let rule = raw.found.rule;
    if raw.proved || rule.anchored && raw.keyword_inside {
        return true;
    }
    let around = raw.whole.start.saturating_sub(AROUND)..text.len().min(raw.whole.end + AROUND);
    let noise = text[around.clone()].iter().filter(|byte| !is_text(**byte)).count();
    (rule.anchored || !rule.generic) && noise * NOISE <= around.len()
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}
