//! What one blob's matches amount to: parts joined, overlaps resolved, the binary policy applied. Runs once per blob,
//! after everything that was carried over, and nothing of it is carried.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::Raw;
use crate::rules::{Confidence, Part};

/// Settles the matches of one blob, in order of their place.
pub(super) fn settle(mut raw: Vec<Raw>, binary: bool) -> Vec<Raw> {
    if binary {
        raw.retain(|m| m.found.rule.anchored && m.keyword_inside);
    }
    raw.sort_by(|a, b| order(a).cmp(&order(b)));
    raw.dedup_by(|a, b| a.found.span == b.found.span && a.found.rule.id == b.found.rule.id);
    let mut kept = without_overlaps(raw);
    kept.sort_by_key(|m| (m.found.span.start, m.found.span.end));
    join_parts(kept)
}

fn order(m: &Raw) -> (usize, Reverse<usize>, &'static str) {
    (m.found.span.start, Reverse(m.found.span.end), m.found.rule.id)
}

/// Which other halves of its credential stand near a secret, outside it: all that it needs, and any at all.
fn halves(raw: &[Raw]) -> Vec<(bool, bool)> {
    let all: Vec<(&str, &Range<usize>)> = raw.iter().map(|m| (m.found.rule.id, &m.found.span)).collect();
    let of = |m: &Raw| {
        let span = &m.found.span;
        let apart = |half: &Range<usize>| half.end <= span.start || span.end <= half.start;
        let fits = |part: &Part, half: &Range<usize>| apart(half) && distance(half, span) <= part.within;
        let near = |part: &&Part| all.iter().any(|(rule, half)| *rule == part.rule && fits(part, half));
        let parts = m.found.rule.parts;
        (parts.iter().filter(|part| part.required).all(|part| near(&part)), parts.iter().any(|part| near(&part)))
    };
    raw.iter().map(of).collect()
}

/// The provider of rules that know nothing but the name of a variable: they yield even to other generic rules.
const LAST_RESORT: &str = "Generic";

/// A rule that goes by a name and by a prefix knows the prefix as well as the rule that goes by it alone.
fn begins_with_keyword(m: &Raw) -> bool {
    m.found.rule.keywords.iter().any(|keyword| m.found.secret.reveal().starts_with(keyword.as_bytes()))
}

/// Of overlapping secrets the better one stays: a provider's over a generic one and that over the last resort, a proved
/// over an unproved, one whose other half is near over one that has none, one with its own prefix over one by context,
/// then the longer, the one that takes in more of what stands around it, the one that found its word near, the surer,
/// and the one whose rule comes first.
///
/// What means nothing without its other half goes first if no half is near: it must not take another's place.
fn without_overlaps(raw: Vec<Raw>) -> Vec<Raw> {
    let halves = halves(&raw);
    let mut raw: Vec<(Raw, bool)> =
        raw.into_iter().zip(halves).filter(|(_, (needed, _))| *needed).map(|(m, (_, tied))| (m, tied)).collect();
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
            Reverse(span.len()),
            Reverse(m.context),
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

/// What a secret may take over from the other half of its credential.
struct Half {
    rule: &'static str,
    span: Range<usize>,
    shown: String,
    details: BTreeMap<String, String>,
}

/// Ties the other half of a credential to its secret. A secret that means nothing without its other half goes if the
/// half is not near; one that merely gains by it loses confidence.
fn join_parts(mut kept: Vec<Raw>) -> Vec<Raw> {
    let halves: Vec<Half> = kept
        .iter()
        .map(|m| {
            let shown = if m.found.rule.public {
                m.found.secret.reveal().to_vec()
            } else {
                m.found.secret.redacted().into_bytes()
            };
            let shown = String::from_utf8_lossy(&shown).into_owned();
            Half { rule: m.found.rule.id, span: m.found.span.clone(), shown, details: m.found.details.clone() }
        })
        .collect();
    let mut used: Vec<Range<usize>> = Vec::new();
    kept.retain_mut(|m| {
        let span = m.found.span.clone();
        for part in m.found.rule.parts {
            let near =
                halves.iter().filter(|half| half.rule == part.rule && distance(&half.span, &span) <= part.within);
            match near.min_by_key(|half| (distance(&half.span, &span), half.span.start)) {
                Some(half) => {
                    for (name, value) in &half.details {
                        m.found.details.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                    m.found.details.insert(part.detail.to_owned(), half.shown.clone());
                    used.push(half.span.clone());
                }
                None if part.required => return false,
                None => m.found.confidence = m.found.confidence.min(Confidence::Medium),
            }
        }
        true
    });
    kept.retain(|m| !(m.found.rule.public && used.contains(&m.found.span)));
    kept
}

fn distance(a: &Range<usize>, b: &Range<usize>) -> usize {
    if a.start < b.start { b.start.saturating_sub(a.end) } else { a.start.saturating_sub(b.end) }
}
