//! GitLab's secret detection report, schema 15: what `artifacts:reports:secret_detection` takes. No source is quoted in it.

use std::io;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::annotation::{place, within};
use super::document::{Document, FindingDoc};
use super::escape::capital;

const VERSION: &str = "15.2.1";
/// What GitLab's own analyzer writes where no commit is known.
const NO_COMMIT: &str = "0000000";

/// Writes the document.
pub(super) fn write(document: &Document, out: &mut dyn io::Write) -> io::Result<()> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = crate::time::iso8601(since.as_secs() as i64, 0);
    let now = now.trim_end_matches('Z');
    let tool = |id: &str| json!({"id": id, "name": "keysieve", "vendor": {"name": "keysieve"}, "version": document.tool.version});
    let open = document.findings.iter().filter(|finding| finding.status == "open");
    let report = json!({
        "version": VERSION,
        "scan": {
            "analyzer": tool("keysieve"),
            "scanner": tool("keysieve"),
            "type": "secret_detection",
            "start_time": now,
            "end_time": now,
            "status": if document.scan.complete { "success" } else { "failure" },
            "messages": messages(document),
        },
        "vulnerabilities": open.map(vulnerability).collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn messages(document: &Document) -> Vec<Value> {
    let gaps = document.scan.not_read.iter().map(|gap| {
        let level = if gap.incomplete { "warn" } else { "info" };
        json!({"level": level, "value": format!("not read, {}: {}", gap.reason, gap.count)})
    });
    gaps.chain(document.scan.notices.iter().map(|notice| json!({"level": "info", "value": notice}))).collect()
}

fn vulnerability(finding: &FindingDoc) -> Value {
    let place = place(finding);
    let spot = place.map(|place| &place.spot);
    let commit = place.and_then(|place| place.commit.as_ref());
    let mut location = json!({"commit": {"sha": commit.map_or(NO_COMMIT, |commit| &commit.id)}});
    if let Some(file) = spot.and_then(|spot| spot.file.as_deref()) {
        location["file"] = file.into();
    }
    if let Some(spot) = spot.filter(|spot| spot.inside.is_none()) {
        for (name, line) in [("start_line", spot.line), ("end_line", spot.end_line)] {
            if let Some(line) = line {
                location[name] = line.into();
            }
        }
    }
    let mut steps = vec![finding.guidance.headline.clone()];
    steps.extend(finding.guidance.now.iter().cloned());
    let links = [&finding.guidance.docs, &finding.guidance.console_url];
    let links: Vec<Value> = links.into_iter().flatten().map(|url| json!({"url": url})).collect();
    json!({
        "id": finding.fingerprint,
        "name": finding.title,
        "description": format!("{} {}{}: {}.", finding.title, finding.redacted, within(finding), finding.level.meaning()),
        "severity": capital(finding.severity),
        "solution": steps.join("\n"),
        "identifiers": [{
            "type": "keysieve_rule",
            "name": format!("keysieve rule {}", finding.rule),
            "value": finding.rule,
        }],
        "location": location,
        "links": links,
    })
}
