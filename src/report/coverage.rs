//! The coverage statement as text: what was read, what was not and why, and whether that makes the scan incomplete.

use super::Options;
use super::document::{Document, FindingDoc, GapDoc, Scan};
use super::escape::{count, grouped, size};
use super::gate::Gate;
use super::page::{ALARM, BOLD, CALM, PLAIN, Page, WARN};
use crate::finding::Level;

/// How many examples of a gap are shown.
const MAX_EXAMPLES: usize = 3;

/// The end of every text report. A clean scan gets one line, or none with `--quiet`.
pub(super) fn render(page: &mut Page, document: &Document, options: &Options) {
    let scan = &document.scan;
    let clean = scan.open == 0 && scan.complete;
    if let (Some(first), Some(gate)) = (scan.old.first(), Gate::of(scan.mode)) {
        let more = match scan.old.len() {
            1 => String::new(),
            n => format!(" and {} more", grouped(n as u64 - 1)),
        };
        let who = if gate == Gate::Staged { "HEAD has" } else { "the commits before have" };
        let line = format!("not new, so it does not block: a secret that {who} already, {first}{more}");
        page.verbatim(0, PLAIN, &line);
    }
    if clean && options.quiet {
        return;
    }
    for notice in &scan.notices {
        page.flow("note: ", WARN, 6, &[(PLAIN, notice)]);
    }
    if clean {
        return clean_line(page, scan, options);
    }
    if scan.open > 0 && !options.quiet && Gate::of(scan.mode).is_none() {
        let hint = match scan.mode {
            "ci" => {
                "No secret, or judged already? On the branch that this goes to, since a change cannot allow its own leak: \
                 `keysieve:allow` and the reason beside it, or `keysieve allow ks1:… --state … --reason …`."
            }
            _ => {
                "No secret, or judged already? `keysieve:allow` and the reason in a comment on its line, or \
                 `keysieve allow ks1:… --state … --reason …`."
            }
        };
        page.paragraph("", PLAIN, hint);
        let leaked = |finding: &&FindingDoc| matches!(finding.level, Level::Pushed | Level::Unreachable | Level::Local);
        let old = document.findings.iter().filter(|finding| finding.status == "open").filter(leaked).count();
        if old > 1 && matches!(scan.mode, "paths" | "history") {
            let all =
                "To accept all that has leaked already and block what is new: `keysieve baseline write --reason …`.";
            page.paragraph("", PLAIN, all);
        }
    }
    let open = count(scan.open, "open finding");
    page.paragraph("", BOLD, &format!("{}; {open}{}", read(scan), suppressed(scan, ", ")));
    for gap in &scan.not_read {
        self::gap(page, gap);
    }
    if !scan.complete {
        let rest = if scan.open == 0 { "nothing open in what was read, but " } else { "" };
        let text = format!("{rest}not everything was read; this is no all-clear.");
        page.flow("INCOMPLETE: ", ALARM, 2, &[(BOLD, &text)]);
    }
}

fn clean_line(page: &mut Page, scan: &Scan, options: &Options) {
    let nothing = scan.read.files + scan.read.blobs + scan.read.commits + scan.read.tags + scan.read.bytes == 0;
    let found = if nothing { "nothing to scan" } else { "no secrets found" };
    let gaps: Vec<_> = scan.not_read.iter().map(|gap| format!("{} {}", grouped(gap.count), gap.reason)).collect();
    let read = if nothing { String::new() } else { format!("; {}", read(scan)) };
    let gaps = if gaps.is_empty() { String::new() } else { format!("; not read: {}", gaps.join(", ")) };
    let text = format!("{found}{read}{}{gaps}", suppressed(scan, "; "));
    page.paragraph("", CALM, &text);
    for gap in scan.not_read.iter().filter(|_| options.verbose) {
        self::gap(page, gap);
    }
}

fn read(scan: &Scan) -> String {
    let read = &scan.read;
    let counted = [
        (read.files, "file"),
        (read.blobs, "blob"),
        (read.members, "archive member"),
        (read.commits, "commit"),
        (read.tags, "tag"),
    ];
    let mut parts: Vec<_> = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| count(*n, what)).collect();
    if parts.is_empty() && read.bytes == 0 {
        return "read nothing".to_owned();
    }
    parts.push(size(read.bytes));
    format!("read {}", parts.join(", "))
}

fn suppressed(scan: &Scan, lead: &str) -> String {
    let all: u64 = scan.suppressed.values().sum();
    if all == 0 {
        return String::new();
    }
    let by: Vec<_> = scan.suppressed.iter().map(|(by, n)| format!("{} {by}", grouped(*n))).collect();
    format!("{lead}{} suppressed ({})", grouped(all), by.join(", "))
}

fn gap(page: &mut Page, gap: &GapDoc) {
    let (lead, style) = if gap.incomplete { ("INCOMPLETE: ", ALARM) } else { ("not read: ", PLAIN) };
    let head = format!("{} {}", grouped(gap.count), gap.reason);
    page.flow(lead, style, 2, &[(PLAIN, &head)]);
    for example in gap.examples.iter().take(MAX_EXAMPLES) {
        page.verbatim(2, PLAIN, example);
    }
    if gap.count > MAX_EXAMPLES as u64 && !gap.examples.is_empty() {
        page.paragraph("  ", PLAIN, &format!("and {} more", grouped(gap.count - MAX_EXAMPLES as u64)));
    }
}
