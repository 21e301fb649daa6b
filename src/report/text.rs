//! The report for people: what leaked, where, how far it got and what to do, in that order, and at the end what was
//! read and what was not.

use std::collections::HashMap;

use anstyle::Style;

use super::Options;
use super::coverage;
use super::document::{Document, FindingDoc, GuidanceDoc, PlaceDoc};
use super::escape::{capital, count};
use super::gate::Gate;
use super::page::{ALARM, BOLD, CALM, DIM, PLAIN, Page, WARN};
use super::runbook;
use crate::baseline::State;
use crate::blob::PlaceKind;
use crate::finding::Level;

/// How many places are shown if not all were asked for.
const MAX_PLACES: usize = 5;
/// How many remote refs are named.
const MAX_REFS: usize = 3;

/// The whole report as text.
pub(super) fn render(document: &Document, options: &Options) -> String {
    let mut page = Page::new(options.width, options.color);
    let mut printed = Runbooks::new();
    let many = document.scan.open > 1;
    let gate = Gate::of(document.scan.mode);
    for (i, finding) in document.findings.iter().filter(|finding| finding.status == "open").enumerate() {
        page.gap();
        let number = many.then_some(i + 1);
        match gate {
            Some(gate) => gate.open(&mut page, finding, number, i == 0, options),
            None => {
                open(&mut page, finding, number, options);
                guidance(&mut page, finding, number, &mut printed, options);
            }
        }
    }
    suppressed(&mut page, document);
    if !options.quiet {
        named(&mut page, document);
    }
    page.gap();
    coverage::render(&mut page, document, options);
    page.into_text()
}

/// Which runbook was printed whole, as written in the rule file, with which finding, filled in how.
type Runbooks = HashMap<(&'static str, &'static str, &'static [&'static str]), (Option<usize>, GuidanceDoc)>;

fn open(page: &mut Page, finding: &FindingDoc, number: Option<usize>, options: &Options) {
    head(page, finding, number);
    let mut places: Vec<&PlaceDoc> = finding.places.iter().collect();
    places.sort_by_key(|place| (place.suppression.is_some(), place.spot.path.is_none()));
    if let Some(first) = places.first() {
        place(page, first, options);
    }
    exposure(page, finding);
    if matches!(finding.level, Level::Staged | Level::Worktree | Level::Dangling) {
        runbook::first_acts(page, finding);
    }
    further(page, &places, options);
    details(page, finding, options);
}

/// The places but the first.
pub(super) fn further(page: &mut Page, places: &[&PlaceDoc], options: &Options) {
    let most = if options.verbose { usize::MAX } else { MAX_PLACES };
    let others = places.get(1..).unwrap_or_default();
    if !others.is_empty() {
        page.paragraph("  ", DIM, "Also at");
    }
    for place in others.iter().take(most - 1) {
        self::place(page, place, options);
    }
    if places.len() > most {
        let more = format!("+{} (-v shows all)", count((places.len() - most) as u64, "more place"));
        page.paragraph("  ", DIM, &more);
    }
}

/// What it is: severity, title, provider, what may be shown of it, and its fingerprint.
pub(super) fn head(page: &mut Page, finding: &FindingDoc, number: Option<usize>) {
    let mut pieces: Vec<(Style, &str)> = vec![(BOLD, &finding.title)];
    let named = finding.title.to_lowercase().contains(&finding.provider.to_lowercase());
    if !named && finding.provider_candidates.is_empty() {
        pieces.push((PLAIN, &finding.provider));
    }
    pieces.push((PLAIN, &finding.redacted));
    pieces.push((DIM, &finding.fingerprint));
    let number = number.map(|n| format!("[{n}] ")).unwrap_or_default();
    let lead = format!("{number}{}  ", finding.severity.to_uppercase());
    let color = if matches!(finding.severity, "critical" | "high") { ALARM } else { WARN };
    page.flow(&lead, color, 2, &pieces);
}

/// One place: the position, and what part of the repository or which commit it is.
pub(super) fn place(page: &mut Page, place: &PlaceDoc, options: &Options) {
    let spot = &place.spot;
    let mut position = match (&spot.path, &place.commit, &place.blob, &place.reference) {
        (Some(path), ..) => path.clone(),
        (_, Some(commit), ..) => format!("commit {}", runbook::short(&commit.id)),
        (_, _, _, Some(name)) => name.clone(),
        (_, _, Some(blob), _) => format!("{} {}", place.kind, runbook::short(blob)),
        _ if place.what == PlaceKind::Content => "<stdin>".to_owned(),
        _ => place.kind.to_owned(),
    };
    if let (None, Some(inside)) = (&spot.path, spot.inside.as_deref().filter(|inside| !inside.is_empty())) {
        position.push_str(&format!("!/{inside}"));
    }
    if let (Some(line), Some(column)) = (spot.line, spot.column)
        && matches!(place.what, PlaceKind::Content | PlaceKind::Note | PlaceKind::Config)
    {
        position.push_str(&format!(":{line}:{column}"));
    }
    page.place(2, &position, &note(place));
    if options.verbose && !place.context.is_empty() {
        page.place(6, "|", &place.context);
    }
}

/// What is known of a place beside its position.
fn note(place: &PlaceDoc) -> String {
    let mut parts = Vec::new();
    if let Some(suppression) = &place.suppression {
        parts.push(format!("({}: {})", suppression.state, suppression.by));
    }
    if place.what != PlaceKind::Content {
        parts.push(format!("in the {}", place.kind.replace('-', " ")));
    }
    parts.extend(place.written());
    match &place.commit {
        Some(commit) => {
            let day = commit.date.get(..10).unwrap_or(&commit.date);
            let who = commit.author.split(" <").next().unwrap_or_default();
            if place.spot.path.is_some() {
                parts.push(runbook::short(&commit.id).to_owned());
            }
            parts.push(format!("{day} {who}: {}", commit.subject));
        }
        None if place.current && place.blob.is_some() => parts.push("in the index".to_owned()),
        None if place.current => parts.push("in the working tree".to_owned()),
        None => {}
    }
    if let (Some(name), true) = (&place.reference, place.spot.path.is_some() || place.commit.is_some()) {
        parts.push(format!("({name})"));
    }
    parts.join(" ")
}

/// How far it got, what that means, since when and where, in one paragraph.
pub(super) fn exposure(page: &mut Page, finding: &FindingDoc) {
    let exposure = &finding.exposure;
    let mut text = capital(finding.level.meaning());
    let mut facts = Vec::new();
    if let Some(since) = &exposure.since {
        facts.push(format!("since {}", since.get(..10).unwrap_or(since)));
    }
    if !exposure.remote_refs.is_empty() {
        facts.push(format!("on {}", refs(&exposure.remote_refs)));
    }
    if exposure.in_head == Some(false) && exposure.since.is_some() {
        facts.push("no longer in HEAD".to_owned());
    }
    text.push('.');
    if !facts.is_empty() {
        text.push_str(&format!(" {}.", capital(&facts.join(", "))));
    }
    page.paragraph("  ", if finding.level == Level::Pushed { ALARM } else { BOLD }, &text);
}

fn refs(refs: &[String]) -> String {
    let names = refs.iter().take(MAX_REFS).map(|name| name.strip_prefix("refs/remotes/").unwrap_or(name));
    let names = names.collect::<Vec<_>>().join(", ");
    match refs.len().saturating_sub(MAX_REFS) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// What the token and its place say.
pub(super) fn details(page: &mut Page, finding: &FindingDoc, options: &Options) {
    if let Some(secret) = &finding.secret {
        page.verbatim(2, WARN, &format!("secret: {}", secret.replace('\n', "\\n")));
    }
    let details: Vec<_> = finding.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if !details.is_empty() {
        page.paragraph("  ", PLAIN, &details.join("; "));
    }
    if options.verbose {
        page.paragraph("  ", DIM, &format!("rule: {}; confidence: {}", finding.rule, finding.confidence));
    }
}

fn guidance(page: &mut Page, finding: &FindingDoc, number: Option<usize>, printed: &mut Runbooks, options: &Options) {
    match finding.level {
        Level::Dangling => return,
        Level::Staged | Level::Worktree => {
            runbook::settings(page, finding);
            return runbook::in_short(page, finding);
        }
        _ if options.quiet => {
            page.paragraph("  ", ALARM, &finding.guidance.headline);
            return runbook::pointer(page, finding);
        }
        _ => {}
    }
    runbook::first_acts(page, finding);
    let template = finding.known.guidance();
    let key = (finding.known.provider, template.headline, template.now);
    match printed.get(&key) {
        Some((first, guidance)) => {
            let which = first.map(|n| format!("[{n}]")).unwrap_or_default();
            page.paragraph("  ", ALARM, &format!("Do the same as for {which}: {}", finding.guidance.headline));
            if *guidance != finding.guidance {
                runbook::commands(page, &finding.guidance);
                runbook::settings(page, finding);
            }
        }
        None => {
            match options.verbose {
                true => runbook::whole(page, &finding.guidance),
                false => runbook::urgent(page, finding),
            }
            printed.insert(key, (number, finding.guidance.clone()));
        }
    }
}

/// What a commit is not blocked for, a line each.
fn named(page: &mut Page, document: &Document) {
    if document.named.is_empty() {
        return;
    }
    page.gap();
    let heading = match document.scan.mode {
        "ci" => "Fails nothing, worth a look (`--min-confidence medium` fails on these)",
        _ => "Not blocked, worth a look (`--min-confidence medium` blocks on these)",
    };
    page.paragraph("", WARN, heading);
    for finding in &document.named {
        let spot = &finding.first;
        let line = spot.line.map(|line| format!(":{line}")).unwrap_or_default();
        let position = spot.path.as_ref().map_or_else(String::new, |path| format!("{path}{line}"));
        page.place(2, &position, &format!("{} {}", finding.title, finding.redacted));
    }
}

/// What a judgement leaves to be done.
fn judged(page: &mut Page, finding: &FindingDoc, state: &str) {
    let Some(state) = State::named(state) else { return };
    let text = match state {
        State::Contained | State::Accepted => {
            format!("{}: `keysieve guide {}` says how", state.meaning(), finding.rule)
        }
        state => state.meaning().to_owned(),
    };
    page.paragraph("  ", DIM, &format!("{}.", capital(&text)));
}

fn suppressed(page: &mut Page, document: &Document) {
    for finding in document.findings.iter().filter(|finding| finding.status != "open") {
        page.gap();
        let pieces = [(PLAIN, finding.title.as_str()), (PLAIN, &finding.redacted), (DIM, &finding.fingerprint)];
        page.flow("suppressed  ", CALM, 2, &pieces);
        if let Some(suppression) = &finding.suppression {
            let reason = if suppression.reason.is_empty() { "no reason given" } else { &suppression.reason };
            page.paragraph("  ", PLAIN, &format!("{} ({}): {reason}", suppression.state, suppression.by));
            if suppression.by == "baseline" {
                judged(page, finding, &suppression.state);
            }
        }
        let options = Options::default();
        if let Some(place) = finding.places.iter().find(|p| p.spot.path.is_some()).or(finding.places.first()) {
            self::place(page, place, &options);
        }
        if finding.places.len() > 1 {
            page.paragraph("  ", DIM, &format!("+{}", count(finding.places.len() as u64 - 1, "more place")));
        }
        if let Some(secret) = &finding.secret {
            page.verbatim(2, WARN, &format!("secret: {}", secret.replace('\n', "\\n")));
        }
    }
}
