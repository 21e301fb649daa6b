//! On which bytes around a keyword its verdicts depend: where all of them were copied into a delta child, the verdicts
//! are the same there.

use std::ops::Range;

use super::confirm::Confirmed;
use super::validate::{self, assigned};
use crate::rules::Rule;

/// A stretch of bytes around a keyword. One that goes beyond the bytes on either side says that they end there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Looked {
    before: u32,
    after: u32,
}

impl Looked {
    /// How many bytes before the keyword.
    pub fn before(self) -> usize {
        self.before as usize
    }

    /// How many bytes from the beginning of the keyword on.
    pub fn after(self) -> usize {
        self.after as usize
    }

    /// Whether it is not wider than so many bytes before the keyword and from its beginning on.
    pub fn is_within(self, before: usize, after: usize) -> bool {
        self.before() <= before && self.after() <= after
    }

    /// Takes in so many bytes before the keyword.
    pub fn back(&mut self, bytes: usize) {
        self.before = self.before.max(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Takes in so many bytes from the beginning of the keyword on.
    pub fn ahead(&mut self, bytes: usize) {
        self.after = self.after.max(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Takes in what the checks of a match look at, given the beginning of the keyword.
    pub fn judged(&mut self, rule: &Rule, at: usize, found: &Confirmed) {
        let has_words = !rule.near.is_empty() || !rule.candidates.is_empty();
        let reach = if has_words || assigned::is_of_rows(rule) { rule.reach } else { 0 };
        // One more says whether a word goes on behind what is looked at.
        let around = reach + validate::CONTEXT + 1;
        let Range { start, end } = found.whole.start.min(found.secret.start)..found.whole.end.max(found.secret.end);
        self.back((at + around).saturating_sub(start));
        self.ahead((end + around).saturating_sub(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSet;
    use crate::rules::sample::{Random, fill};
    use crate::scan::{Hit, Raw, Scanner};

    /// What verdicts say, by places as far from the keyword as they are.
    fn told(verdicts: &[Raw], at: usize) -> String {
        let far = |place: usize| place as isize - at as isize;
        let one = |raw: &Raw| {
            let (found, whole) = (&raw.found, &raw.whole);
            let places = [found.span.start, found.span.end, whole.start, whole.end].map(far);
            let sure = (found.confidence, found.severity, raw.proved, raw.keyword_inside);
            format!("{} {places:?} {sure:?} {:?} {:?}", found.rule.id, found.implausible, found.details)
        };
        verdicts.iter().map(one).collect()
    }

    fn noise(random: &mut Random, len: usize) -> Vec<u8> {
        let alphabet = b"abcXYZ0189 \n\t=:,\"'`{}()[]<>.@-_/\\%$&#+;|";
        (0..len).map(|_| alphabet[random.below(alphabet.len())]).collect()
    }

    /// Samples of every rule in noise: all bytes that were not looked at become others, or go.
    #[test]
    fn what_was_not_looked_at_changes_nothing() {
        let (rules, mut random, mut counts) = (RuleSet::every_builtin(), Random::new(11), [0; 2]);
        let scanner = Scanner::new(&rules);
        for rule in rules.iter() {
            for sample in rule.matches.iter().chain(rule.ignores).take(6) {
                let sample = fill(sample, &mut random, &validate::generate).unwrap();
                let (before, after) = (random.below(900), random.below(900));
                let bytes = [noise(&mut random, before), sample.into_bytes(), noise(&mut random, after)].concat();
                let mut hits = Vec::new();
                scanner.filter.search(&bytes, 0..bytes.len(), |hit| hits.push(hit));
                for hit in hits {
                    let (verdicts, looked) = scanner.verdicts(&bytes, hit);
                    let from = hit.at.checked_sub(looked.before());
                    let to = Some(hit.at + looked.after()).filter(|to| *to <= bytes.len());
                    let seen = from.unwrap_or(0)..to.unwrap_or(bytes.len());
                    let (less, more) = (random.below(400), random.below(400));
                    let head = if from.is_some() { noise(&mut random, less) } else { Vec::new() };
                    let tail = if to.is_some() { noise(&mut random, more) } else { Vec::new() };
                    let other = [&head, &bytes[seen.clone()], &tail].concat();
                    let at = hit.at - seen.start + head.len();
                    let (again, _) = scanner.verdicts(&other, Hit { at, ..hit });
                    assert_eq!(told(&verdicts, hit.at), told(&again, at), "{}: {hit:?} {seen:?}", rule.id);
                    counts[usize::from(verdicts.is_empty())] += 1;
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 1000), "{counts:?}");
    }
}
