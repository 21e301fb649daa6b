//! Shapes that several providers give to their keys: no value may be told to be another provider's without naming its
//! own, and what nothing but context tells apart is one rule with candidates.

use regex_automata::meta::Regex;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind, Look};

use super::*;

/// Rules whose provider is no provider: what they say holds whoever issued the value.
const NOBODYS: &[&str] = &["jwt-token", "private-key-base64", "private-key-pkcs8"];

/// Shapes that only their surroundings may tell, for the reason given: a bare value is not reported.
const BY_CONTEXT_ONLY: &[(&str, &str)] = &[
    // 0x and 64 hex digits are also hashes, storage slots and public keys.
    ("ethereum-private-key", "polkadot-seed"),
    // `live_` and anything is an identifier as often as a key.
    ("gocardless-access-token", "chargebee-api-key"),
    // `sk_` and anything stands in too much code (`task_id`, `mask_bits`) to be searched for.
    ("knock-secret-key", "novita-api-key"),
];

/// Who is the same company.
const SAME_ISSUER: &[(&str, &str)] = &[("jetbrains-marketplace-token", "teamcity-jetbrains-permanent-token")];

/// The pattern of a rule's secret alone, and how long the literal is that it begins with.
struct Shape {
    rule: &'static Rule,
    regex: Regex,
    prefix: usize,
}

fn secret_group(hir: &Hir) -> Option<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.name.as_deref() == Some("secret") => Some((*capture.sub).clone()),
        HirKind::Capture(capture) => secret_group(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(secret_group),
        HirKind::Repetition(repetition) => secret_group(&repetition.sub),
        _ => None,
    }
}

fn shape(rule: &'static Rule) -> Shape {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(rule.regex).unwrap();
    let group = secret_group(&hir).unwrap();
    let mut extractor = Extractor::new();
    extractor.limit_class(1);
    let prefix =
        extractor.extract(&group).literals().map_or(0, |all| all.iter().map(|one| one.len()).min().unwrap_or(0));
    let whole = Hir::concat(vec![Hir::look(Look::Start), group, Hir::look(Look::End)]);
    Shape { rule, regex: Regex::builder().build_from_hir(&whole).unwrap(), prefix }
}

/// Secrets of a rule that begin with a literal, from its samples.
fn secrets(shape: &Shape) -> Vec<Vec<u8>> {
    let scanner = alone(shape.rule, rules());
    let mut random = Random::new(seed(shape.rule.id) ^ 0x5ade);
    let mut all: Vec<Vec<u8>> = Vec::new();
    for template in shape.rule.matches.iter().chain(shape.rule.matches) {
        let Ok(text) = fill(template, &mut random) else { continue };
        let found = scanner.scan_whole(text.as_bytes()).matches;
        let own = found.iter().filter(|m| m.rule.id == shape.rule.id && is_open(m));
        all.extend(own.map(|m| m.secret.reveal().to_vec()));
    }
    all
}

fn paired(list: &[(&str, &str)], a: &str, b: &str) -> bool {
    let begin = |id: &str, name: &str| id.starts_with(name);
    list.iter().any(|(x, y)| begin(a, x) && begin(b, y) || begin(a, y) && begin(b, x))
}

#[test]
fn bare_values_are_never_told_to_be_another_providers() {
    let shapes: Vec<Shape> = rules().iter().map(shape).filter(|shape| shape.prefix >= 2).collect();
    let all: Vec<Vec<Vec<u8>>> = shapes.par_iter().map(secrets).collect();
    let mut failures: Vec<String> = Vec::new();
    let mut settled = 0;
    for (one, values) in shapes.iter().zip(&all).filter(|(_, values)| !values.is_empty()) {
        let bare = |value: &Vec<u8>| {
            let text = [b"value = \"".as_slice(), value, b"\"\n"].concat();
            everything().scan_whole(&text).matches.into_iter().filter(is_open).collect::<Vec<_>>()
        };
        let found: Vec<Vec<Match>> = values.iter().map(bare).collect();
        for hit in found.iter().flatten() {
            let named = hit.rule.provider == one.rule.provider
                || hit.rule.candidates.iter().any(|candidate| candidate.provider == one.rule.provider);
            settled += usize::from(named);
            // What is encoded in a value may well be somebody's.
            let own = named || hit.decoded.is_some();
            if !own && !NOBODYS.contains(&hit.rule.id) && !paired(SAME_ISSUER, hit.rule.id, one.rule.id) {
                failures.push(format!("a bare value of {} is told to be {}", one.rule.id, hit.rule.id));
            }
        }
        if found.iter().any(|found| !found.is_empty()) {
            continue;
        }
        for (other, theirs) in shapes.iter().zip(&all) {
            let mutual = other.rule.provider != one.rule.provider
                && !theirs.is_empty()
                && values.iter().all(|value| other.regex.is_match(value))
                && theirs.iter().all(|value| one.regex.is_match(value));
            if mutual && !paired(BY_CONTEXT_ONLY, one.rule.id, other.rule.id) {
                failures.push(format!(
                    "{} and {} have one shape: make a rule with both as `candidates` (rules/shared-shapes.yaml)",
                    one.rule.id, other.rule.id
                ));
            }
        }
    }
    failures.sort();
    failures.dedup();
    none("shared shapes", failures);
    assert!(settled > 1000, "only {settled} bare values were found");
}

#[test]
fn words_near_a_shared_shape_settle_whose_it_is() {
    let mut seen = 0;
    let failures = rules().iter().filter(|rule| !rule.candidates.is_empty()).flat_map(|rule| {
        let mut failures = Vec::new();
        let mut random = Random::new(seed(rule.id));
        let value = bare_tokens(rule, rules(), 1).pop().unwrap_or_default();
        let told = |text: &str| -> Vec<&str> {
            let found = everything().scan_whole(text.as_bytes()).matches;
            found.iter().filter(|m| is_open(m)).map(|m| m.rule.id).collect()
        };
        let mut expect = |text: &str, wanted: &str| {
            seen += 1;
            let found = told(text);
            let provider = |id: &str| rules().find(id).map(|rule| rule.provider);
            // A value that is made by chance has none of the structure that the provider's own rule may ask for.
            let checked = rules().find(wanted).is_some_and(|rule| !rule.validate.is_empty());
            let fits = |id: &str| provider(id) == provider(wanted) || checked && id == rule.id;
            if found.len() != 1 || !fits(found[0]) {
                failures.push(format!("{}: want {wanted} in {text:?}, found {found:?}", rule.id));
            }
        };
        expect(&format!("value = \"{value}\"\n"), rule.id);
        for candidate in rule.candidates {
            for word in candidate.near {
                let word = word.to_ascii_uppercase();
                expect(&format!("# see {word}\n\nvalue = \"{value}\"\n"), candidate.rule);
                expect(&format!("value = \"{value}\"\n# see {word}\n"), candidate.rule);
                let far = "-".repeat(2 * rule.reach + random.below(9));
                expect(&format!("# see {word}\n{far}\nvalue = \"{value}\"\n"), rule.id);
            }
        }
        let both: Vec<&str> = rule.candidates.iter().map(|candidate| candidate.near[0]).collect();
        let both = format!("# {}\nvalue = \"{value}\"\n", both.join(" or "));
        let found = told(&both);
        let any =
            |id: &&str| *id == rule.id || rule.candidates.iter().any(|one| provider_of(one.rule) == provider_of(id));
        if found.len() != 1 || !found.iter().all(any) {
            failures.push(format!("{}: {both:?} gives {found:?}", rule.id));
        }
        failures
    });
    let failures = failures.collect();
    none("settled by words", failures);
    assert!(seen > 60, "only {seen} texts");
}

fn provider_of(id: &str) -> Option<&'static str> {
    rules().find(id).map(|rule| rule.provider)
}

#[test]
fn candidates_have_the_shape() {
    for rule in rules().iter().filter(|rule| !rule.candidates.is_empty()) {
        assert!(rule.candidates.len() >= 2, "{} has a single candidate", rule.id);
        let values = secrets(&shape(rule));
        assert!(!values.is_empty());
        for candidate in rule.candidates {
            let own = shape(rules().find(candidate.rule).unwrap());
            let fits = values.iter().all(|value| own.regex.is_match(value));
            assert!(fits, "values of {} do not fit {}", rule.id, candidate.rule);
            assert!(!candidate.act.is_empty() && !candidate.provider.is_empty());
        }
    }
}
