//! What is known and accepted: marks findings and places, never drops them. Paths are judged here, where they are known.

mod halves;

use std::collections::HashSet;

use globset::GlobSet;

use crate::baseline::{Baseline, Judgement};
use crate::finding::{Finding, Place, Suppression};
use crate::globs;
use crate::rules::{CONFIDENCES, Confidence, Severity};

/// A secret that the configuration accepts.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// The secret.
    pub fingerprint: String,
    /// The paths where it is accepted; everywhere if `None`.
    pub paths: Option<GlobSet>,
    /// Why.
    pub reason: String,
    /// The last day that it is accepted, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// What is accepted in this run.
#[derive(Debug, Clone)]
pub struct Policy<'a> {
    /// Entries of the configuration.
    pub allowed: &'a [Allowed],
    /// What was judged already.
    pub baseline: Option<&'a Baseline>,
    /// Paths that the configuration leaves out, where the source did not: a blob is read before its paths are known.
    pub skip: Option<&'a GlobSet>,
    /// Whether markers beside the secret count.
    pub inline: bool,
    /// Findings below count as accepted.
    pub min_severity: Severity,
    /// Findings below count as accepted.
    pub min_confidence: Confidence,
    /// The time, ISO 8601 in UTC.
    pub now: &'a str,
}

impl Policy<'_> {
    fn today(&self) -> &str {
        self.now.get(..10).unwrap_or(self.now)
    }
}

/// Marks what is accepted, and what is told with another finding. A finding is accepted when all its places are.
pub fn apply(findings: &mut [Finding], policy: &Policy<'_>) {
    for finding in findings.iter_mut() {
        expire(finding, policy.now);
        by_rule_paths(finding);
        documented(finding);
        if policy.inline {
            inline(finding);
        }
        configured(finding, policy);
        let over = judged(finding, policy);
        skipped(finding, policy);
        if finding.suppression.is_none() {
            let all = finding.places.iter().all(|place| place.suppression.is_some());
            finding.suppression = finding.places.first().filter(|_| all).and_then(|place| place.suppression.clone());
        }
        if finding.suppression.is_none() {
            finding.suppression = threshold(finding, policy);
        }
        if let (None, Some(over)) = (&finding.suppression, over) {
            finding.details.insert("baseline".into(), over);
        }
    }
    halves::tell_together(findings);
}

/// A token that says of itself that its time is over is worth knowing, and no more.
fn expire(finding: &mut Finding, now: &str) {
    if finding.details.get("expires").is_some_and(|expires| expires.as_str() < now) {
        finding.details.insert("state".into(), "expired".into());
        finding.details.entry("note".into()).or_insert_with(|| "its own time is over: it should open nothing".into());
        finding.severity = Severity::Low;
    }
}

/// What a provider's documentation prints and people try first counts as real, except in documentation that calls it
/// an example.
fn documented(finding: &mut Finding) {
    if !finding.details.contains_key("documented") {
        return;
    }
    for place in &mut finding.places {
        let path = place.path.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_text = [&b".md"[..], b".mdx", b".rst", b".adoc", b".html"].iter().any(|ending| path.ends_with(ending));
        let context = place.site.context.to_ascii_lowercase();
        if is_text && (context.contains("example") || context.contains("e.g.")) {
            let reason = "documented example, called so where it stands";
            place.suppression.get_or_insert_with(|| mark("check", "documented-example", reason));
        }
    }
}

/// `paths` and `not_paths` of the rule: a place whose path fits `not_paths` does not count; a path outside `paths`
/// lowers the confidence.
fn by_rule_paths(finding: &mut Finding) {
    let rule = finding.rule;
    let fits = |globs: &GlobSet, path: &[u8]| globs.is_match(crate::git::bytes_path(path));
    if !rule.not_paths.is_empty() {
        let globs = globs::exact(rule.not_paths.iter().copied());
        for place in &mut finding.places {
            if paths(place).any(|path| fits(&globs, &path)) {
                place
                    .suppression
                    .get_or_insert_with(|| mark("rule", "not-here", "the rule does not hold for this path"));
            }
        }
    }
    if rule.paths.is_empty() {
        return;
    }
    let globs = globs::exact(rule.paths.iter().copied());
    if finding.places.iter().all(|place| !paths(place).any(|path| fits(&globs, &path))) {
        let is_unknown = finding.places.iter().any(|place| place.path.is_none());
        finding.confidence = match finding.confidence {
            Confidence::High if is_unknown => Confidence::Medium,
            _ => Confidence::Low,
        };
    }
}

/// Markers beside the secret. Older versions of a path count as accepted where HEAD's version, or the one about to
/// replace it, carries the marker for this secret.
fn inline(finding: &mut Finding) {
    let rule = finding.rule;
    let marked = |place: &Place| {
        let names = |name: &str| rule.id == name || rule.aliases.contains(&name);
        let allow = place.site.allows.iter().find(|allow| allow.rule.as_ref().is_none_or(|name| names(name)));
        allow.map(|allow| mark("inline", "allowed", if allow.reason.is_empty() { allow.marker } else { &allow.reason }))
    };
    let mut newest: HashSet<Vec<u8>> = HashSet::new();
    for place in &mut finding.places {
        let Some(suppression) = marked(place) else { continue };
        if place.in_head || place.current {
            newest.extend(whole_path(place));
        }
        place.suppression.get_or_insert(suppression);
    }
    for place in &mut finding.places {
        if whole_path(place).is_some_and(|path| newest.contains(&path)) {
            place
                .suppression
                .get_or_insert_with(|| mark("inline", "allowed", "the newest version of this path allows it"));
        }
    }
}

fn configured(finding: &mut Finding, policy: &Policy<'_>) {
    let today = policy.today();
    let holds = |allowed: &&Allowed| {
        allowed.fingerprint == finding.fingerprint && allowed.until.as_ref().is_none_or(|until| today <= until.as_str())
    };
    for allowed in policy.allowed.iter().filter(holds) {
        for place in &mut finding.places {
            let fits = |globs: &GlobSet| paths(place).any(|path| globs.is_match(crate::git::bytes_path(&path)));
            let here = allowed.paths.as_ref().is_none_or(fits);
            if here {
                place.suppression.get_or_insert_with(|| mark("config", "allowed", &allowed.reason));
            }
        }
    }
}

/// What the baseline says of the secret, the most final first. Where nothing of it holds any more: what it said.
fn judged(finding: &mut Finding, policy: &Policy<'_>) -> Option<String> {
    let (holds, over): (Vec<Judgement>, Vec<Judgement>) =
        policy.baseline?.of(&finding.fingerprint).into_iter().partition(|judgement| judgement.holds(policy.today()));
    for judgement in &holds {
        let globs = globs::paths(judgement.paths.iter().map(String::as_str), |_| ());
        for place in &mut finding.places {
            if judgement.paths.is_empty() || paths(place).any(|path| globs.is_match(crate::git::bytes_path(&path))) {
                let (state, reason) = (judgement.state.word(), &judgement.reason);
                place.suppression.get_or_insert_with(|| mark("baseline", state, reason));
            }
        }
    }
    let latest = over.iter().max_by_key(|judgement| &judgement.until)?;
    let until = latest.until.as_deref().unwrap_or_default();
    holds.is_empty().then(|| format!("{} until {until}, which is over", latest.state.word()))
}

fn skipped(finding: &mut Finding, policy: &Policy<'_>) {
    let Some(skip) = policy.skip else { return };
    for place in &mut finding.places {
        if paths(place).any(|path| skip.is_match(crate::git::bytes_path(&path))) {
            place
                .suppression
                .get_or_insert_with(|| mark("config", "skipped", "the configuration leaves this path out"));
        }
    }
}

/// The path of a place, that of the member included where it is in a container.
fn whole_path(place: &Place) -> Option<Vec<u8>> {
    place.path.as_ref().map(|path| place.site.path_in(path))
}

/// The paths that globs are compared with: the file's and, inside a container, the member's own, too.
fn paths(place: &Place) -> impl Iterator<Item = Vec<u8>> {
    let inside = place.site.inside.as_ref().and(whole_path(place));
    place.path.clone().into_iter().chain(inside)
}

fn threshold(finding: &Finding, policy: &Policy<'_>) -> Option<Suppression> {
    if finding.severity < policy.min_severity {
        return Some(mark("threshold", "below", "its severity is below --min-severity"));
    }
    let word =
        CONFIDENCES.iter().find(|(_, confidence)| *confidence == policy.min_confidence).map_or("", |(word, _)| word);
    (finding.confidence < policy.min_confidence)
        .then(|| mark("threshold", "below", &format!("its confidence is below {word}; see --min-confidence")))
}

fn mark(by: &str, state: &str, reason: &str) -> Suppression {
    Suppression { by: by.into(), state: state.into(), reason: reason.into() }
}
