//! `keysieve rules list`: a table for the terminal, JSON, and the Markdown of `docs/rules.md`.

use std::io::{self, Write};

use keysieve::rules::{CONFIDENCES, Kind, Rule, RuleSet, SEVERITIES};

use super::super::args::{ListFormat, Listed};
use super::word;

/// How many keywords a row names.
const MOST_KEYWORDS: usize = 4;

/// Writes the rules that fit, in order of their files.
pub(super) fn write(rules: &RuleSet, wanted: &Listed, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let fitting: Vec<&'static Rule> = rules.all().filter(|rule| fits(rule, wanted)).collect();
    match wanted.format {
        _ if wanted.json => json(&fitting, out),
        ListFormat::Text => table(&fitting, width, out),
        ListFormat::Json => json(&fitting, out),
        ListFormat::Markdown => markdown(&fitting, out),
    }
}

fn fits(rule: &Rule, wanted: &Listed) -> bool {
    let within = |whole: &str, part: &str| whole.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
    let provider =
        |name: &str| within(rule.provider, name) || rule.candidates.iter().any(|one| within(one.provider, name));
    let named = wanted.filter.as_deref().is_none_or(|text| within(rule.id, text) || provider(text));
    let severity = wanted.severity.as_deref().is_none_or(|level| word(SEVERITIES, rule.severity) == level);
    named && wanted.provider.as_deref().is_none_or(provider) && severity
}

fn table(rules: &[&'static Rule], width: usize, out: &mut dyn Write) -> io::Result<()> {
    let widest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let room = widest.min(width / 2);
    for rule in rules {
        let off = if rule.enabled { "" } else { " (off)" };
        // An id is for copying, so it is never cut; a title is.
        let column = room.max(rule.id.len());
        let left = width.saturating_sub(column + 12 + off.len());
        let title = cut(rule.title, left);
        writeln!(out, "{:column$}  {:8}  {title}{off}", rule.id, word(SEVERITIES, rule.severity))?;
    }
    let providers: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule.provider).collect();
    writeln!(out, "{} providers, {} rules", providers.len(), rules.len())
}

fn cut(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        None => text.to_owned(),
        Some(_) => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn json(rules: &[&'static Rule], out: &mut dyn Write) -> io::Result<()> {
    let list: Vec<_> = rules
        .iter()
        .map(|rule| {
            serde_json::json!({
                "id": rule.id, "aliases": rule.aliases, "provider": rule.provider, "title": rule.title,
                "provider_candidates": rule.candidates.iter().map(|one| one.provider).collect::<Vec<_>>(),
                "severity": word(SEVERITIES, rule.severity), "confidence": word(CONFIDENCES, rule.confidence),
                "enabled": rule.enabled, "keywords": rule.keywords, "near": rule.near, "checks": rule.validate,
                "references": rule.references,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &list)?;
    writeln!(out)
}

fn markdown(rules: &[&'static Rule], out: &mut dyn Write) -> io::Result<()> {
    let providers: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule.provider).collect();
    let off = rules.iter().filter(|rule| !rule.enabled).count();
    writeln!(
        out,
        "# Rules\n\n\
         Written by `keysieve rules list --format markdown`; a test compares. {} rules of {} providers; {off} are off\n\
         unless `--enable` names them, since their values are made to be public. `keysieve rules show ID` has everything\n\
         about a rule, `keysieve guide ID` its runbook.\n\n\
         *Found by*: `literal` is what the value begins with; *near* `literal` is what stands before or around it.\n\
         *Checks* beyond pattern, entropy and placeholders are offline.\n\n\
         | Provider | Rule | What | Severity | Confidence | Found by | Checks | On |\n\
         |---|---|---|---|---|---|---|---|",
        rules.len(),
        providers.len()
    )?;
    for rule in rules {
        writeln!(
            out,
            "| {} | `{}` | {} | {} | {} | {} | {} | {} |",
            cell(rule.provider),
            rule.id,
            cell(rule.title),
            word(SEVERITIES, rule.severity),
            word(CONFIDENCES, rule.confidence),
            found_by(rule),
            rule.validate.join(", "),
            if rule.enabled { "yes" } else { "no" }
        )?;
    }
    Ok(())
}

/// The literals that a rule is found by: at the beginning of its value, or around it.
fn found_by(rule: &Rule) -> String {
    if rule.kind == Kind::File {
        let names: Vec<String> = rule.names.iter().take(MOST_KEYWORDS).map(|name| code(name)).collect();
        let more = rule.names.len().saturating_sub(MOST_KEYWORDS);
        let more = if more > 0 { format!(", {more} more") } else { String::new() };
        let magic = if rule.magic.is_empty() { "" } else { "first bytes" };
        let both = if names.is_empty() || magic.is_empty() { "" } else { "; " };
        return format!("file: {}{more}{both}{magic}", names.join(", "));
    }
    let mut literals: Vec<&str> = rule.keywords.to_vec();
    // A literal shorter than four bytes was expanded by what may follow it: say what all have in common.
    let common = common_prefix(&literals);
    if literals.len() > 16 && common.len() >= 2 {
        literals = vec![common];
    }
    let own = rule.anchored && rule.regex.starts_with("(?<secret>");
    let shown: Vec<String> = literals.iter().take(MOST_KEYWORDS).map(|literal| code(literal)).collect();
    let more = literals.len().saturating_sub(MOST_KEYWORDS);
    let more = if more > 0 { format!(", {more} more") } else { String::new() };
    format!("{}{}{more}", if own { "" } else { "near " }, shown.join(", "))
}

fn common_prefix<'a>(literals: &[&'a str]) -> &'a str {
    let Some(first) = literals.first() else { return "" };
    let shared = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let length = literals.iter().map(shared).min().unwrap_or(0);
    first.get(..length).unwrap_or("")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn code(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!(
        "{fence}{pad}{}{pad}{fence}",
        text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'").replace('|', "\\|")
    )
}
