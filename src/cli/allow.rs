//! `keysieve allow`: judges one secret. With a state it goes into the baseline, else into `.keysieve.yaml`; what else is in
//! the file stays as it is.

use std::path::{Path, PathBuf};

use keysieve::baseline::{Baseline, Judgement};
use keysieve::error::{Error, Result};
use keysieve::finding::{Finding, Outcome, Place};
use keysieve::git::Repo;
use keysieve::suppress::Allowed;

use super::args::{Allow, KnownArgs, Scan, StateName};
use super::baseline::{Given, Secrets, Target, unionise};
use super::exit::Exit;
use super::mode::Mode;
use super::replace::replace;
use super::scan;
use crate::config::{Config, NAME};

/// Adds a secret to what is accepted.
pub fn run(args: Allow) -> Result<Exit> {
    let secret = Named::of(&args)?;
    match args.state {
        Some(state) => judge(&args, state, &secret),
        None => configure(&args, &secret),
    }
}

/// The secret that is meant.
struct Named {
    fingerprint: String,
    /// The repository, and where it was found if there is none.
    repo: Option<Repo>,
    folder: PathBuf,
    /// What is known of it, if it was looked for.
    seen: Option<Judged>,
}

/// A finding, as a baseline needs it.
type Judged = (Finding, Secrets);

impl Named {
    fn of(args: &Allow) -> Result<Self> {
        let is_fingerprint = args.what.starts_with("ks1:") || args.what.starts_with("ks1k:");
        if is_fingerprint {
            let (repo, folder) = (Repo::discover(Path::new("."), true)?, PathBuf::from("."));
            return Ok(Self { fingerprint: args.what.clone(), repo, folder, seen: None });
        }
        let (path, line, column) = spot(&args.what).ok_or_else(|| {
            Error::Usage(format!("`{}` is neither a fingerprint (ks1:…) nor a place, PATH:LINE", args.what))
        })?;
        let outcome = look(path)?;
        let finding = only_at(&outcome, path, line, column)?.clone();
        let repo = Repo::discover(Path::new(path), false)?;
        let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.filter(|_| repo.is_none()).unwrap_or(Path::new(".")).to_owned();
        Ok(Self {
            fingerprint: finding.fingerprint.clone(),
            repo,
            folder,
            seen: Some((finding, Secrets::of(&outcome))),
        })
    }
}

/// `PATH:LINE` or `PATH:LINE:COLUMN`, as reports print it.
fn spot(text: &str) -> Option<(&str, u64, Option<u64>)> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let (rest, last) = text.rsplit_once(':')?;
    let last = number(last)?;
    let with_column = rest.rsplit_once(':').and_then(|(path, line)| Some((path, number(line)?, Some(last))));
    with_column.or(Some((rest, last, None))).filter(|(path, ..)| !path.is_empty())
}

/// What is in a file, accepted or not.
fn look(path: &str) -> Result<Outcome> {
    let mut scan = Scan::plain().map_err(|error| Error::Usage(error.to_string()))?;
    scan.paths = vec![path.into()];
    scan.output.min_confidence = Some("low".into());
    scan.known = KnownArgs { baseline: None, only_named: true };
    let mode = Mode::of(&scan)?;
    if Path::new(path).is_dir() {
        return Err(Error::Usage(format!("{path}: is a folder; name the file and the line")));
    }
    scan::outcome(&scan, mode)
}

/// The one secret at a place.
fn only_at<'o>(outcome: &'o Outcome, path: &str, line: u64, column: Option<u64>) -> Result<&'o Finding> {
    let real = |finding: &&Finding| {
        finding
            .suppression
            .as_ref()
            .is_none_or(|suppression| !matches!(suppression.by.as_str(), "check" | "identifier"))
    };
    let at = |place: &Place| {
        let site = &place.site;
        let from = |column: u64| line > site.line || column >= site.column;
        let to = |column: u64| line < site.end_line || column < site.end_column.max(site.column + 1);
        (site.line..=site.end_line).contains(&line) && column.is_none_or(|column| from(column) && to(column))
    };
    let found: Vec<&Finding> = outcome.findings.iter().filter(real).collect();
    let here: Vec<&Finding> = found.iter().copied().filter(|finding| finding.places.iter().any(at)).collect();
    match here.as_slice() {
        [one] => Ok(one),
        [] => {
            let places = found.iter().flat_map(|finding| &finding.places);
            let mut lines: Vec<u64> = places.map(|place| place.site.line).filter(|line| *line > 0).collect();
            lines.sort_unstable();
            lines.dedup();
            let lines: Vec<_> = lines.iter().take(10).map(u64::to_string).collect();
            let hint = match lines.as_slice() {
                [] => "nor anywhere else in the file".to_owned(),
                lines => format!("but there is on line {}", lines.join(", ")),
            };
            Err(Error::Usage(format!("{path}:{line}: there is no secret on this line, {hint}")))
        }
        several => {
            let list: Vec<_> = several.iter().map(|finding| described(finding, &at)).collect();
            let why = format!("{path}:{line}: there are {} secrets; name one by its fingerprint", several.len());
            Err(Error::Usage(format!("{why}\n{}", list.join("\n"))))
        }
    }
}

fn described(finding: &Finding, at: &dyn Fn(&Place) -> bool) -> String {
    let column = finding.places.iter().find(|place| at(place)).map_or(0, |place| place.site.column);
    format!("{}  column {column}  {} {}", finding.fingerprint, finding.rule.title, finding.secret.redacted())
}

/// Puts a judgement into the baseline, in the place of what it said for the same paths.
fn judge(args: &Allow, state: StateName, secret: &Named) -> Result<Exit> {
    let given = Given::of(state.state(), &args.reason, args.until.as_deref(), &scan::today())?;
    let target = Target::of(args.baseline.as_deref(), secret.repo.as_ref(), &secret.folder)?;
    let before = if target.exists { target.read()? } else { Baseline::default() };
    let print = &secret.fingerprint;
    let mut new = match &secret.seen {
        Some((finding, secrets)) => given.of_finding(finding, &args.paths, secrets),
        None => given.unseen(print, &args.paths),
    };
    let known: Vec<(u64, Judgement)> =
        before.judgements().filter(|(_, old)| old.fingerprint == *print && old.paths == args.paths).collect();
    let mut edit = before.edit();
    let written = match known.split_first() {
        Some(((line, old), others)) => {
            if secret.seen.is_none() {
                (new.rule, new.path) = (old.rule.clone(), old.path.clone());
            }
            others.iter().for_each(|(line, _)| edit.drop_line(*line));
            edit.replace(*line, &new)
        }
        None => edit.add(&new),
    };
    written.map_err(Error::Usage)?;
    target.put(edit.text())?;
    let attributes = if target.by_default && !target.exists { unionise(&target.root)? } else { None };
    super::to_stdout(|out| {
        writeln!(out, "{}: {print} is {}; commit it", target.name, given.words())?;
        attributes.iter().try_for_each(|text| writeln!(out, "{text}; commit it, too"))
    })?;
    Ok(Exit::Clean)
}

/// Adds an accepted secret to the configuration.
fn configure(args: &Allow, secret: &Named) -> Result<Exit> {
    let (repo, fingerprint) = (secret.repo.as_ref(), &secret.fingerprint);
    let root = match repo {
        Some(repo) => repo.work_tree.clone().ok_or_else(|| {
            Error::Usage(format!("a bare repository has its {NAME} in HEAD: allow it in a clone and push that"))
        })?,
        None => secret.folder.clone(),
    };
    let before = Config::found(repo, &root)?;
    let path = root.join(NAME);
    let is_whole = |known: &Allowed| known.paths.is_none() && known.until.is_none();
    if before.allow.iter().any(|known| known.fingerprint == *fingerprint && is_whole(known)) {
        super::to_stdout(|out| writeln!(out, "{NAME} allows {fingerprint} already"))?;
        return Ok(Exit::Clean);
    }
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let entry = entry(args, fingerprint);
    let new = added(&old, &entry);
    // What was written must say what was asked, or it is not written.
    let read = Config::read(&new, NAME, Some(&root));
    if !read.as_ref().is_ok_and(|config| config.allow.len() == before.allow.len() + 1) {
        let written = format!("allow:\n{}", indented(&entry, "  "));
        return Err(match read {
            Err(error) if old.is_empty() => error,
            _ => Error::Usage(format!(
                "{NAME} is written in a way that keysieve cannot add to. Put this into it by hand:\n{written}"
            )),
        });
    }
    replace(&path, Some(&root), new.as_bytes())?;
    super::to_stdout(|out| writeln!(out, "{NAME} now allows {fingerprint}; commit it with your change"))?;
    Ok(Exit::Clean)
}

/// The lines of an entry, the first with its dash.
fn entry(args: &Allow, fingerprint: &str) -> Vec<String> {
    let mut lines = vec![format!("- fingerprint: {}", quoted(fingerprint))];
    lines.push(format!("  reason: {}", quoted(&args.reason)));
    if !args.paths.is_empty() {
        let paths: Vec<String> = args.paths.iter().map(|path| quoted(path)).collect();
        lines.push(format!("  paths: [{}]", paths.join(", ")));
    }
    lines.extend(args.until.iter().map(|until| format!("  until: {}", quoted(until))));
    lines
}

/// In double quotes of YAML.
fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => all.extend(['\\', c]),
            c if c.is_control() => all.push(' '),
            c => all.push(c),
        }
    }
    all.push('"');
    all
}

fn indented(lines: &[String], indent: &str) -> String {
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// The file with the entry as the first of its `allow:` list, or with such a list at the end.
fn added(old: &str, entry: &[String]) -> String {
    let mut at = 0;
    let mut lines = old.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        at += line.len();
        if line.trim_end() == "allow:" {
            let items = lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
            let indent = items.filter(|item| item.trim_start().starts_with("- "));
            let indent = indent.map_or("  ", |item| &item[..item.len() - item.trim_start().len()]);
            let end = if line.ends_with('\n') { "" } else { "\n" };
            return format!("{}{end}{}{}", &old[..at], indented(entry, indent), &old[at..]);
        }
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    format!("{old}{end}allow:\n{}", indented(entry, "  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_reports_print_them() {
        assert_eq!(spot("a/b.env:3"), Some(("a/b.env", 3, None)));
        assert_eq!(spot("a:7:3:5"), Some(("a:7", 3, Some(5))));
        assert_eq!(spot("a b:3:5"), Some(("a b", 3, Some(5))));
        assert_eq!((spot("a"), spot("a:0"), spot(":3"), spot("a:x")), (None, None, None, None));
    }

    #[test]
    fn an_entry_goes_where_the_list_is() {
        let entry = ["- fingerprint: x".to_owned(), "  reason: y".to_owned()];
        assert_eq!(added("", &entry), "allow:\n  - fingerprint: x\n    reason: y\n");
        assert_eq!(added("skip: [a]", &entry), "skip: [a]\nallow:\n  - fingerprint: x\n    reason: y\n");
        assert_eq!(
            added("allow:\n# old\n- fingerprint: o\n  reason: p\nskip: [a]\n", &entry),
            "allow:\n- fingerprint: x\n  reason: y\n# old\n- fingerprint: o\n  reason: p\nskip: [a]\n"
        );
        assert_eq!(quoted("a \"b\" \\ c\n"), "\"a \\\"b\\\" \\\\ c \"");
    }
}
