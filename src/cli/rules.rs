//! `keysieve rules`: list, show, check, test.

use std::io::{self, Write};
use std::path::PathBuf;

use keysieve::blob::{Blob, Origin};
use keysieve::error::{Error, Result};
use keysieve::rules::sample::{self, Random};
use keysieve::rules::{CONFIDENCES, FileNames, Kind, Rule, RuleSet, SEVERITIES, Selection};
use keysieve::scan::{Scanner, validate};

use super::args::Rules;
use super::exit::Exit;
use super::scan::everything;
use crate::config::Config;

/// Runs a `rules` command.
pub fn run(command: Rules) -> Result<Exit> {
    match command {
        Rules::List { filter, json, rules } => {
            list(&everything(&rules, &Config::default())?, filter.as_deref().unwrap_or(""), json)
        }
        Rules::Show { id, rules } => show(&everything(&rules, &Config::default())?, &id),
        Rules::Check { files } => check(files),
        Rules::Test { files, values } => test(files, values),
    }
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, level)| *level == value).map_or("", |(word, _)| word)
}

fn list(rules: &RuleSet, filter: &str, json: bool) -> Result<Exit> {
    let filter = filter.to_ascii_lowercase();
    let fits = |rule: &&'static Rule| rule.id.contains(&filter) || rule.provider.to_ascii_lowercase().contains(&filter);
    let rules: Vec<&'static Rule> = rules.all().filter(fits).collect();
    super::to_stdout(|out| if json { list_json(&rules, out) } else { list_text(&rules, out) })?;
    Ok(Exit::Clean)
}

fn list_text(rules: &[&'static Rule], out: &mut dyn Write) -> io::Result<()> {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0).min(44);
    for rule in rules {
        let off = if rule.enabled { "" } else { " (off)" };
        writeln!(out, "{:width$}  {:8}  {}{off}", rule.id, word(SEVERITIES, rule.severity), rule.title)?;
    }
    writeln!(out, "{} rules", rules.len())
}

fn list_json(rules: &[&'static Rule], out: &mut dyn Write) -> io::Result<()> {
    let list: Vec<_> = rules
        .iter()
        .map(|rule| {
            serde_json::json!({
                "id": rule.id, "provider": rule.provider, "title": rule.title, "enabled": rule.enabled,
                "severity": word(SEVERITIES, rule.severity), "confidence": word(CONFIDENCES, rule.confidence),
                "keywords": rule.keywords, "references": rule.references,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &list)?;
    writeln!(out)
}

fn show(rules: &RuleSet, id: &str) -> Result<Exit> {
    let rule = rules.named(id)?;
    super::to_stdout(|out| {
        writeln!(out, "{}\n  {} ({})", rule.id, rule.title, rule.provider)?;
        let state = if rule.enabled { "" } else { "; off unless --enable names it" };
        writeln!(
            out,
            "  severity {}, confidence {}{state}",
            word(SEVERITIES, rule.severity),
            word(CONFIDENCES, rule.confidence)
        )?;
        let fields = [
            ("aliases", rule.aliases),
            ("keywords", rule.keywords),
            ("near", rule.near),
            ("validate", rule.validate),
            ("paths", rule.paths),
            ("not paths", rule.not_paths),
            ("references", rule.references),
            ("must match", rule.matches),
            ("must not match", rule.ignores),
        ];
        match rule.kind {
            Kind::Content => writeln!(out, "  pattern: {}\n  reach: {} bytes", rule.pattern, rule.reach)?,
            Kind::File => show_file(rule, out)?,
        }
        if rule.entropy > 0.0 {
            writeln!(out, "  entropy: at least {} bits per character", rule.entropy)?;
        }
        for (name, values) in fields.iter().filter(|(_, values)| !values.is_empty()) {
            writeln!(out, "  {name}:")?;
            values.iter().take(40).try_for_each(|value| writeln!(out, "    {}", value.escape_default()))?;
            if values.len() > 40 {
                writeln!(out, "    … and {} more", values.len() - 40)?;
            }
        }
        writeln!(out)?;
        keysieve::report::write_guide(
            rule,
            None,
            &keysieve::report::Options { width: super::width(), ..Default::default() },
            out,
        )
    })?;
    Ok(Exit::Clean)
}

/// By what a file is known that is a secret in itself.
fn show_file(rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
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

/// Loads rule files and says every fault.
fn check(files: Vec<PathBuf>) -> Result<Exit> {
    let selection = Selection { no_builtin: true, files, enable: vec!["*".into()], disable: vec![] };
    let rules = RuleSet::load(&selection)?;
    if let Some(id) = keysieve::scan::uncompilable(&rules).first() {
        return Err(Error::Faults {
            faults: vec![format!("the pattern of rule `{id}` is too large; make its counts smaller")],
        });
    }
    for warning in &rules.warnings {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    super::to_stdout(|out| writeln!(out, "{} rules, no faults", rules.all().count()))?;
    Ok(Exit::Clean)
}

/// Runs rules against values generated from their own samples.
fn test(files: Vec<PathBuf>, values: usize) -> Result<Exit> {
    let no_builtin = !files.is_empty();
    let rules = RuleSet::load(&Selection { no_builtin, files, enable: vec!["*".into()], disable: vec![] })?;
    let failures: Vec<String> = rules.all().flat_map(|rule| test_rule(rule, &rules, values)).collect();
    super::to_stdout(|out| {
        failures.iter().try_for_each(|failure| writeln!(out, "{failure}"))?;
        writeln!(out, "{} rules tested with {values} values a sample, {} failures", rules.all().count(), failures.len())
    })?;
    Ok(if failures.is_empty() { Exit::Clean } else { Exit::Findings(1) })
}

/// Whether a rule finds something in a filled sample.
fn finds(scanner: &Scanner, rule: &'static Rule, text: &str) -> bool {
    if rule.kind == Kind::Content {
        let found = scanner.scan_whole(text.as_bytes()).matches;
        return found.iter().any(|m| m.rule.id == rule.id && m.implausible.is_none());
    }
    let Some((name, bytes)) = sample::file(text) else { return false };
    let named = FileNames::of(&RuleSet::of(vec![rule])).fitting(name.as_bytes());
    !scanner.sight(&Blob::whole(&Origin::Stdin, &bytes), &named).is_empty()
}

fn test_rule(rule: &'static Rule, loaded: &RuleSet, values: usize) -> Vec<String> {
    // Parts belong to it: a secret may mean nothing without its other half.
    let mut set = vec![rule];
    let builtin = RuleSet::every_builtin();
    let find = |id| loaded.find(id).or_else(|| builtin.find(id));
    set.extend(rule.parts.iter().filter_map(|part| find(part.rule)).filter(|part| part.id != rule.id));
    let scanner = Scanner::new(&RuleSet::of(set));
    let mut random = Random::new(0x5eed);
    let mut failures = Vec::new();
    for (template, wanted) in rule.matches.iter().map(|t| (t, true)).chain(rule.ignores.iter().map(|t| (t, false))) {
        let mut failed = 0;
        for _ in 0..values.max(1) {
            let text = match sample::fill(template, &mut random, &validate::generate) {
                Ok(text) => text,
                Err(why) => {
                    failures.push(format!("{}: sample `{}`: {why}", rule.id, template.escape_default()));
                    break;
                }
            };
            let open = finds(&scanner, rule, &text);
            failed += usize::from(open != wanted);
        }
        if failed > 0 {
            let what = if wanted { "not found" } else { "found, but must not be" };
            failures.push(format!("{}: {what} {failed} of {values} times: {}", rule.id, template.escape_default()));
        }
    }
    failures
}
