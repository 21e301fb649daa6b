//! What one blob's matches amount to: parts joined, overlaps resolved, the binary policy applied. Runs once per blob,
//! after everything that was carried over, and nothing of it is carried.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::{Raw, validate};
use crate::finding::Match;
use crate::rules::{Confidence, Part};

/// Settles the matches of one blob, in order of their place.
pub(super) fn settle(mut raw: Vec<Raw>, binary: bool) -> Vec<Raw> {
    if binary {
        raw.retain(|m| m.found.rule.anchored && m.keyword_inside);
    }
    raw.sort_by(|a, b| order(a).cmp(&order(b)));
    raw.dedup_by(|a, b| a.found.span == b.found.span && a.found.rule.id == b.found.rule.id);
    without_cut_ones(&mut raw);
    let mut kept = without_overlaps(raw);
    kept.sort_by_key(|m| (m.found.span.start, m.found.span.end));
    let mut joined = join_parts(kept);
    joined.iter_mut().for_each(promote);
    joined
}

/// A random value right behind its provider's name or prefix is surer than the rule is of such shapes, and stays so
/// where its other half is not near: what stops a commit must not hang on that. A check that does not fit is not made up
/// for by looks.
fn promote(m: &mut Raw) {
    let found = &mut m.found;
    if !found.details.contains_key("doubt") && validate::is_convincing(found.rule, found.secret.reveal()) {
        found.confidence = match found.confidence {
            Confidence::Low => Confidence::Medium,
            Confidence::Medium | Confidence::High => Confidence::High,
        };
    }
}

/// Adds what the blob is as a whole. A secret found in it that is as sure is worth more, since it says whom to ask to
/// revoke it: then the file gives no finding of its own.
pub(super) fn with_file(mut matches: Vec<Match>, file: Option<Match>) -> Vec<Match> {
    let Some(file) = file else { return matches };
    let is_worth_more = |m: &Match| m.implausible.is_none() && !m.rule.public && m.confidence >= file.confidence;
    if !matches.iter().any(is_worth_more) {
        matches.insert(0, file);
    }
    matches
}

/// By place. A rule may find a secret by its name and, a second time, by a shape that it shares with others: the first counts.
fn order(m: &Raw) -> (usize, Reverse<usize>, &'static str, usize, bool) {
    (m.found.span.start, Reverse(m.found.span.end), m.found.rule.id, layers(m), m.keyword_inside)
}

/// How many layers of encoding there are around a secret.
fn layers(m: &Raw) -> usize {
    m.found.decoded.as_ref().map_or(0, |decoded| decoded.layers.len())
}

/// Drops what an escape in it, or the end of a piece, cuts short, where the whole was found by decoding it. `raw` must be
/// in order.
fn without_cut_ones(raw: &mut Vec<Raw>) {
    if raw.iter().all(|m| layers(m) == 0) {
        return;
    }
    // A piece that is too short for a pattern may do with what stands before it.
    let (mut last, mut cut): (HashMap<&'static str, (usize, &Raw)>, _) = (HashMap::new(), HashSet::new());
    for (number, m) in raw.iter().enumerate() {
        let inside = m.found.span.start + 1..m.found.span.end;
        let is_whole = |piece: &Raw| layers(m) > layers(piece) && inside.contains(&piece.found.span.end);
        if let Some((piece, _)) = last.insert(m.found.rule.id, (number, m)).filter(|(_, piece)| is_whole(piece)) {
            cut.insert(piece);
        }
    }
    let mut number = 0;
    raw.retain(|_| {
        number += 1;
        !cut.contains(&(number - 1))
    });
    let mut whole: Option<(&'static str, Range<usize>)> = None;
    raw.retain(|m| {
        let (rule, span) = (m.found.rule.id, &m.found.span);
        if whole.as_ref().is_some_and(|(id, whole)| *id == rule && whole.start == span.start && whole.end > span.end) {
            return false;
        }
        if layers(m) > 0 {
            whole = Some((rule, span.clone()));
        }
        true
    });
}

/// Drops what is encoded in what a provider's rule is sure of as it stands: that rule knows how its own credentials are
/// encoded, and says more of them.
fn without_known_ones(raw: &mut Vec<(Raw, bool)>) {
    if raw.iter().all(|(m, _)| m.found.decoded.is_none()) {
        return;
    }
    let is_sure = |m: &Raw| {
        let (found, rule) = (&m.found, m.found.rule);
        let is_own = !rule.generic && rule.provider != LAST_RESORT && found.implausible.is_none();
        found.decoded.is_none() && is_own && found.confidence == Confidence::High
    };
    let sure = farthest(raw.iter().filter(|(m, _)| is_sure(m)).map(|(m, _)| &m.found.span));
    raw.retain(|(m, _)| {
        let span = &m.found.span;
        let before = sure.partition_point(|(start, _)| *start < span.end);
        m.found.decoded.is_none() || before == 0 || sure[before - 1].1 <= span.start
    });
}

/// Takes out what stands in the body of a signed token: that is another credential than the token.
fn take_told(raw: &mut Vec<(Raw, bool)>) -> Vec<(Raw, bool)> {
    if raw.iter().all(|(m, _)| m.found.decoded.is_none()) {
        return Vec::new();
    }
    let is_token = |m: &Raw| m.found.decoded.is_none() && m.found.rule.validate.contains(&"jwt");
    let tokens = farthest(raw.iter().filter(|(m, _)| is_token(m)).map(|(m, _)| &m.found.span));
    let is_told = |m: &Raw| {
        let (rule, span) = (m.found.rule, &m.found.span);
        let is_own = !rule.generic && rule.provider != LAST_RESORT && m.found.implausible.is_none();
        let before = tokens.partition_point(|(start, _)| *start < span.start);
        let is_inside = before > 0 && tokens[before - 1].1 > span.end;
        m.found.decoded.is_some() && is_own && is_inside && (m.proved || m.keyword_inside)
    };
    raw.extract_if(.., |(m, _)| is_told(m)).collect()
}

/// The starts of spans in order, each with how far any of those up to it goes.
fn farthest<'s>(spans: impl Iterator<Item = &'s Range<usize>>) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = spans.map(|span| (span.start, span.end)).collect();
    all.sort_unstable();
    let mut farthest = 0;
    for (_, end) in &mut all {
        farthest = farthest.max(*end);
        *end = farthest;
    }
    all
}

/// How far apart the halves of a credential may be where they are written in more bytes than they have.
fn within(part: &Part, m: &Raw) -> usize {
    part.within * if m.found.decoded.is_some() { 8 } else { 1 }
}

/// Where the matches stand that others name as their parts: by rule, in order of place, so that what is near is found
/// without looking at all.
struct Places {
    of_rule: HashMap<&'static str, Standing>,
}

#[derive(Default)]
struct Standing {
    /// Each with its number among the matches.
    spans: Vec<(Range<usize>, usize)>,
    longest: usize,
}

impl Places {
    /// Of matches in order of their place.
    fn new(raw: &[Raw]) -> Self {
        let mut of_rule: HashMap<&'static str, Standing> =
            raw.iter().flat_map(|m| m.found.rule.parts).map(|part| (part.rule, Standing::default())).collect();
        for (number, m) in raw.iter().enumerate() {
            if let Some(standing) = of_rule.get_mut(m.found.rule.id) {
                standing.longest = standing.longest.max(m.found.span.len());
                standing.spans.push((m.found.span.clone(), number));
            }
        }
        Self { of_rule }
    }

    /// The matches that a part of a secret may be, and their numbers.
    fn near(&self, part: &Part, m: &Raw) -> impl Iterator<Item = &(Range<usize>, usize)> {
        let (span, within) = (m.found.span.clone(), within(part, m));
        let (spans, longest) = self.of_rule.get(part.rule).map_or((&[][..], 0), |s| (&s.spans[..], s.longest));
        let first = span.start.saturating_sub(within.saturating_add(longest));
        let from = spans.partition_point(|(half, _)| half.start < first);
        let last = span.end.saturating_add(within);
        let near = spans[from..].iter().take_while(move |(half, _)| half.start <= last);
        near.filter(move |(half, _)| distance(half, &span) <= within)
    }
}

/// Which other halves of its credential stand near a secret, outside it: all that it needs, and any at all.
fn halves(raw: &[Raw]) -> Vec<(bool, bool)> {
    let places = Places::new(raw);
    let of = |m: &Raw| {
        let span = &m.found.span;
        let apart = |half: &Range<usize>| half.end <= span.start || span.end <= half.start;
        let near = |part: &Part| places.near(part, m).any(|(half, _)| apart(half));
        let parts = m.found.rule.parts;
        (parts.iter().filter(|part| part.required).all(near), parts.iter().any(near))
    };
    raw.iter().map(of).collect()
}

/// The provider of rules that know nothing but the name of a variable: they yield even to other generic rules.
pub(super) const LAST_RESORT: &str = "Generic";

/// A rule that goes by a name and by a prefix knows the prefix as well as the rule that goes by it alone.
fn begins_with_keyword(m: &Raw) -> bool {
    m.found.rule.keywords.iter().any(|keyword| m.found.secret.reveal().starts_with(keyword.as_bytes()))
}

/// Of overlapping secrets the better one stays: a provider's over a generic one and that over the last resort, a
/// proved over an unproved, one whose other half is near over one that has none, one with
/// its own prefix over one by context, one with fewer layers around it, then the longer, the one that takes in more of
/// what stands around it, the one that found its word near, the surer, and the one whose rule comes first.
///
/// What means nothing without its other half goes first if no half is near: it must not take another's place.
fn without_overlaps(raw: Vec<Raw>) -> Vec<Raw> {
    let halves = halves(&raw);
    let mut raw: Vec<(Raw, bool)> =
        raw.into_iter().zip(halves).filter(|(_, (needed, _))| *needed).map(|(m, (_, tied))| (m, tied)).collect();
    let told = take_told(&mut raw);
    without_known_ones(&mut raw);
    let mut kept = best(raw);
    kept.extend(best(told));
    kept
}

/// Of overlapping secrets the best, given whether the other half of each is near.
fn best(mut raw: Vec<(Raw, bool)>) -> Vec<Raw> {
    raw.sort_by_key(|(m, tied)| {
        let found = &m.found;
        let (span, rule) = (&found.span, found.rule);
        (
            rule.generic,
            rule.provider == LAST_RESORT,
            !m.proved,
            found.implausible.is_some(),
            !tied,
            !(m.keyword_inside || begins_with_keyword(m)),
            (layers(m), Reverse(span.len())),
            Reverse(m.whole.len()),
            rule.near.is_empty(),
            Reverse(found.confidence),
            rule.id,
            span.start,
        )
    });
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    raw.retain(|(m, _)| {
        let Range { start, end } = m.found.span;
        let free = taken.range(..end).next_back().is_none_or(|(_, other_end)| *other_end <= start);
        if free {
            taken.insert(start, end);
        }
        free
    });
    raw.into_iter().map(|(m, _)| m).collect()
}

/// Ties the other half of a credential to its secret. A secret that means nothing without its other half goes if the
/// half is not near; one that merely gains by it loses confidence if none is, unless it has a prefix of its own. An identifier that a secret took over goes.
fn join_parts(mut kept: Vec<Raw>) -> Vec<Raw> {
    let places = Places::new(&kept);
    let nearest = |m: &Raw, part: &Part| {
        let span = &m.found.span;
        places.near(part, m).min_by_key(|(half, _)| (distance(half, span), half.start)).map(|(_, number)| *number)
    };
    // Up to the first that is needed and not there.
    let join = |m: &Raw| {
        let mut lacking = false;
        let parts = m.found.rule.parts.iter().map_while(|part| {
            let half = (!lacking).then(|| nearest(m, part))?;
            lacking = part.required && half.is_none();
            Some(half)
        });
        parts.collect()
    };
    let joins: Vec<Vec<Option<usize>>> = kept.iter().map(join).collect();
    // What a half gives is taken before it gains anything itself.
    let halves: BTreeMap<usize, (String, BTreeMap<String, String>)> =
        joins.iter().flatten().flatten().map(|half| (*half, told(&kept[*half]))).collect();
    let complete = |m: &mut Raw, joins: &[Option<usize>]| {
        // One of several halves is enough: a long-lived key id or a temporary one.
        if joins.iter().all(Option::is_none) && !joins.is_empty() && !m.keyword_inside {
            m.found.confidence = m.found.confidence.min(Confidence::Medium);
        }
        for (part, join) in m.found.rule.parts.iter().zip(joins) {
            match join.and_then(|half| halves.get(&half)) {
                Some((shown, details)) => {
                    for (name, value) in details {
                        m.found.details.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                    m.found.details.insert(part.detail.to_owned(), shown.clone());
                }
                None if part.required => return false,
                None => {}
            }
        }
        true
    };
    let mut number = 0;
    kept.retain_mut(|m| {
        number += 1;
        let taken = m.found.rule.public && halves.contains_key(&(number - 1));
        complete(m, &joins[number - 1]) && !taken
    });
    kept
}

/// What a half says to the secret that it belongs to: itself, in full only if it is public, and its details.
fn told(m: &Raw) -> (String, BTreeMap<String, String>) {
    let shown = match m.found.rule.public {
        true => String::from_utf8_lossy(m.found.secret.reveal()).into_owned(),
        false => m.found.secret.redacted(),
    };
    (shown, m.found.details.clone())
}

fn distance(a: &Range<usize>, b: &Range<usize>) -> usize {
    if a.start < b.start { b.start.saturating_sub(a.end) } else { a.start.saturating_sub(b.end) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Match;
    use crate::rules::sample::Random;
    use crate::rules::{Rule, RuleSet};
    use crate::secret::Secret;

    /// The same by looking at all pairs.
    fn join_all_pairs(mut kept: Vec<Raw>) -> Vec<Raw> {
        let before = kept.clone();
        let mut used = Vec::new();
        kept.retain_mut(|m| {
            let span = m.found.span.clone();
            let mut tied = m.found.rule.parts.is_empty();
            for part in m.found.rule.parts {
                let halves = before.iter().filter(|half| half.found.rule.id == part.rule);
                let near = halves.filter(|half| distance(&half.found.span, &span) <= part.within);
                match near.min_by_key(|half| (distance(&half.found.span, &span), half.found.span.start)) {
                    Some(half) => {
                        let (shown, details) = told(half);
                        for (name, value) in details {
                            m.found.details.entry(name).or_insert(value);
                        }
                        m.found.details.insert(part.detail.to_owned(), shown);
                        tied = true;
                        used.push(half.found.span.clone());
                    }
                    None if part.required => return false,
                    None => {}
                }
            }
            if !tied && !m.keyword_inside {
                m.found.confidence = m.found.confidence.min(Confidence::Medium);
            }
            true
        });
        kept.retain(|m| !(m.found.rule.public && used.contains(&m.found.span)));
        kept
    }

    fn halves_of_all_pairs(raw: &[Raw]) -> Vec<(bool, bool)> {
        let near = |m: &Raw, part: &Part| {
            raw.iter().map(|half| (half.found.rule.id, &half.found.span)).any(|(rule, half)| {
                let apart = half.end <= m.found.span.start || m.found.span.end <= half.start;
                rule == part.rule && apart && distance(half, &m.found.span) <= part.within
            })
        };
        let parts = |m: &Raw| m.found.rule.parts;
        raw.iter()
            .map(|m| {
                let needed = parts(m).iter().all(|part| !part.required || near(m, part));
                (needed, parts(m).iter().any(|part| near(m, part)))
            })
            .collect()
    }

    fn raw(rule: &'static Rule, start: usize, length: usize) -> Raw {
        let value = format!("value{start}");
        let found = Match {
            rule,
            span: start..start + length,
            secret: Secret::new(value.as_bytes(), 3),
            severity: rule.severity,
            confidence: rule.confidence,
            implausible: None,
            details: BTreeMap::from([("place".to_owned(), value)]),
            decoded: None,
        };
        Raw { whole: found.span.clone(), found, keyword_inside: start.is_multiple_of(3), proved: false }
    }

    fn told_of(all: &[Raw]) -> Vec<String> {
        all.iter()
            .map(|m| format!("{} {:?} {:?} {:?}", m.found.rule.id, m.found.span, m.found.details, m.found.confidence))
            .collect()
    }

    /// Rules with parts, and those parts, with others among them.
    fn related(rules: &RuleSet) -> Vec<&'static Rule> {
        let whole: Vec<&'static Rule> = rules.iter().filter(|rule| !rule.parts.is_empty()).collect();
        let parts = whole.iter().flat_map(|rule| rule.parts).filter_map(|part| rules.find(part.rule));
        whole.iter().copied().chain(parts).chain(rules.iter().take(5)).collect()
    }

    #[test]
    fn parts_are_tied_as_if_all_pairs_were_looked_at() {
        let rules = RuleSet::every_builtin();
        let related = related(&rules);
        let (mut random, mut tied, mut alone) = (Random::new(41), 0, 0);
        for round in 0..400 {
            // A few rules at a time, so that their halves meet.
            let few: Vec<&'static Rule> = (0..3)
                .map(|_| related[random.below(related.len())])
                .flat_map(|rule| {
                    std::iter::once(rule).chain(rule.parts.iter().filter_map(|part| rules.find(part.rule)))
                })
                .collect();
            let mut at = 0;
            let apart: Vec<Raw> = (0..random.below(60))
                .map(|_| {
                    at += random.below([3, 60, 500][round % 3]);
                    let found = raw(few[random.below(few.len())], at, 1 + random.below(50));
                    at = found.found.span.end;
                    found
                })
                .collect();
            assert_eq!(told_of(&join_parts(apart.clone())), told_of(&join_all_pairs(apart.clone())));
            let mut overlapping = apart;
            for m in &mut overlapping {
                m.found.span.end += random.below(90);
            }
            let halves = halves(&overlapping);
            assert_eq!(halves, halves_of_all_pairs(&overlapping));
            tied += halves.iter().filter(|(_, any)| *any).count();
            alone += halves.iter().filter(|(needed, _)| !*needed).count();
        }
        assert!(tied > 500 && alone > 100, "{tied} tied, {alone} without what they need");
    }

    #[test]
    fn many_matches_are_settled_in_linear_time() {
        let rules = RuleSet::every_builtin();
        let (secret, id) = (rules.find("aws-secret-access-key").unwrap(), rules.find("aws-access-key-id").unwrap());
        let many: Vec<Raw> = (0..200_000).map(|n| raw(if n % 2 == 0 { id } else { secret }, n * 5_000, 40)).collect();
        // Looking at all pairs would take minutes.
        assert_eq!(settle(many, false).len(), 200_000);
    }
}
