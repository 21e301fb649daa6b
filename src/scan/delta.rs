//! What a delta child inherits from its base: candidates whose bytes were copied, and zones that were not.

use std::ops::Range;

use super::decoded::Inherited;
use super::{Candidate, Carried, Raw, Scanned, Scanner, validate};
use crate::pack::Copy;
use crate::rules::{HEAD, Rule};

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
    /// anew, and the candidates to carry. A verdict is kept only if the whole window of its own rule was copied.
    pub fn inherit(&self, base: &Scanned, copies: &[Copy], child_len: usize) -> (Vec<Range<usize>>, Carried) {
        let runs = merge(copies);
        let mut carried = Carried::default();
        for run in &runs {
            let inside = base.candidates.partition_point(|c| c.hit.at < run.base)
                ..base.candidates.partition_point(|c| c.hit.at < run.base + run.len);
            for candidate in &base.candidates[inside] {
                self.carry(candidate, run, (base.len, child_len), &mut carried);
            }
        }
        carried.encoded = Inherited::new(&base.seen, &runs, base.len, child_len);
        (self.fresh(&runs, base.len, child_len), carried)
    }

    fn carry(&self, candidate: &Candidate, run: &Run, (base_len, child_len): (usize, usize), carried: &mut Carried) {
        let keyword = self.filter.keyword(candidate.hit.keyword);
        let end = candidate.hit.at + keyword.text.len();
        let to_end = run.base + run.len == base_len && run.child + run.len == child_len;
        let extent = self.filter.extent(candidate.hit.keyword);
        if !to_end && candidate.hit.at + extent > run.base + run.len {
            return;
        }
        let mut hit = candidate.hit;
        hit.at = hit.at - run.base + run.child;
        let reach = keyword.rules.iter().map(|(rule, _)| context(self.rules[*rule as usize])).max().unwrap_or(0);
        // A window that the base's beginning or end cut off is the same only if the child's cuts it off too.
        let from_start = run.base == 0 && run.child == 0;
        let left = from_start || candidate.hit.at >= run.base + reach;
        let right = to_end || end + reach <= run.base + run.len;
        if !left || !right {
            carried.recheck.push(hit);
            return;
        }
        let mut verdicts = candidate.verdicts.clone();
        for raw in &mut verdicts {
            raw.shift(run);
        }
        carried.candidates.push(Candidate { hit, verdicts });
    }

    /// By how many bytes zones are wider than what is new, before and behind it.
    pub(super) fn widening(&self) -> (usize, usize) {
        (self.filter.farthest().saturating_sub(1), HEAD - 1)
    }

    /// The gaps between copied runs, each widened so that a keyword across its border is found, or one before it that goes
    /// on differently there; behind it, the head of one that begins before. Where the base went on and the child ends is
    /// such a border, too.
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
            if run.child > at || run.child > 0 && at == run.child {
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

/// How far from its keyword a rule, its edge and its checks may look.
fn context(rule: &Rule) -> usize {
    let near = if rule.near.is_empty() && rule.candidates.is_empty() { rule.reach } else { 2 * rule.reach };
    near + validate::CONTEXT
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
