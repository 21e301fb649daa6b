//! `keysieve rules check` and `rules test`: rule files read strictly, and rules tried on values of their own samples.

use keysieve::blob::{Blob, Origin};
use keysieve::rules::sample::{self, Random};
use keysieve::rules::{FileNames, Kind, Rule, RuleSet};
use keysieve::scan::{Scanner, validate};

/// Values drawn of a sample: a few show mean and spread; only if a threshold is near to them many are counted.
const FEW: usize = 50;
const MANY: usize = 5_000;
/// One of so many may be dropped by chance even if only 1 in 100,000 is.
const BY_CHANCE: usize = 1;
/// So many standard deviations below the mean no value falls.
const FAR: f64 = 6.0;

/// An entropy threshold that drops values of the rule's own samples, in a sentence.
pub(super) fn entropy_fault(rule: &'static Rule) -> Option<String> {
    if rule.entropy <= 0.0 {
        return None;
    }
    // Its own threshold would hide what it drops. Rules live as long as the program.
    let without: &'static Rule = Box::leak(Box::new(Rule { entropy: 0.0, ..rule.clone() }));
    let scanner = Scanner::new(&RuleSet::of(vec![without]));
    let mut random = Random::new(0xe);
    rule.matches.iter().find_map(|template| {
        let mut draw = |count: usize| -> Vec<f64> {
            let texts = (0..count).filter_map(|_| sample::fill(template, &mut random, &validate::generate).ok());
            let found = texts.flat_map(|text| scanner.scan_whole(text.as_bytes()).matches);
            let real = found.filter(|hit| hit.implausible.is_none());
            real.map(|hit| validate::body_entropy(rule, hit.secret.reveal())).collect()
        };
        let few = draw(FEW);
        let mean = few.iter().sum::<f64>() / few.len().max(1) as f64;
        let spread = (few.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / few.len().max(1) as f64).sqrt();
        if mean - FAR * spread > rule.entropy || few.is_empty() {
            return None;
        }
        let many = if spread > 0.0 { draw(MANY) } else { few };
        let dropped = many.iter().filter(|it| **it < rule.entropy).count();
        (dropped > BY_CHANCE).then(|| {
            format!(
                "rule `{}`: `entropy: {}` drops {dropped} of {} values of its own sample `{}`; \
                 at most 1 in 100,000 may be dropped, so lower it",
                rule.id,
                rule.entropy,
                many.len(),
                template.escape_debug()
            )
        })
    })
}

/// Whether a rule finds something in a filled sample.
fn finds(scanner: &Scanner, rule: &'static Rule, text: &str) -> bool {
    if rule.kind == Kind::Content {
        let found = scanner.scan_whole(text.as_bytes()).matches;
        return found.iter().any(|m| m.rule.id == rule.id && m.implausible.is_none());
    }
    let Some((name, bytes)) = sample::file(text) else { return false };
    let named = FileNames::of(&RuleSet::of(vec![rule])).fitting(name.as_bytes());
    !scanner.sight(&Blob::whole(&Origin::Stdin, &bytes), &named).is_empty()
}

/// What is wrong with a rule, judged by values of its samples.
pub(super) fn failures(rule: &'static Rule, loaded: &RuleSet, values: usize) -> Vec<String> {
    // Parts belong to it: a secret may mean nothing without its other half.
    let mut set = vec![rule];
    let builtin = RuleSet::every_builtin();
    let find = |id| loaded.find(id).or_else(|| builtin.find(id));
    set.extend(rule.parts.iter().filter_map(|part| find(part.rule)).filter(|part| part.id != rule.id));
    let scanner = Scanner::new(&RuleSet::of(set));
    let mut random = Random::new(0x5eed);
    let mut failures = Vec::new();
    for (template, wanted) in rule.matches.iter().map(|t| (t, true)).chain(rule.ignores.iter().map(|t| (t, false))) {
        let mut failed = 0;
        for _ in 0..values.max(1) {
            let text = match sample::fill(template, &mut random, &validate::generate) {
                Ok(text) => text,
                Err(why) => {
                    failures.push(format!("{}: sample `{}`: {why}", rule.id, template.escape_default()));
                    break;
                }
            };
            let open = finds(&scanner, rule, &text);
            failed += usize::from(open != wanted);
        }
        // A rule that goes by looks alone errs now and then: some random values look like words.
        let tolerated = if rule.generic && wanted { 1 + values / 200 } else { 0 };
        if failed > tolerated {
            let what = if wanted { "not found" } else { "found, but must not be" };
            failures.push(format!("{}: {what} {failed} of {values} times: {}", rule.id, template.escape_default()));
        }
    }
    failures
}
