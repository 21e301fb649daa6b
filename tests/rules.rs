//! Every built-in rule against thousands of values generated from its own samples, in many contexts, with all other
//! rules present.
#![allow(clippy::unwrap_used)]

#[path = "rules/contexts.rs"]
mod contexts;
#[path = "rules/docs.rs"]
mod docs;
#[path = "rules/guidance.rs"]
mod guidance;
#[path = "rules/names.rs"]
mod names;
#[path = "rules/overlaps.rs"]
mod overlaps;
#[path = "rules/owner.rs"]
mod owner;
#[path = "rules/patterns.rs"]
mod patterns;
#[path = "rules/shapes.rs"]
mod shapes;
#[path = "support/texts.rs"]
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use keysieve::blob::{Blob, Origin};
use keysieve::finding::{Match, Sighting};
use keysieve::rules::sample::Random;
use keysieve::rules::{Edge, Rule, RuleSet};
use keysieve::scan::{Scanner, validate};
use rayon::prelude::*;
use texts::{alone, bare_tokens, fill, fill_marked, is_open, lead, line_and_column, none, own_prefix, seed};

/// Values of each rule, shared out among its samples, but at least `LEAST` a sample.
const VALUES: usize = 1000;
const LEAST: usize = 30;
/// Of so many random values one may look like a stand-in or like words by chance.
const ONE_IN: usize = 1000;

/// A rule whose values another one may report: both are right, and what the reader is told is as good.
/// (Rules of one provider with the same guidance may stand for one another anyway.)
const MAY_STAND_FOR: &[(&str, &str)] = &[];

/// Samples of the first rule hold a credential of the second, of another provider, on purpose.
const HOLDS_ANOTHER: &[(&str, &str)] = &[];

fn rules() -> &'static RuleSet {
    static RULES: OnceLock<RuleSet> = OnceLock::new();
    RULES.get_or_init(RuleSet::every_builtin)
}

fn everything() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(rules()))
}

/// What each rule gives, in parallel.
fn of_each_rule(check: impl Fn(&'static Rule) -> Vec<String> + Sync + Send) -> Vec<String> {
    let all: Vec<_> = rules().iter().collect();
    all.into_par_iter().flat_map_iter(check).collect()
}

fn share_guidance(a: &Rule, b: &Rule) -> bool {
    a.provider == b.provider && a.guidance().headline == b.guidance().headline && a.guidance().now == b.guidance().now
}

/// Whether `found` is what a reader must be told of `wanted`: the same bytes, by the same rule or one as right.
fn stands_for(found: &Match, wanted: &Match) -> bool {
    found.secret.reveal() == wanted.secret.reveal()
        && found.span == wanted.span
        && is_open(found)
        && (found.rule.id == wanted.rule.id
            || wanted.rule.generic
            || share_guidance(found.rule, wanted.rule)
            || is_candidate(wanted.rule, found.rule)
            || MAY_STAND_FOR.contains(&(wanted.rule.id, found.rule.id)))
}

/// Whether a rule for a shape that several providers share names this one among them.
fn is_candidate(wanted: &Rule, found: &Rule) -> bool {
    found.candidates.iter().any(|one| one.rule == wanted.id || one.provider == wanted.provider)
}

/// An identifier is told as a detail of the secret that it belongs to.
fn is_detail(wanted: &Match, found: &[Match]) -> bool {
    let shown = String::from_utf8_lossy(wanted.secret.reveal());
    wanted.rule.public && found.iter().any(|m| m.details.values().any(|value| *value == shown))
}

fn describe(found: &[Match]) -> String {
    let each = found.iter().map(|m| {
        let why = m.implausible.as_deref().map_or(String::new(), |why| format!(" ({why})"));
        format!("{} at {:?}{why}", m.rule.id, m.span)
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

const MISSED: &str = "not found even alone";

/// The same fault of many values is one line.
struct Faults<'a> {
    rule: &'a Rule,
    seen: BTreeMap<(&'static str, String), (usize, String)>,
}

impl<'a> Faults<'a> {
    fn new(rule: &'a Rule) -> Self {
        Self { rule, seen: BTreeMap::new() }
    }
    fn add(&mut self, what: &'static str, place: &str, detail: String) {
        self.seen.entry((what, place.to_owned())).or_insert((0, detail)).0 += 1;
    }
    /// Forgets a kind of fault if it is rare enough among so many values.
    fn forgive(&mut self, what: &'static str, values: usize) {
        let count: usize = self.seen.iter().filter(|((fault, _), _)| *fault == what).map(|(_, (count, _))| count).sum();
        if count * ONE_IN <= values {
            self.seen.retain(|(fault, _), _| *fault != what);
        }
    }
    fn lines(self) -> Vec<String> {
        let id = self.rule.id;
        let line = |((what, place), (count, detail)): ((&str, String), (usize, String))| {
            format!("{id}: {what} ({count} times) in `{}`: {detail}", place.escape_default())
        };
        self.seen.into_iter().map(line).collect()
    }
}

fn values_a_sample(rule: &Rule) -> usize {
    (VALUES / rule.matches.len().max(1)).max(LEAST)
}

fn sight(bytes: &[u8]) -> Vec<Sighting> {
    everything().sight(&Blob::whole(&Origin::Stdin, bytes), &[])
}

#[test]
fn values_are_found_by_the_right_rule_at_the_right_place() {
    none(
        "values",
        of_each_rule(|rule| {
            let scanner = alone(rule, rules());
            let mut random = Random::new(seed(rule.id));
            let mut faults = Faults::new(rule);
            for template in rule.matches {
                for _ in 0..values_a_sample(rule) {
                    match fill_marked(template, &mut random) {
                        Ok((text, runs)) => check_value(rule, &scanner, template, &text, &runs, &mut faults),
                        Err(why) => faults.add("cannot be generated", template, why),
                    }
                }
            }
            // A rule that goes by looks alone errs now and then: one value in 200 by chance looks like words.
            let leniency = if rule.generic { ONE_IN.div_ceil(200) } else { 1 };
            faults.forgive(MISSED, leniency * values_a_sample(rule) * rule.matches.len());
            faults.lines()
        }),
    );
    let values: usize = rules().iter().map(|rule| values_a_sample(rule) * rule.matches.len()).sum();
    assert!(values > 100_000, "only {values} values");
}

fn check_value(
    rule: &'static Rule,
    scanner: &Scanner,
    template: &str,
    text: &str,
    runs: &[texts::Run],
    faults: &mut Faults<'_>,
) {
    let bytes = text.as_bytes();
    let wanted: Vec<Match> = scanner.scan_whole(bytes).matches;
    let wanted: Vec<&Match> = wanted.iter().filter(|m| m.rule.id == rule.id && is_open(m)).collect();
    let sightings = sight(bytes);
    let found: Vec<Match> = sightings.iter().map(|s| s.hit.clone()).collect();
    if wanted.is_empty() {
        return faults.add(MISSED, template, describe(&scanner.scan_whole(bytes).matches));
    }
    for want in &wanted {
        let cut = |run: &&texts::Run| {
            let within = run.text.start.max(want.span.start)..run.text.end.min(want.span.end);
            within.start < within.end && within != run.text
        };
        if runs.iter().any(|run| cut(&run)) {
            faults.add("span cuts a generated run", template, format!("{:?} of {text:?}", want.span));
        }
        if !found.iter().any(|m| stands_for(m, want)) && !is_detail(want, &found) {
            faults.add(
                "not found among all rules",
                template,
                format!("want {:?}, found {}", want.span, describe(&found)),
            );
        }
    }
    for Sighting { hit, site, .. } in &sightings {
        if (site.line, site.column) != line_and_column(bytes, hit.span.start)
            || (site.end_line, site.end_column) != line_and_column(bytes, hit.span.end)
        {
            faults.add("wrong line or column", template, format!("{:?}: {site:?}", hit.span));
        }
        // What a sample holds beside the secret may be called secret by its own name, which only a generic rule does.
        let stranger = hit.rule.provider != rule.provider && !wanted.iter().any(|want| want.span == hit.span);
        if is_open(hit) && stranger && !hit.rule.generic && !HOLDS_ANOTHER.contains(&(rule.id, hit.rule.id)) {
            faults.add("another provider's rule fires", template, format!("{} at {:?}", hit.rule.id, hit.span));
        }
    }
}

#[test]
fn ignored_samples_give_no_open_finding() {
    none(
        "ignore samples",
        of_each_rule(|rule| {
            let mut random = Random::new(seed(rule.id) ^ 0x1906);
            let scanner = alone(rule, rules());
            let mut faults = Faults::new(rule);
            for template in rule.ignores {
                for _ in 0..if template.contains('{') { 12 } else { 1 } {
                    let text = match fill(template, &mut random) {
                        Ok(text) => text,
                        Err(why) => {
                            faults.add("cannot be generated", template, why);
                            break;
                        }
                    };
                    for (who, found) in [
                        ("alone", scanner.scan_whole(text.as_bytes())),
                        ("among all", everything().scan_whole(text.as_bytes())),
                    ] {
                        if found.matches.iter().any(|m| m.rule.id == rule.id && is_open(m)) {
                            faults.add(
                                "fires on an ignore sample",
                                template,
                                format!("{who}: {}", describe(&found.matches)),
                            );
                        }
                    }
                }
            }
            faults.lines()
        }),
    );
}

#[test]
fn every_rule_can_be_acted_upon() {
    for rule in rules().all() {
        assert!(rule.guidance.is_some() && !rule.guidance().now.is_empty(), "{} has no guidance", rule.id);
        assert!(rule.matches.len() >= 2 && !rule.ignores.is_empty(), "{} has too few samples", rule.id);
        assert!(!rule.title.is_empty() && !rule.provider.is_empty(), "{} has no title or provider", rule.id);
    }
}
