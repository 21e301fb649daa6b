//! Code Climate issues as one JSON array: what GitLab's `artifacts:reports:codequality` takes.

use std::io;

use serde_json::{Value, json};

use super::annotation::{place, within};
use super::document::{Document, FindingDoc};
use super::runbook::short;

/// Writes the array.
pub(super) fn write(document: &Document, out: &mut dyn io::Write) -> io::Result<()> {
    let open = document.findings.iter().filter(|finding| finding.status == "open");
    serde_json::to_writer_pretty(&mut *out, &open.map(issue).collect::<Vec<_>>())?;
    out.write_all(b"\n")
}

fn issue(finding: &FindingDoc) -> Value {
    let place = place(finding);
    let spot = place.map(|place| &place.spot);
    // An issue must have a path; a secret in a message has none.
    let commit = place.and_then(|place| place.commit.as_ref()).map(|commit| format!("commit {}", short(&commit.id)));
    let path = spot.and_then(|spot| spot.file.clone()).or(commit).unwrap_or_else(|| "(repository)".to_owned());
    let line = spot.filter(|spot| spot.inside.is_none()).and_then(|spot| spot.line).unwrap_or(1);
    json!({
        "type": "issue",
        "check_name": finding.rule,
        "description": format!("{} {}{}: {}", finding.title, finding.redacted, within(finding), finding.guidance.headline),
        "categories": ["Security"],
        "severity": severity(finding.severity),
        "fingerprint": finding.fingerprint,
        "location": {"path": path, "lines": {"begin": line}},
    })
}

fn severity(word: &str) -> &'static str {
    match word {
        "critical" => "blocker",
        "high" => "critical",
        "medium" => "major",
        _ => "minor",
    }
}
