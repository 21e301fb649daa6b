//! What a delta child inherits from its base: candidates whose bytes were copied, and zones that were not.

use std::ops::Range;

use super::decoded::Inherited;
use super::{Candidate, Carried, Hit, Raw, Scanned, Scanner};
use crate::pack::Copy;
use crate::rules::HEAD;

/// A run of bytes that a child took unchanged from its base.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub base: usize,
    pub child: usize,
    pub len: usize,
}

impl Run {
    /// Where bytes of the base that the run has stand in the child.
    pub fn to_child(self, range: &Range<usize>) -> Range<usize> {
        range.start - self.base + self.child..range.end - self.base + self.child
    }
}

impl Raw {
    pub fn shift(&mut self, run: &Run) {
        self.found.span = run.to_child(&self.found.span);
        self.whole = run.to_child(&self.whole);
    }
}

impl Scanner {
    /// From the base's result and the runs copied from it (in order of the child): the zones of the child to search
    /// anew, and the candidates to carry. A verdict is kept only if all bytes that it depends on were copied.
    pub fn inherit(&self, base: &Scanned, copies: &[Copy], child_len: usize) -> (Vec<Range<usize>>, Carried) {
        let runs = merge(copies);
        let mut carried = Carried { candidates: Vec::with_capacity(base.candidates.len()), ..Carried::default() };
        // Most runs come in the order of the base, and the next candidate is in the next run.
        let (mut rest, mut at) = (base.candidates.as_slice(), 0);
        for run in &runs {
            let is_before = |candidate: &Candidate| candidate.hit.at < run.base;
            let passed = if run.base < at {
                rest = &base.candidates;
                rest.partition_point(is_before)
            } else {
                rest.iter().take_while(|candidate| is_before(candidate)).count()
            };
            rest = &rest[passed..];
            at = run.base + run.len;
            let inside = rest.iter().take_while(|c| c.hit.at < at).count();
            for candidate in &rest[..inside] {
                self.carry(candidate, run, (base.len, child_len), &mut carried);
            }
            rest = &rest[inside..];
        }
        carried.encoded = Inherited::new(&base.seen, &runs, base.len, child_len);
        (self.fresh(&runs, base.len, child_len), carried)
    }

    fn carry(&self, candidate: &Candidate, run: &Run, (base_len, child_len): (usize, usize), carried: &mut Carried) {
        let at = candidate.hit.at;
        let to_end = run.base + run.len == base_len && run.child + run.len == child_len;
        let hit = Hit { at: at - run.base + run.child, ..candidate.hit };
        // What the base's beginning or end cut off is the same only if the child's cuts it off too.
        let from_start = run.base == 0 && run.child == 0;
        let left = from_start || at >= run.base + candidate.looked.before();
        let right = to_end || at + candidate.looked.after() <= run.base + run.len;
        if !left || !right {
            // Where the copy ends before all that makes it a hit, it is searched for.
            if right || at + self.filter.extent(candidate.hit.keyword) <= run.base + run.len {
                carried.recheck.push(hit);
            }
            return;
        }
        let mut verdicts = candidate.verdicts.clone();
        for raw in &mut verdicts {
            raw.shift(run);
        }
        carried.candidates.push(Candidate { hit, looked: candidate.looked, verdicts });
    }

    /// By how many bytes zones are wider than what is new, before and behind it.
    pub(super) fn widening(&self) -> (usize, usize) {
        (self.filter.farthest().saturating_sub(1), HEAD)
    }

    /// Whether a candidate need not be carried: wherever what it depends on is not copied, it lies in a zone. Most hits
    /// come to nothing, by a look at a few bytes.
    pub(super) fn is_found_anew(&self, candidate: &Candidate) -> bool {
        candidate.verdicts.is_empty() && candidate.looked.is_within(1, self.filter.farthest())
    }

    /// The gaps between copied runs, each widened so that a keyword across its border is found, or one before it that goes
    /// on differently there; behind it, the head of one that begins before or right there. Where the base went on and the
    /// child ends is such a border, too, as is where the child begins with what was in the midst of the base.
    fn fresh(&self, runs: &[Run], base_len: usize, len: usize) -> Vec<Range<usize>> {
        let (before, behind) = self.widening();
        let mut zones: Vec<Range<usize>> = Vec::new();
        let mut push = |from: usize, to: usize| {
            let zone = from.saturating_sub(before)..(to + behind).min(len);
            match zones.last_mut() {
                Some(last) if zone.start <= last.end => last.end = last.end.max(zone.end),
                _ => zones.push(zone),
            }
        };
        let mut at = 0;
        for run in runs {
            if run.child > at || at == run.child && (at > 0 || run.base > 0) {
                push(at, run.child);
            }
            at = run.child + run.len;
        }
        let is_cut = runs.last().is_none_or(|last| last.base + last.len < base_len);
        if at < len || is_cut {
            push(at, len);
        }
        zones
    }
}

/// Runs that continue one another in base and child are one.
fn merge(copies: &[Copy]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::with_capacity(copies.len());
    for copy in copies.iter().filter(|copy| copy.len > 0) {
        let copy = Run { base: copy.base as usize, child: copy.child as usize, len: copy.len as usize };
        match runs.last_mut() {
            Some(last) if last.base + last.len == copy.base && last.child + last.len == copy.child => {
                last.len += copy.len;
            }
            _ => runs.push(copy),
        }
    }
    runs
}
