//! What CI systems show beside the lines of a change: one annotation a secret, and one for what could not be read.

use super::document::{Document, FindingDoc, PlaceDoc};
use super::escape::{count, grouped};
use super::runbook::short;
use crate::blob::PlaceKind;
use crate::finding::Level;

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It fails the run.
    Error,
    /// Somebody should look.
    Warning,
}

/// A remark at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Annotation {
    pub weight: Weight,
    pub title: String,
    pub message: String,
    /// The rule, if it is about one.
    pub rule: Option<String>,
    pub file: Option<String>,
    pub line: Option<u64>,
    pub end_line: Option<u64>,
    pub column: Option<u64>,
}

/// The annotations of a report, worst first. `most` of each weight: systems drop what is more, so the last one says how
/// many there are.
pub(super) fn annotations(document: &Document, most: usize) -> Vec<Annotation> {
    let open = |finding: &&FindingDoc| finding.status == "open";
    let (left, open): (Vec<_>, Vec<_>) =
        document.findings.iter().filter(open).partition(|finding| finding.level == Level::Dangling);
    let errors: Vec<Annotation> = open.iter().map(|finding| leak(finding)).collect();
    let incomplete = (!document.scan.complete).then(|| incomplete(document));
    let mut all = capped(errors, most - usize::from(incomplete.is_some()), "more leaked secret");
    all.extend(incomplete);
    let warnings = document.named.iter().map(named).chain(left.into_iter().map(named));
    all.extend(capped(warnings.collect(), most, "more possible secret"));
    all
}

fn capped(mut all: Vec<Annotation>, most: usize, what: &str) -> Vec<Annotation> {
    if all.len() <= most {
        return all;
    }
    let rest = all.split_off(most.saturating_sub(1));
    let Some(first) = rest.first() else { return all };
    let message = format!("{}: the log and the job summary have all of them.", count(rest.len() as u64, what));
    all.push(plain(first.weight, "keysieve: there are more", message));
    all
}

/// A remark that is about no place.
pub(super) fn plain(weight: Weight, title: &str, message: String) -> Annotation {
    Annotation {
        weight,
        title: title.into(),
        message,
        rule: None,
        file: None,
        line: None,
        end_line: None,
        column: None,
    }
}

/// The place to show: of those that count the newest, which is what a reviewer has before them.
pub(super) fn place(finding: &FindingDoc) -> Option<&PlaceDoc> {
    let counts = |place: &&PlaceDoc| place.suppression.is_none();
    let newest = finding.places.iter().rev();
    let with_path = newest.clone().filter(counts).find(|place| place.spot.path.is_some());
    with_path.or_else(|| newest.clone().find(counts)).or_else(|| finding.places.last())
}

fn leak(finding: &FindingDoc) -> Annotation {
    let message = format!(
        "{} {}{}\n{}.\n{}\nAll steps: keysieve guide {}\nIts fingerprint: {}",
        finding.title,
        finding.redacted,
        elsewhere(finding),
        super::escape::capital(finding.level.meaning()),
        finding.guidance.headline,
        finding.rule,
        finding.fingerprint,
    );
    at(finding, Weight::Error, format!("{} leaked: {}", finding.severity.to_uppercase(), finding.title), message)
}

fn named(finding: &FindingDoc) -> Annotation {
    let why = match finding.level {
        Level::Dangling => "is in an object that no commit has",
        _ => "may be a leak; it fails nothing (`--min-confidence medium` makes it)",
    };
    let message =
        format!("{} {}{} {why}. {}", finding.title, finding.redacted, elsewhere(finding), finding.fingerprint);
    at(finding, Weight::Warning, format!("worth a look: {}", finding.title), message)
}

fn at(finding: &FindingDoc, weight: Weight, title: String, message: String) -> Annotation {
    let place = place(finding);
    let spot = place.map(|place| &place.spot);
    // A line inside an archive is no line of the file.
    let lines = spot.filter(|spot| spot.inside.is_none());
    Annotation {
        weight,
        title,
        message,
        rule: Some(finding.rule.clone()),
        file: spot.and_then(|spot| spot.file.clone()),
        line: lines.and_then(|spot| spot.line),
        end_line: lines.and_then(|spot| spot.end_line),
        column: lines.and_then(|spot| spot.column),
    }
}

/// Where in a container and how it is written, for formats that know files and lines only.
pub(super) fn within(finding: &FindingDoc) -> String {
    let parts = place(finding).into_iter().flat_map(|place| place.inside().into_iter().chain(place.written()));
    parts.map(|part| format!(", {part}")).collect()
}

/// Where it is, if no file and line can say so.
fn elsewhere(finding: &FindingDoc) -> String {
    let Some(place) = place(finding) else { return String::new() };
    let mut parts = Vec::new();
    parts.extend(place.inside());
    parts.extend(place.written());
    if place.what != PlaceKind::Content {
        parts.push(format!("in the {}", place.kind.replace('-', " ")));
    }
    if let Some(commit) = &place.commit {
        parts.push(format!("since commit {}", short(&commit.id)));
    }
    parts.iter().map(|part| format!(", {part}")).collect()
}

fn incomplete(document: &Document) -> Annotation {
    let gaps = document.scan.not_read.iter().filter(|gap| gap.incomplete);
    let reasons: Vec<String> = gaps
        .map(|gap| {
            let example = gap.examples.first().map(|example| format!(" ({example})")).unwrap_or_default();
            format!("{} {}{example}", grouped(gap.count), gap.reason)
        })
        .collect();
    let mut message = format!("Not everything was read, so this is no all-clear: {}.", reasons.join("; "));
    for notice in &document.scan.notices {
        message.push_str(&format!("\n{notice}"));
    }
    plain(Weight::Error, "keysieve: incomplete", message)
}
