//! What is known of a rule's matches before its pattern is tried: the table that all built-in rules share, and the looks
//! at bytes by it.

use std::fmt;
use std::ops::Range;

use super::Rule;
use super::shape::{self, ByteSet};
use super::syntax::Node;

/// Sets of bytes, and shapes and patterns made of them.
pub struct ShapeTable {
    /// Each set once.
    pub sets: &'static [ByteSet],
    /// The number of a set for each place of each shape.
    pub places: &'static [u16],
    /// Patterns taken apart.
    pub nodes: &'static [u8],
}

/// All rules share it: it is not for people to read.
impl fmt::Debug for ShapeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShapeTable").finish_non_exhaustive()
    }
}

/// The bytes that can stand at each of the first places of a match.
#[derive(Debug)]
pub struct Beginnings {
    sets: [ByteSet; shape::LOOK],
    len: usize,
    /// At any of them.
    any: ByteSet,
    /// At the first, if that is always the same.
    first: Option<u8>,
}

impl Beginnings {
    /// The first position in `window` at which a match may begin.
    pub fn next(&self, bytes: &[u8], window: Range<usize>) -> Option<usize> {
        let sets = &self.sets[..self.len];
        let mut at = window.start;
        while at < window.end {
            if let Some(first) = self.first {
                at += memchr::memchr(first, &bytes[at..window.end])?;
            }
            let there = bytes.get(at..at + sets.len())?;
            // From the last byte on: that leaps farthest.
            let misfit = sets.iter().zip(there).rposition(|(set, byte)| !shape::contains(set, *byte));
            let Some(misfit) = misfit else { return Some(at) };
            at += self.leap(misfit, there[misfit]);
        }
        None
    }

    /// How far on the next place is at which a byte fits that does not fit here.
    #[inline]
    fn leap(&self, misfit: usize, byte: u8) -> usize {
        if !shape::contains(&self.any, byte) {
            return misfit + 1;
        }
        let before = self.sets[..misfit].iter().rev();
        1 + before.take_while(|set| !shape::contains(set, byte)).count()
    }
}

impl Rule {
    /// Whether a match may go on at `at`, behind the keyword with this number (or begin there, in the near form).
    pub fn may_go_on(&self, number: usize, bytes: &[u8], at: usize) -> bool {
        let Some(&(start, end)) = self.shapes.get(number) else { return true };
        let places = &self.shape_table.places[start as usize..end as usize];
        let Some(there) = bytes.get(at..at + places.len()) else { return false };
        let sets = self.shape_table.sets;
        places.iter().zip(there).all(|(set, byte)| shape::contains(&sets[usize::from(*set)], *byte))
    }

    /// The bytes of which one follows its keyword of a number in any match, if that is known.
    pub fn goes_on_with(&self, number: usize) -> Option<ByteSet> {
        let (start, end) = self.shapes.get(number).filter(|_| self.anchored)?;
        let place = self.shape_table.places[*start as usize..*end as usize].first()?;
        Some(self.shape_table.sets[usize::from(*place)])
    }

    /// The pattern, taken apart.
    pub fn node(&self) -> Option<Node> {
        let (start, end) = self.node;
        let mut bytes = self.shape_table.nodes.get(start as usize..end as usize)?;
        Node::read(&mut bytes, self.shape_table.sets)
    }

    /// Whether bytes have the run that every match has.
    pub fn has_run(&self, bytes: &[u8]) -> bool {
        let (set, len) = (self.shape_table.sets.get(usize::from(self.run.0)), usize::from(self.run.1));
        let (Some(set), 1..) = (set, len) else { return true };
        let mut rest = bytes;
        loop {
            let Some(there) = rest.get(..len) else { return false };
            // From the last byte on: none before a misfit is in a run that goes on behind it.
            let Some(misfit) = there.iter().rposition(|byte| !shape::contains(set, *byte)) else { return true };
            rest = &rest[misfit + 1..];
        }
    }

    /// What matches of the near form begin with.
    pub fn beginnings(&self) -> Beginnings {
        let (start, end) = self.shapes.first().copied().unwrap_or_default();
        let places = &self.shape_table.places[start as usize..end as usize];
        let mut beginnings = Beginnings { sets: [[0; 4]; shape::LOOK], len: places.len(), any: [0; 4], first: None };
        for (set, number) in beginnings.sets.iter_mut().zip(places) {
            *set = self.shape_table.sets[usize::from(*number)];
            beginnings.any = shape::union(&beginnings.any, set);
        }
        beginnings.first = beginnings.sets.first().and_then(shape::single);
        beginnings
    }

    /// How many bytes behind the keyword with this number [`Rule::may_go_on`] looks at.
    pub fn look(&self, number: usize) -> usize {
        self.shapes.get(number).map_or(0, |(start, end)| (end - start) as usize)
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::RuleSet;
    use crate::rules::sample::{Random, fill};
    use crate::scan::validate;

    /// Every place at which a match may begin is come to, and no other.
    #[test]
    fn beginnings_pass_over_nothing() {
        let (rules, mut random, mut seen) = (RuleSet::every_builtin(), Random::new(23), [0; 2]);
        for rule in rules.iter().filter(|rule| !rule.anchored) {
            let beginnings = rule.beginnings();
            for sample in rule.matches.iter().chain(rule.ignores) {
                let mut bytes = b"  a[1/S\"== ".repeat(random.below(4));
                bytes.extend(fill(sample, &mut random, &validate::generate).unwrap().into_bytes());
                bytes.extend((0..random.below(60)).map(|_| b"aZ0 S[,\n\"1/"[random.below(11)]));
                let end = bytes.len() - random.below(4).min(bytes.len());
                let plain: Vec<usize> = (0..end).filter(|at| rule.may_go_on(0, &bytes, *at)).collect();
                let (mut at, mut leapt) = (0, Vec::new());
                while let Some(next) = beginnings.next(&bytes, at..end) {
                    leapt.push(next);
                    at = next + 1;
                }
                assert_eq!(plain, leapt, "{}: {}", rule.id, bytes.escape_ascii());
                seen[0] += end;
                seen[1] += leapt.len();
            }
        }
        assert!(seen[1] > 1000 && seen[0] > 2 * seen[1], "{seen:?}");
    }
}
