//! The report as Markdown: for job summaries, comments and annotations that hold some text. What was scanned stands in
//! code spans only, where no link, image or mention works.

use std::collections::HashMap;

use super::annotation::place;
use super::document::{Document, FindingDoc, GuidanceDoc, PlaceDoc};
use super::escape::{count, fitted, grouped, size, terminal};
use super::runbook::short;
use crate::blob::PlaceKind;

/// GitHub takes 1 MiB of a step; a page that long is read by nobody.
const MAX_FINDINGS: usize = 50;
const MAX_NAMED: usize = 50;
const MAX_PLACES: usize = 5;
const MAX_SPAN: usize = 300;

/// The whole report.
pub(super) fn render(document: &Document) -> String {
    let scan = &document.scan;
    let open: Vec<&FindingDoc> = document.findings.iter().filter(|finding| finding.status == "open").collect();
    let mut page = match (open.len() as u64, scan.complete) {
        (0, true) => "## keysieve: no leaked secrets\n".to_owned(),
        (0, false) => "## keysieve: incomplete, no all-clear\n".to_owned(),
        (n, _) => format!("## keysieve: {}\n", count(n, "leaked secret")),
    };
    let mut told = Told::new();
    for (i, finding) in open.iter().take(MAX_FINDINGS).enumerate() {
        page.push_str(&format!("\n### {}. {}\n\n", i + 1, head(finding)));
        one(&mut page, finding, i + 1, &mut told);
    }
    if open.len() > MAX_FINDINGS {
        page.push_str(&format!("\nand {}: the log has them.\n", count((open.len() - MAX_FINDINGS) as u64, "more")));
    }
    named(&mut page, document);
    for notice in &scan.notices {
        page.push_str(&format!("\n> {}\n", text(notice)));
    }
    gaps(&mut page, document);
    page.push_str(&format!("\n{}\n", read(document)));
    page
}

fn head(finding: &FindingDoc) -> String {
    format!("{} {} {}", finding.severity.to_uppercase(), text(&finding.title), span(&finding.redacted))
}

/// Runbooks that were printed, as written in the rule file, and with which finding.
type Told<'d> = HashMap<&'d GuidanceDoc, usize>;

fn one<'d>(page: &mut String, finding: &'d FindingDoc, number: usize, told: &mut Told<'d>) {
    let first = place(finding);
    let others = finding.places.iter().rev().filter(|other| first.is_none_or(|first| !std::ptr::eq(*other, first)));
    for place in first.into_iter().chain(others).take(MAX_PLACES) {
        page.push_str(&format!("- {}\n", spot(place)));
    }
    if finding.places.len() > MAX_PLACES {
        page.push_str(&format!("- and {}\n", count((finding.places.len() - MAX_PLACES) as u64, "more place")));
    }
    page.push_str(&format!("- {}\n", text(finding.level.meaning())));
    for (name, value) in &finding.details {
        page.push_str(&format!("- {}: {}\n", text(name), span(value)));
    }
    page.push_str(&format!("\n**{}**\n", text(&finding.guidance.headline)));
    // Ten keys of a provider need its steps once.
    let first = *told.entry(&finding.runbook).or_insert(number);
    if first != number {
        page.push_str(&format!("\nDo the same as for {first}.\n"));
    } else {
        page.push('\n');
        for (i, step) in finding.guidance.now.iter().enumerate() {
            page.push_str(&format!("{}. {}\n", i + 1, text(step)));
        }
        if !finding.guidance.commands.is_empty() {
            let commands: Vec<String> = finding.guidance.commands.iter().map(|c| fenced(c)).collect();
            page.push_str(&format!("\n```sh\n{}\n```\n", commands.join("\n")));
        }
        for warning in &finding.guidance.warnings {
            page.push_str(&format!("\n⚠️ {}\n", text(warning)));
        }
    }
    for advice in &finding.setting {
        page.push_str(&format!("\n⚠️ {}\n", text(advice)));
    }
    let guide = span(&format!("keysieve guide {}", finding.rule));
    page.push_str(&format!(
        "\nThen replace it, look for misuse and clean up: {guide} · {}\n",
        span(&finding.fingerprint)
    ));
}

fn spot(place: &PlaceDoc) -> String {
    let mut parts = Vec::new();
    if let Some(path) = &place.spot.path {
        let line = place.spot.line.map(|line| format!(":{line}")).unwrap_or_default();
        parts.push(span(&format!("{path}{line}")));
    }
    parts.extend(place.written());
    if place.what != PlaceKind::Content {
        parts.push(format!("in the {}", place.kind.replace('-', " ")));
    }
    if let Some(name) = &place.reference {
        parts.push(span(name));
    }
    if let Some(commit) = &place.commit {
        parts.push(format!("since commit {}", span(short(&commit.id))));
    }
    if place.suppression.is_some() {
        parts.push("(does not count)".to_owned());
    }
    match parts.is_empty() {
        true => place.kind.to_owned(),
        false => parts.join(" "),
    }
}

fn named(page: &mut String, document: &Document) {
    if document.named.is_empty() {
        return;
    }
    page.push_str("\n### Worth a look, fails nothing\n\n");
    for finding in document.named.iter().take(MAX_NAMED) {
        let at = place(finding).map(spot).unwrap_or_default();
        page.push_str(&format!("- {} {} {at}\n", text(&finding.title), span(&finding.redacted)));
    }
    if document.named.len() > MAX_NAMED {
        page.push_str(&format!("- and {}\n", count((document.named.len() - MAX_NAMED) as u64, "more")));
    }
}

fn gaps(page: &mut String, document: &Document) {
    let scan = &document.scan;
    if !scan.complete {
        page.push_str("\n**Not everything was read; this is no all-clear.**\n");
    }
    if !scan.not_read.is_empty() {
        page.push_str("\nNot read:\n\n");
    }
    for gap in &scan.not_read {
        let examples: Vec<String> = gap.examples.iter().take(3).map(|example| span(example)).collect();
        let mark = if gap.incomplete { "**incomplete** " } else { "" };
        page.push_str(&format!("- {mark}{} {}: {}\n", grouped(gap.count), gap.reason, examples.join(", ")));
    }
}

fn read(document: &Document) -> String {
    let read = &document.scan.read;
    let counted = [(read.files, "file"), (read.blobs, "blob"), (read.commits, "commit"), (read.tags, "tag")];
    let mut parts: Vec<String> =
        counted.iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(*number, what)).collect();
    parts.push(size(read.bytes));
    let suppressed: u64 = document.scan.suppressed.values().sum();
    let suppressed = if suppressed == 0 { String::new() } else { format!("; {} accepted", grouped(suppressed)) };
    format!("Read {}{suppressed}.", parts.join(", "))
}

/// A code span, whatever is in it; a path that nobody can read to its end is cut.
fn span(text: &str) -> String {
    let text = fitted(&terminal(text), MAX_SPAN);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Our own sentences, and what was filled into them, with nothing that HTML or a link begins with.
fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut in_code = false;
    for c in terminal(&text.split_whitespace().collect::<Vec<_>>().join(" ")).chars() {
        in_code ^= c == '`';
        match c {
            '<' if !in_code => safe.push_str("&lt;"),
            '[' | ']' | '!' | '*' | '~' | '|' if !in_code => safe.extend(['\\', c]),
            '@' if !in_code => safe.push_str("@\u{2060}"),
            c => safe.push(c),
        }
    }
    if in_code { safe.replace('`', "'") } else { safe }
}

/// A line of a fenced block: it cannot close it.
fn fenced(text: &str) -> String {
    text.split('\n').map(terminal).collect::<Vec<_>>().join("\n").replace("```", "'''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_scanned_stays_in_its_span() {
        assert_eq!(span("a"), "`a`");
        assert_eq!(span("a`b``c"), "```a`b``c```");
        assert_eq!(span("`x`"), "`` `x` ``");
        assert_eq!(span("a\n# b"), "`a\\n# b`");
    }

    #[test]
    fn sentences_are_text() {
        assert_eq!(text("a `b_c` <img> [x](y)"), "a `b_c` &lt;img> \\[x\\](y)");
        assert_eq!(text("an open ` [x]"), "an open ' [x]");
    }
}
