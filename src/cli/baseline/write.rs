//! `keysieve baseline write`, `update` and `prune`: scans, and changes the file by what was found.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keysieve::baseline::{Baseline, Judgement};
use keysieve::error::{Error, Result};
use keysieve::finding::{Finding, Level, Outcome};
use keysieve::git::Repo;
use keysieve::report::{self, Format, Options};
use keysieve::rules::{Kind, SEVERITIES};

use super::Target;
use super::change::{Given, Secrets, unionise};
use crate::cli::args::{BaselinePrune, BaselineScan, BaselineUpdate, BaselineWrite, Color, KnownArgs, Scan};
use crate::cli::exit::Exit;
use crate::cli::mode::Mode;
use crate::cli::output::use_color;
use crate::cli::scan;

/// Writes a new baseline of what is open.
pub fn write(args: BaselineWrite) -> Result<Exit> {
    let given = Given::by(&args.judgement, &scan::today())?;
    let (target, repo) = target(&args.scan)?;
    if target.exists && !args.force {
        return Err(Error::Usage(format!(
            "{} is there already: `keysieve baseline update` adds what is new and keeps what was judged; --force starts over",
            target.name
        )));
    }
    let uncommitted = args.scan.uncommitted;
    let mut outcome = search(args.scan, repo.as_ref(), None)?;
    let (taken, left) = sorted(&mut outcome, uncommitted);
    if !taken.is_empty() || target.exists {
        let none = Baseline::default();
        let mut edit = none.edit();
        let secrets = Secrets::of(&outcome);
        for finding in &taken {
            edit.add(&given.of_finding(finding, &[], &secrets)).map_err(unwritable)?;
        }
        target.put(edit.text())?;
    }
    said(&target, &given, &taken, 0)?;
    rest(outcome, left)
}

/// Adds what is open to the baseline.
pub fn update(args: BaselineUpdate) -> Result<Exit> {
    let given = Given::by(&args.judgement, &scan::today())?;
    let (target, repo) = target(&args.scan)?;
    let before = if target.exists { target.read()? } else { Baseline::default() };
    let uncommitted = args.scan.uncommitted;
    let mut outcome = search(args.scan, repo.as_ref(), target.exists.then_some(&target))?;
    let (open, mut left) = sorted(&mut outcome, uncommitted);
    let mut known: BTreeMap<String, Vec<(u64, Judgement)>> = BTreeMap::new();
    for (line, judgement) in before.judgements() {
        known.entry(judgement.fingerprint.clone()).or_default().push((line, judgement));
    }
    let today = scan::today();
    let over = |finding: &Finding| {
        known.get(&finding.fingerprint).filter(|lines| lines.iter().all(|(_, judgement)| !judgement.holds(&today)))
    };
    let (over_now, new): (Vec<Finding>, Vec<Finding>) = open.into_iter().partition(|finding| over(finding).is_some());
    let mut edit = before.edit();
    let secrets = Secrets::of(&outcome);
    for finding in &new {
        edit.add(&given.of_finding(finding, &[], &secrets)).map_err(unwritable)?;
    }
    for finding in over_now.iter().filter(|_| args.renew) {
        for (line, old) in over(finding).into_iter().flatten() {
            edit.replace(*line, &given.of_finding(finding, &old.paths, &secrets)).map_err(unwritable)?;
        }
    }
    let renewed = if args.renew { over_now.len() } else { 0 };
    if new.len() + renewed > 0 {
        target.put(edit.text())?;
    }
    said(&target, &given, &new, renewed)?;
    if !args.renew && !over_now.is_empty() {
        let count = counted(over_now.len(), "secret");
        let text = format!(
            "{count} known and still found, whose day is over.\nRevoke what is live; --renew judges them anew.\n"
        );
        crate::cli::to_stdout(|out| writeln!(out, "left open: {text}"))?;
        left.extend(over_now);
    }
    rest(outcome, left)
}

/// Drops what no scan finds any more.
pub fn prune(args: BaselinePrune) -> Result<Exit> {
    let here = Path::new(".");
    let repo = Repo::discover(here, false)?;
    let target = Target::of(args.baseline.as_deref(), repo.as_ref(), here)?;
    let before = target.read()?;
    let dry_run = args.dry_run;
    let mut scan = args.into_scan().map_err(|error| Error::Usage(error.to_string()))?;
    scan.known.only_named = true;
    let outcome = scan::outcome(&scan, mode(&scan, repo.as_ref())?)?;
    if !outcome.tally.is_complete() {
        let (name, why) = (&target.name, "not everything could be read, so nobody knows what is still there");
        let _ = writeln!(io::stderr(), "keysieve: {name} stays as it is: {why}");
        return rest(outcome, Vec::new());
    }
    let found: HashSet<&str> = outcome.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    let has_key = scan::id_key().is_some();
    let mut edit = before.edit();
    let (mut gone, mut seen) = (Vec::new(), HashSet::new());
    for (line, judgement) in before.judgements() {
        let comparable = judgement.fingerprint.starts_with("ks1k:") == has_key;
        let is_found = !comparable || found.contains(judgement.fingerprint.as_str());
        // A merge may leave the same line twice.
        if !is_found || !seen.insert(judgement.line()) {
            edit.drop_line(line);
            gone.push(judgement);
        }
    }
    if !gone.is_empty() && !dry_run {
        target.put(edit.text())?;
    }
    let verb = if dry_run { "would drop" } else { "dropped" };
    crate::cli::to_stdout(|out| {
        for judgement in &gone {
            writeln!(out, "{verb}: {}", judgement.line().unwrap_or_else(|_| judgement.fingerprint.clone()))?;
        }
        let all = counted(before.len(), "entry");
        writeln!(out, "{}: {verb} {} of {all}; the rest is still found", target.name, gone.len())?;
        match before.keyed(!has_key) {
            0 => Ok(()),
            kept => {
                writeln!(out, "kept without a look: {kept}, whose fingerprints were made with another KEYSIEVE_ID_KEY")
            }
        }
    })?;
    Ok(Exit::Clean)
}

/// The file, and the repository that is read.
fn target(args: &BaselineScan) -> Result<(Target, Option<Repo>)> {
    let here = PathBuf::from(".");
    let first = args.paths.first().unwrap_or(&here);
    let repo = Repo::discover(first, false)?;
    let root = |repo: &Option<Repo>| repo.as_ref().map(|repo| repo.work_tree.clone());
    for path in args.paths.iter().skip(1) {
        if root(&Repo::discover(path, false)?) != root(&repo) {
            let why = "is in another repository; every repository has a baseline of its own";
            return Err(Error::Usage(format!("{}: {why}", path.display())));
        }
    }
    let folder = if first.is_dir() { first.as_path() } else { Path::new(".") };
    Ok((Target::of(args.baseline.as_deref(), repo.as_ref(), folder)?, repo))
}

fn search(args: BaselineScan, repo: Option<&Repo>, baseline: Option<&Target>) -> Result<Outcome> {
    let mut scan = args.into_scan().map_err(|error| Error::Usage(error.to_string()))?;
    scan.known = KnownArgs { baseline: baseline.map(|target| target.path.clone()), only_named: true };
    let mode = mode(&scan, repo)?;
    scan::outcome(&scan, mode)
}

/// The whole history, unless something else was named or there is none.
fn mode(scan: &Scan, repo: Option<&Repo>) -> Result<Mode> {
    match repo {
        Some(_) if scan.paths.is_empty() => Ok(Mode::History(PathBuf::from("."))),
        _ => Mode::of(scan),
    }
}

/// Takes the findings that are open: those that go into the file, and those that do not, since they have not leaked yet.
/// What only a dangling object has is neither: nobody can get at it, and the hook must stop it if it comes back.
fn sorted(outcome: &mut Outcome, uncommitted: bool) -> (Vec<Finding>, Vec<Finding>) {
    // Both halves of a credential: with one accepted, the other would be open.
    let open = outcome.findings.iter().filter(|finding| finding.is_open() || finding.is_told_together());
    let open: Vec<Finding> = open.cloned().collect();
    let open = open.into_iter().filter(|finding| finding.exposure.level != Level::Dangling);
    open.partition(|finding| uncommitted || !matches!(finding.exposure.level, Level::Staged | Level::Worktree))
}

fn said(target: &Target, given: &Given, taken: &[Finding], renewed: usize) -> Result<()> {
    let name = &target.name;
    if taken.len() + renewed == 0 {
        return crate::cli::to_stdout(|out| match target.exists {
            true => writeln!(out, "{name}: nothing to add"),
            false => writeln!(out, "nothing is open that a baseline could hold; {name} was not written"),
        });
    }
    let by_severity: Vec<_> = SEVERITIES
        .iter()
        .map(|(word, level)| (taken.iter().filter(|finding| finding.severity == *level).count(), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let pushed = taken.iter().filter(|finding| finding.exposure.level == Level::Pushed).count();
    let attributes = if target.by_default { unionise(&target.root)? } else { None };
    crate::cli::to_stdout(|out| {
        let count = match (taken.len(), renewed) {
            (0, renewed) => format!("{renewed} renewed:"),
            (new, 0) => counted(new, "secret"),
            (new, renewed) => format!("{} and {renewed} renewed:", counted(new, "secret")),
        };
        let severities = if by_severity.is_empty() { String::new() } else { format!(" ({})", by_severity.join(", ")) };
        writeln!(out, "{name}: {count} {}{severities}", given.words())?;
        if pushed > 0 {
            writeln!(
                out,
                "{pushed} of them {} pushed and must be revoked still:",
                if pushed == 1 { "was" } else { "were" }
            )?;
            writeln!(out, "  keysieve scan --history --show-suppressed   lists them")?;
            writeln!(out, "  keysieve guide ks1:…                        says how to revoke one")?;
        }
        if let Some(attributes) = &attributes {
            writeln!(out, "{attributes}")?;
        }
        let what = if attributes.is_some() { "both" } else { "it" };
        writeln!(out, "Commit {what}: from then on only what is new is reported.")
    })
}

/// What stays open, and what was not read, as every report tells it.
fn rest(outcome: Outcome, left: Vec<Finding>) -> Result<Exit> {
    let is_new = |finding: &Finding| matches!(finding.exposure.level, Level::Staged | Level::Worktree);
    let new = left.iter().filter(|finding| is_new(finding)).count();
    let mut hidden = outcome.hidden;
    // A placeholder is no secret, and a word of many texts.
    let is_secret = |finding: &Finding| {
        let by_check = finding.suppression.as_ref().is_some_and(|suppression| suppression.by == "check");
        !finding.rule.public && finding.rule.kind == Kind::Content && !by_check
    };
    hidden.extend(outcome.findings.into_iter().filter(is_secret).map(|finding| finding.secret));
    let outcome = Outcome { findings: left, hidden, notices: Vec::new(), ..outcome };
    let options =
        Options { width: crate::cli::width(), color: use_color(Color::Auto), quiet: true, ..Options::default() };
    crate::cli::to_stdout(|out| {
        if new > 0 {
            let them = if new == 1 { "it" } else { "them" };
            let lead = format!("left open: {}", counted(new, "secret"));
            writeln!(out, "{lead} in no commit yet. Take {them} out before you commit")?;
            writeln!(out, "(--uncommitted accepts {them}, too, and the hook lets {them} pass).\n")?;
        }
        report::write(&outcome, Format::Text, &options, out)
    })?;
    Ok(Exit::of(&outcome, 1))
}

/// `1 secret`, `2 entries`.
pub fn counted(count: usize, what: &str) -> String {
    match (count, what) {
        (1, _) => format!("1 {what}"),
        (_, "entry") => format!("{count} entries"),
        _ => format!("{count} {what}s"),
    }
}

fn unwritable(why: String) -> Error {
    Error::Internal(format!("a judgement cannot be written: {why}"))
}
