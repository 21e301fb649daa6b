//! What to do about a finding, as text: by how far the secret got, then by provider.

use super::document::{FindingDoc, GuidanceDoc, PlaceDoc, Spot};
use super::escape::{argument, pathspec};
use super::page::{ALARM, BOLD, PLAIN, Page, WARN};
use super::rewrite;
use crate::finding::Level;
use crate::rules::Kind;

/// How many paths get a command of their own.
const MAX_COMMANDS: usize = 5;

/// The first acts, which depend on the exposure and not on the provider.
pub(super) fn first_acts(page: &mut Page, finding: &FindingDoc) {
    match finding.level {
        Level::Staged => unstage(page, finding),
        Level::Worktree => worktree(page, finding),
        Level::Local => rewritten(page, finding),
        Level::Dangling => page.verbatim(4, BOLD, "git gc --prune=now"),
        Level::Pushed | Level::Unreachable | Level::Unknown => {}
    }
}

/// The commands that take a finding's files out of the index.
pub(super) fn unstage_commands(finding: &FindingDoc) -> Vec<String> {
    let current = || finding.places.iter().filter(|place| place.current && place.spot.path.is_some());
    let in_index = |of_blobs: bool| current().filter(move |place| place.blob.is_some() || !of_blobs);
    let of_blobs = current().any(|place| place.blob.is_some());
    let mut paths: Vec<_> = in_index(of_blobs).map(|place| &place.spot).collect();
    paths.dedup_by(|a, b| a.bytes == b.bytes);
    // Without a commit there is nothing to restore from.
    let command = if finding.exposure.in_head.is_some() { "git restore --staged" } else { "git rm --cached -f -q" };
    paths.into_iter().map(|spot| format!("{command} {}", path_of(spot))).collect()
}

/// A path for a command of git, if it can be typed.
pub(super) fn path_of(spot: &Spot) -> String {
    Some(&spot.bytes).filter(|_| spot.exact).and_then(|path| pathspec(path)).unwrap_or_else(|| "<path>".into())
}

/// A path for a command that takes it as it is, if it can be typed.
pub(super) fn plain_path_of(spot: &Spot) -> String {
    Some(&spot.bytes).filter(|_| spot.exact).and_then(|path| argument("", path)).unwrap_or_else(|| "<path>".into())
}

fn unstage(page: &mut Page, finding: &FindingDoc) {
    let commands = unstage_commands(finding);
    for command in commands.iter().take(MAX_COMMANDS) {
        page.verbatim(4, BOLD, command);
    }
    if commands.len() > MAX_COMMANDS {
        page.paragraph("    ", PLAIN, &format!("and the same for {} more", commands.len() - MAX_COMMANDS));
    }
    let then = match finding.known.kind {
        Kind::File => "Then add a line for it to .gitignore and commit: the whole file stays out of git.",
        Kind::Content => {
            "Then take the value out of the file (read it from an environment variable or a secret manager), \
             stage the file again and commit."
        }
    };
    page.paragraph("  ", PLAIN, then);
}

fn worktree(page: &mut Page, finding: &FindingDoc) {
    if finding.known.kind == Kind::File {
        return page.paragraph("  ", PLAIN, "Keep the whole file out of git with a line in .gitignore.");
    }
    let then = "Take the value out of the file (read it from an environment variable or a secret manager) before you \
                `git add` it, or keep the whole file out of git with a line in .gitignore.";
    page.paragraph("  ", PLAIN, then);
}

fn rewritten(page: &mut Page, finding: &FindingDoc) {
    page.paragraph("  ", BOLD, "Rewrite before pushing");
    let is_first = |place: &&PlaceDoc| {
        place.commit.as_ref().is_some_and(|commit| Some(&commit.id) == finding.exposure.commit.as_ref())
    };
    rewrite::steps(page, 6, finding.places.iter().find(is_first), finding.known.kind);
    page.paragraph("   ", PLAIN, "Scan again: other commits and stashes may have it too.");
    page.verbatim(6, BOLD, "keysieve scan --history");
}

/// A commit id as people write it.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// What to do with the provider, in short: for secrets that were not shared as far as anybody knows.
pub(super) fn in_short(page: &mut Page, finding: &FindingDoc) {
    let text = format!("Only if it was shared in another way: {}", finding.guidance.headline);
    page.paragraph("  ", PLAIN, &text);
    pointer(page, finding);
}

/// Where the whole runbook is.
pub(super) fn pointer(page: &mut Page, finding: &FindingDoc) {
    page.paragraph("  ", PLAIN, &format!("All steps: `keysieve guide {}`", finding.rule));
}

/// What stops the leak, and how to find the rest: a report of ten findings must stay readable.
pub(super) fn urgent(page: &mut Page, finding: &FindingDoc) {
    first_steps(page, &finding.guidance);
    let text = format!("Then replace it, look for misuse and clean up: `keysieve guide {}`", finding.rule);
    page.paragraph("  ", PLAIN, &text);
}

/// The whole runbook.
pub(super) fn whole(page: &mut Page, guidance: &GuidanceDoc) {
    first_steps(page, guidance);
    steps(page, "Replace", &guidance.replace, false);
    steps(page, "Investigate", &guidance.investigate, false);
    steps(page, "Clean up", &guidance.clean_up, false);
    links(page, guidance);
}

/// What the sort of place adds, where the runbook with it is not printed.
pub(super) fn settings(page: &mut Page, finding: &FindingDoc) {
    for advice in &finding.setting {
        page.flow("   ! ", WARN, 5, &[(PLAIN, advice)]);
    }
}

fn first_steps(page: &mut Page, guidance: &GuidanceDoc) {
    page.paragraph("  ", ALARM, &guidance.headline);
    steps(page, "Do now", &guidance.now, true);
    if !guidance.commands.is_empty() {
        page.paragraph("  ", BOLD, "Commands");
    }
    commands(page, guidance);
    for warning in &guidance.warnings {
        page.flow("   ! ", WARN, 5, &[(PLAIN, warning)]);
    }
}

fn links(page: &mut Page, guidance: &GuidanceDoc) {
    let links = [("Console", &guidance.console_url), ("Docs", &guidance.docs), ("Contact", &guidance.contact)];
    for (name, link) in links {
        if let Some(link) = link {
            page.flow(&format!("  {name:<7}  "), BOLD, 11, &[(PLAIN, link)]);
        }
    }
}

/// The runnable lines of a runbook.
pub(super) fn commands(page: &mut Page, guidance: &GuidanceDoc) {
    for command in &guidance.commands {
        page.verbatim(6, BOLD, command);
    }
}

fn steps(page: &mut Page, title: &str, steps: &[String], numbered: bool) {
    if steps.is_empty() {
        return;
    }
    page.paragraph("  ", BOLD, title);
    for (i, step) in steps.iter().enumerate() {
        let lead = if numbered { format!("  {:>2}. ", i + 1) } else { "   - ".to_owned() };
        page.paragraph(&lead, PLAIN, step);
    }
}
