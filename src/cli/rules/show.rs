//! `keysieve rules show`: everything about one rule.

use std::io::{self, Write};

use keysieve::rules::{CONFIDENCES, Kind, Rule, SEVERITIES};

use super::word;

/// How many entries of a list are shown.
const MOST: usize = 40;

/// Writes the rule, its samples and its runbook.
pub(super) fn write(rule: &'static Rule, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let state = if rule.enabled { "" } else { "; off unless --enable names it" };
    let levels = (word(SEVERITIES, rule.severity), word(CONFIDENCES, rule.confidence));
    writeln!(out, "{}\n  {}\n  provider: {}", rule.id, rule.title, rule.provider)?;
    writeln!(out, "  severity {}, confidence {}{state}", levels.0, levels.1)?;
    for (flag, meaning) in [
        (rule.generic, "yields to every provider's rule"),
        (rule.public, "an identifier: shown in full, no finding of its own"),
        (rule.ignore_case, "keywords are compared without case"),
    ] {
        if flag {
            writeln!(out, "  {meaning}")?;
        }
    }
    if !rule.homepage.is_empty() {
        writeln!(out, "  homepage: {}", rule.homepage)?;
    }
    match rule.kind {
        Kind::Content => writeln!(out, "  pattern: {}\n  reach: {} bytes", rule.pattern, rule.reach)?,
        Kind::File => file(rule, out)?,
    }
    if rule.entropy > 0.0 {
        writeln!(out, "  entropy: at least {} bits per character", rule.entropy)?;
    }
    if let Some(keep) = rule.keep {
        writeln!(out, "  shown of a value: {keep} characters")?;
    }
    let candidates: Vec<String> = rule
        .candidates
        .iter()
        .map(|one| format!("{} ({}), near {}", one.provider, one.rule, one.near.join(", ")))
        .collect();
    let parts: Vec<String> = rule
        .parts
        .iter()
        .map(|part| {
            let must = if part.required { ", required" } else { "" };
            format!("{} within {} bytes, as {}{must}", part.rule, part.within, part.detail)
        })
        .collect();
    let details: Vec<String> = rule.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (name, values) in [
        ("aliases", owned(rule.aliases)),
        ("keywords", owned(rule.keywords)),
        ("near", owned(rule.near)),
        ("providers with this shape", candidates),
        ("parts", parts),
        ("checks", owned(rule.validate)),
        ("paths", owned(rule.paths)),
        ("not paths", owned(rule.not_paths)),
        ("details", details),
        ("sources", owned(rule.references)),
        ("must match", owned(rule.matches)),
        ("must not match", owned(rule.ignores)),
        ("verify (never sent by keysieve)", verify(rule)),
    ] {
        list(name, &values, out)?;
    }
    writeln!(out)?;
    keysieve::report::write_guide(rule, None, &keysieve::report::Options { width, ..Default::default() }, out)
}

/// By what a file is known that is a secret in itself.
fn file(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  a whole file")?;
    if !rule.names.is_empty() {
        writeln!(out, "  called: {}", rule.names.join(", "))?;
    }
    for magic in rule.magic {
        let byte = |(byte, mask): (&u8, &u8)| if *mask == 0 { "??".to_owned() } else { format!("{byte:02x}") };
        let bytes: Vec<String> = magic.bytes.iter().zip(magic.mask).map(byte).collect();
        writeln!(out, "  begins with: {}", bytes.join(" "))?;
    }
    if rule.holds.is_empty() { Ok(()) } else { writeln!(out, "  holds: {}", rule.holds) }
}

fn list(name: &str, values: &[String], out: &mut dyn Write) -> io::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {name}:")?;
    values.iter().take(MOST).try_for_each(|value| writeln!(out, "    {}", escaped(value)))?;
    if values.len() > MOST {
        writeln!(out, "    … and {} more", values.len() - MOST)?;
    }
    Ok(())
}

/// As written in the rule file, but nothing that a terminal would act upon.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn verify(rule: &Rule) -> Vec<String> {
    let fitting =
        rule.guidance().verify.iter().filter(|verify| verify.rules.is_empty() || verify.rules.contains(&rule.id));
    let lines = fitting.flat_map(|verify| {
        let mut lines = vec![verify.request.to_owned(), format!("  {}", verify.header)];
        lines.push(format!("  live: {}; dead: {}", verify.live.join(" or "), verify.dead.join(" or ")));
        lines.extend((!verify.note.is_empty()).then(|| format!("  {}", verify.note)));
        lines
    });
    lines.collect()
}
