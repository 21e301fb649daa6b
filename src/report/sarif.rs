//! The report as SARIF 2.1.0, for code scanning: one run, one result a secret, the runbook as help of its rule. There
//! are no snippets, since the viewer shows lines to everybody who may read the repository.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use super::document::{Document, FindingDoc, GapDoc, GuidanceDoc, PlaceDoc, Scan, Spot};
use super::escape::uri;
use super::runbook::short;
use crate::blob::PlaceKind;
use crate::rules::{Confidence, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// GitHub shows this many locations of a result.
const MAX_LOCATIONS: usize = 100;

/// Writes the log.
pub(super) fn write(document: &Document, out: &mut dyn io::Write) -> io::Result<()> {
    let log = json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run(document)]});
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn run(document: &Document) -> Value {
    let known: BTreeMap<&str, &FindingDoc> = document.findings.iter().map(|f| (f.rule.as_str(), f)).collect();
    let index: BTreeMap<&str, usize> = known.keys().enumerate().map(|(i, id)| (*id, i)).collect();
    let rules: Vec<Value> = known.values().map(|finding| rule(finding)).collect();
    let results: Vec<Value> = document.findings.iter().map(|finding| result(finding, index[&*finding.rule])).collect();
    let scan = &document.scan;
    json!({
        "tool": {"driver": {
            "name": document.tool.name,
            "version": document.tool.version,
            "semanticVersion": document.tool.version,
            "rules": rules,
        }},
        // GitHub takes what stands before the last slash as the category, within which a new upload replaces the old.
        "automationDetails": {"id": format!("keysieve/{}/", scan.mode)},
        "invocations": [invocation(scan)],
        "results": results,
        "properties": {"read": scan.read, "complete": scan.complete, "suppressed": scan.suppressed},
    })
}

fn rule(finding: &FindingDoc) -> Value {
    let known = finding.known;
    let guidance = &finding.runbook;
    let mut rule = json!({
        "id": finding.rule,
        "name": name(&finding.rule),
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": format!("A leaked {}. {}", finding.title, guidance.headline)},
        "help": {"text": help(guidance, false), "markdown": help(guidance, true)},
        "defaultConfiguration": {"level": level(known.severity)},
        "properties": {
            "tags": ["security", "CWE-798"],
            "precision": precision(known.confidence),
            "security-severity": score(known.severity),
        },
    });
    if let Some(docs) = &guidance.docs {
        rule["helpUri"] = docs.as_str().into();
    }
    rule
}

/// `runra-api-key` as `RunraApiKey`.
fn name(id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric());
    words.flat_map(|word| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1))).collect()
}

fn help(guidance: &GuidanceDoc, markdown: bool) -> String {
    let mut text = if markdown { format!("**{}**\n", guidance.headline) } else { format!("{}\n", guidance.headline) };
    let mut section = |title: &str, steps: &[String], numbered: bool| {
        if steps.is_empty() {
            return;
        }
        text.push_str(&if markdown { format!("\n### {title}\n\n") } else { format!("\n{title}:\n") });
        for (i, step) in steps.iter().enumerate() {
            let lead = if numbered { format!("{}. ", i + 1) } else { "- ".to_owned() };
            text.push_str(&format!("{lead}{step}\n"));
        }
    };
    let commands: Vec<String> = guidance.commands.iter().map(|c| if markdown { code(c) } else { c.clone() }).collect();
    section("Do now", &guidance.now, true);
    section("Commands", &commands, false);
    section("Beware", &guidance.warnings, false);
    section("Replace", &guidance.replace, false);
    section("Investigate", &guidance.investigate, false);
    section("Clean up", &guidance.clean_up, false);
    let links = [&guidance.console_url, &guidance.docs, &guidance.contact];
    section("See", &links.into_iter().flatten().cloned().collect::<Vec<_>>(), false);
    text.push_str("\nClosing this alert, or deleting the line, does not revoke the key.\n");
    text
}

fn code(command: &str) -> String {
    let fence = if command.contains('`') { "``" } else { "`" };
    format!("{fence}{}{fence}", command.replace('\n', " "))
}

fn result(finding: &FindingDoc, index: usize) -> Value {
    let first = finding.guidance.now.first().map_or("", String::as_str);
    let text = format!("{} {}: {}. {first}", finding.title, finding.redacted, finding.level.meaning());
    let mut properties = Map::new();
    properties.insert("exposure".into(), json!(finding.exposure));
    properties.insert("severity".into(), finding.severity.into());
    properties.insert("confidence".into(), finding.confidence.into());
    properties.insert("places".into(), finding.places.len().into());
    if !finding.provider_candidates.is_empty() {
        properties.insert("provider_candidates".into(), json!(finding.provider_candidates));
    }
    let elsewhere = elsewhere(finding);
    if !elsewhere.is_empty() {
        properties.insert("elsewhere".into(), json!(elsewhere));
    }
    if !finding.details.is_empty() {
        properties.insert("details".into(), json!(finding.details));
    }
    if let Some(secret) = &finding.secret {
        properties.insert("secret".into(), secret.as_str().into());
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level_of(finding.severity),
        "message": {"text": text.trim_end()},
        "locations": locations(finding),
        "partialFingerprints": {"keysieve/v1": finding.fingerprint},
        "properties": properties,
    });
    if let Some(suppression) = &finding.suppression {
        let kind = if suppression.by == "inline" { "inSource" } else { "external" };
        let why = format!("{} ({}): {}", suppression.state, suppression.by, suppression.reason);
        result["suppressions"] = json!([{"kind": kind, "status": "accepted", "justification": why}]);
    }
    result
}

/// Places with a path. GitHub refuses a whole file in which one location has none.
fn locations(finding: &FindingDoc) -> Vec<Value> {
    let places = finding.places.iter().filter(|place| place.spot.path.is_some());
    places.map(physical).take(MAX_LOCATIONS).collect()
}

/// Places without a path: messages, tags, names of refs.
fn elsewhere(finding: &FindingDoc) -> Vec<String> {
    let places = finding.places.iter().filter(|place| place.spot.path.is_none());
    places.map(logical).take(MAX_LOCATIONS).collect()
}

fn physical(place: &PlaceDoc) -> Value {
    let uri = uri(&place.spot.bytes);
    let artifact = match uri.starts_with("file:") {
        true => json!({"uri": uri}),
        false => json!({"uri": uri, "uriBaseId": "%SRCROOT%"}),
    };
    let mut physical = json!({"artifactLocation": artifact});
    if place.what != PlaceKind::Path
        && place.spot.inside.is_none()
        && let Some(region) = region(&place.spot)
    {
        physical["region"] = region;
    }
    let mut location = json!({"physicalLocation": physical});
    let since = place.commit.as_ref().map(|commit| format!("since commit {}", short(&commit.id)));
    let said: Vec<String> = inside(place).into_iter().chain(place.written()).chain(since).collect();
    if !said.is_empty() {
        location["message"] = json!({"text": said.join(", ")});
    }
    location
}

/// Where in a container: a region would be one of the container itself.
fn inside(place: &PlaceDoc) -> Option<String> {
    let inside = place.spot.inside.as_deref()?;
    let line = place.spot.line.map(|line| format!("line {line}"));
    let parts: Vec<&str> =
        [inside, line.as_deref().unwrap_or("")].into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| format!("in {}", parts.join(", ")))
}

fn region(spot: &Spot) -> Option<Value> {
    let mut region = Map::new();
    region.insert("startLine".into(), spot.line?.into());
    let others = [("startColumn", spot.column), ("endLine", spot.end_line), ("endColumn", spot.end_column)];
    for (name, number) in others {
        if let Some(number) = number {
            region.insert(name.into(), number.into());
        }
    }
    Some(region.into())
}

fn logical(place: &PlaceDoc) -> String {
    let id = place.commit.as_ref().map(|commit| &commit.id).or(place.reference.as_ref()).or(place.blob.as_ref());
    id.map_or_else(|| place.kind.to_owned(), |id| format!("{} {id}", place.kind))
}

fn invocation(scan: &Scan) -> Value {
    let gaps: Vec<Value> = scan.not_read.iter().map(gap).collect();
    let notes: Vec<Value> =
        scan.notices.iter().map(|text| json!({"level": "note", "message": {"text": text}})).collect();
    json!({
        "executionSuccessful": scan.complete,
        "toolExecutionNotifications": gaps,
        "toolConfigurationNotifications": notes,
    })
}

fn gap(gap: &GapDoc) -> Value {
    let examples = if gap.examples.is_empty() { String::new() } else { format!(": {}", gap.examples.join(", ")) };
    json!({
        "descriptor": {"id": format!("not-read/{}", gap.reason)},
        "level": if gap.incomplete { "error" } else { "note" },
        "message": {"text": format!("not read, {}: {}{examples}", gap.reason, gap.count)},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn level_of(word: &str) -> &'static str {
    crate::rules::SEVERITIES.iter().find(|(name, _)| *name == word).map_or("warning", |(_, it)| level(*it))
}

fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}
