//! `keysieve guide`: the runbook of a rule, or of a finding.

use std::io::{self, Write};
use std::path::Path;

use keysieve::blob::Blob;
use keysieve::error::{Error, Result};
use keysieve::finding::{Exposure, Finding, Level, Sighting};
use keysieve::git::Repo;
use keysieve::lock::lock;
use keysieve::provenance::{self, Scene};
use keysieve::report::{self, Options};
use keysieve::rules::{FileNames, Rule, RuleSet};
use keysieve::scan::Scanner;
use keysieve::secret::Secret;
use keysieve::source::{Base, Files, History, Passed, Staged};
use keysieve::unpack::Limits;

use super::args::{Color, Guide};
use super::exit::Exit;
use super::look::Look;
use super::output::use_color;
use super::scan::{configuration, everything, id_key, load};

/// Prints what to do about a rule's keys, or about one finding.
pub fn run(args: Guide) -> Result<Exit> {
    let is_fingerprint = args.what.starts_with("ks1:") || args.what.starts_with("ks1k:");
    let repo = Repo::discover(Path::new("."), false)?;
    let config = configuration(&args.rules, repo.as_ref(), Path::new("."))?;
    // Those that are off, too: their keys may have been reported by somebody else.
    let rules = everything(&args.rules, &config)?;
    if !is_fingerprint {
        return print(rules.named(&args.what)?, None);
    }
    if let Some(path) = &args.report {
        let finding = from_report(path, &args.what, &rules)?;
        say(&format!("found in {}", path.display()));
        return print(finding.rule, Some(&finding));
    }
    let found = search(&args.what, repo.as_ref(), &load(&args.rules, &config)?)?;
    match found {
        Some((finding, place)) => {
            say(&format!("found in {place}"));
            print(finding.rule, Some(&finding))
        }
        None => Err(Error::Usage(format!(
            "{} was found neither in the index nor in the working tree nor in the history; give the report that has it with --report FILE",
            args.what
        ))),
    }
}

fn print(rule: &'static Rule, finding: Option<&Finding>) -> Result<Exit> {
    let options = Options { color: use_color(Color::Auto), width: super::width(), ..Options::default() };
    super::to_stdout(|out| report::write_guide(rule, finding, &options, out))?;
    Ok(Exit::Clean)
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "keysieve: {text}");
}

/// A finding as far as a JSON report tells it: enough to fill in the runbook.
fn from_report(path: &Path, fingerprint: &str, rules: &RuleSet) -> Result<Finding> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let bad = |why: String| Error::Usage(format!("{}: {why}", path.display()));
    let report: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| bad(format!("not a JSON report of keysieve: {error}")))?;
    let findings = report.get("findings").and_then(|list| list.as_array()).map_or(&[][..], Vec::as_slice);
    let found = findings.iter().find(|finding| finding.get("fingerprint").is_some_and(|print| print == fingerprint));
    let found = found.ok_or_else(|| bad(format!("no finding has the fingerprint {fingerprint}")))?;
    let text = |name: &str| found.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let rule = rules.named(text("rule"))?;
    // The report has no secret, only what may be shown of it; as much again stands for the rest.
    let shown = text("redacted").split('…').next().unwrap_or_default();
    let details = found.get("details").and_then(|details| details.as_object());
    let details =
        details.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Ok(Finding {
        fingerprint: fingerprint.to_owned(),
        rule,
        secret: Secret::new(shown.repeat(2).as_bytes(), shown.len()),
        severity: rule.severity,
        confidence: rule.confidence,
        details: details.collect(),
        exposure: Exposure::of(Level::Unknown),
        places: Vec::new(),
        suppression: None,
    })
}

/// Looks in the index, in the working tree, then in the history.
fn search(fingerprint: &str, repo: Option<&Repo>, rules: &RuleSet) -> Result<Option<(Finding, &'static str)>> {
    let (scanner, names) = (Scanner::new(rules), FileNames::of(rules));
    let look = Look::new(&scanner, &names, Limits::default());
    let found = std::sync::Mutex::new(Vec::new());
    let key = id_key();
    let id_key = key.as_deref().map(str::as_bytes);
    let keep = |seen: Vec<Sighting>| {
        let is_it = |s: &Sighting| s.hit.secret.fingerprint(id_key) == fingerprint;
        lock(&found).extend(seen.into_iter().filter(is_it));
    };
    let see = |blob: &Blob<'_>| keep(look.at(blob));
    let take = || std::mem::take(&mut *lock(&found));
    let locate = |sightings| -> Result<Option<Finding>> {
        let scene = Scene { repo, id_key, secrets: Some(&|bytes| look.secrets(bytes)), ..Scene::default() };
        Ok(provenance::locate(scene, sightings, None)?.pop())
    };
    let root = repo.and_then(|repo| repo.work_tree.clone()).unwrap_or_else(|| ".".into());
    if repo.is_none_or(|repo| !repo.is_bare()) {
        let skip = globset::GlobSet::empty();
        if let Some(repo) = repo {
            Staged { repo, skip: &skip, max_size: None, deadline: None, worth: &|_| true }.visit(&see)?;
            if let Some(finding) = locate(take())? {
                return Ok(Some((finding, "the index")));
            }
        }
        let paths = [root];
        let files = Files {
            paths: &paths,
            repo,
            no_ignore: false,
            skip: &skip,
            max_size: None,
            threads: 0,
            only_changed: false,
        };
        files.visit(&see)?;
        if let Some(finding) = locate(take())? {
            return Ok(Some((finding, "the working tree")));
        }
    }
    let Some(repo) = repo else { return Ok(None) };
    let knows = |name: &[u8]| names.knows(name);
    let history = History { repo, max_size: None, knows: &knows, worth: &|_| true };
    history.contents(&|blob: &Blob<'_>, _: Option<Base<'_, ()>>| keep(look.at(blob)))?;
    let see = |blob: &Blob<'_>| keep(look.at(blob));
    history.structure(&see, &|_: Passed<'_, ()>| (), &mut |blob, name| keep(look.named(blob, name)));
    Ok(locate(take())?.map(|finding| (finding, "the history")))
}
