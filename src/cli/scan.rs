//! `keysieve scan`: the order of the stages, in one place.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use keysieve::blob::{Blob, ObjectId, Origin};
use keysieve::coverage::{Reason, Tally};
use keysieve::error::{Error, Result};
use keysieve::finding::{Finding, Outcome, Sighting};
use keysieve::git::Repo;
use keysieve::lock::lock;
use keysieve::provenance::{self, Known, Noted, Scene, Testimony, Witness};
use keysieve::rules::{FileNames, Kind, RuleSet, Selection};
use keysieve::scan::{Carried, Scanner};
use keysieve::secret::Secret;
use keysieve::source::{Base, Files, History, Passed, Range, Staged, Stdin, Worth};
use keysieve::suppress;

use super::args::{RuleArgs, Scan, When};
use super::ci::{Plan, Scope, only_trusted_markers};
use super::exit::Exit;
use super::fetch::Fetched;
use super::look::Look;
use super::mode::Mode;
use super::output::Output;
use super::progress::Progress;
use crate::config::Config;

/// Runs a scan and writes its reports.
pub fn run(args: Scan) -> Result<Exit> {
    let mode = Mode::of(&args)?;
    match mode {
        Mode::Staged if super::gate::is_skipped("what is staged") => Ok(Exit::Clean),
        _ => run_mode(&args, mode),
    }
}

/// Scans what a command line or a hook asks for and writes its reports.
pub fn run_mode(args: &Scan, mode: Mode) -> Result<Exit> {
    let outcome = outcome(args, mode)?;
    write(args, &outcome)?;
    Ok(exit_of(args, &outcome))
}

/// Scans what is asked for.
pub fn outcome(args: &Scan, mode: Mode) -> Result<Outcome> {
    let output = Output::new(&args.output)?;
    if matches!(mode, Mode::History(_) | Mode::Range(_) | Mode::Ci(_)) {
        pool(args.threads)?;
    }
    let mut outcome: Option<Outcome> = None;
    let mut audited: Option<Config> = None;
    for (mode, mut repo) in mode.by_repository()? {
        let read = match (&mode, audited.take()) {
            (Mode::Ci(_), _) => Config::default(),
            (Mode::Module(_), Some(config)) => config,
            _ => {
                let baseline = super::baseline::of_scan(args, &mode, repo.as_ref())?;
                Config { baseline, ..configuration(&args.rules, repo.as_ref(), &mode.folder())? }
            }
        };
        let config = if let Mode::Ci(run) = &mode { &run.config } else { &read };
        let rules = load(&args.rules, config)?;
        let fetched = repo.as_mut().filter(|_| args.fetch_missing).map_or_else(Fetched::default, Fetched::missing);
        let mut found = search(args, &mode, repo.as_ref(), config, &rules, &output)?;
        found.tally.merge(fetched.tally.clone());
        audited = Some(read);
        outcome = Some(match outcome {
            Some(before) => before.join(found),
            None => found,
        });
    }
    let mut outcome = outcome.ok_or_else(|| Error::Internal("nothing to scan".into()))?;
    provenance::sort(&mut outcome.findings);
    Ok(outcome)
}

/// Writes the reports that are asked for.
pub fn write(args: &Scan, outcome: &Outcome) -> Result<()> {
    Output::new(&args.output)?.write(outcome)
}

/// What an outcome amounts to, as the command line wants it.
pub fn exit_of(args: &Scan, outcome: &Outcome) -> Exit {
    let code = if args.output.exit_zero { 0 } else { args.output.exit_code.unwrap_or(1) };
    Exit::of(outcome, code)
}

fn pool(threads: Option<usize>) -> Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    built.map_err(|error| Error::Internal(error.to_string()))
}

fn search(
    args: &Scan,
    mode: &Mode,
    repo: Option<&Repo>,
    config: &Config,
    rules: &RuleSet,
    output: &Output,
) -> Result<Outcome> {
    let scanner = Scanner::new(rules).with_decode_depth(args.max_decode_depth.into());
    let names = FileNames::of(rules);
    let look = Look::new(&scanner, &names, args.archives.limits());
    // What is staged is there in a moment, and a hook manager may be asking.
    let when = match mode {
        Mode::Staged | Mode::Message(_) | Mode::Push(_) if args.output.progress == When::Auto => When::Never,
        _ => args.output.progress,
    };
    let progress = Progress::start(when, args.output.quiet);
    let found = Found { sightings: Mutex::default(), progress: &progress };
    let deadline = args.time_budget.and_then(|budget| Instant::now().checked_add(budget));
    let (look, found, progress, worth) = (&look, &found, &progress, &|bytes: &[u8]| scanner.may_match(bytes));
    let reading = Reading { args, config, look, names: &names, found, progress, deadline, worth };
    let (mut tally, witness) = reading.read(mode, repo)?;
    tally.merge(look.tally());
    let id_key = id_key();
    let id_key = id_key.as_deref().map(str::as_bytes);
    let found = found.take();
    let known = match repo {
        Some(repo) if !args.strict => reading.known(repo, &found, id_key)?,
        _ => Known::default(),
    };
    let environment = matches!(mode, Mode::Staged);
    let secrets = |bytes: &[u8]| look.secrets(bytes);
    let (known, secrets, all_places) = (Some(&known), Some(&secrets as &provenance::SecretsIn<'_>), args.all_places);
    let scene = Scene { repo, environment, id_key, known, level: mode.level(), all_places, secrets };
    let mut findings = provenance::locate(scene, found, witness)?;
    if let Mode::Module(module) = mode {
        let paths = findings.iter_mut().flat_map(|finding| &mut finding.places).filter_map(|place| place.path.as_mut());
        paths.for_each(|path| drop(path.splice(0..0, module.prefix.iter().copied())));
    }
    if let (Mode::Push(push), Some(repo)) = (mode, repo) {
        push.name_branches(&mut findings, repo);
    }
    let now = now();
    let mut notices = config.notices();
    if let (Mode::Ci(run), Some(repo)) = (mode, repo) {
        notices.extend(run.plan.told(&tally));
        notices.extend(only_trusted_markers(&mut findings, repo, run.plan.trusted.as_ref(), look, id_key));
    }
    suppress::apply(&mut findings, &output.policy(config, mode, &now));
    if let Some(baseline) = &config.baseline {
        notices.extend(super::baseline::notices(baseline, &findings, &today(), id_key.is_some()));
    }
    notices.extend(rules.warnings.iter().cloned());
    let hidden = hidden(&scanner, &findings, &tally, &notices);
    Ok(Outcome { mode: mode.word(), findings, tally, notices, hidden })
}

/// Secrets in what a report shows beside the content that was scanned: in a path, a subject, the name of a branch.
fn hidden(scanner: &Scanner, findings: &[Finding], tally: &Tally, notices: &[String]) -> Vec<Secret> {
    let mut texts: BTreeSet<&[u8]> = notices.iter().map(String::as_bytes).collect();
    texts.extend(tally.not_read.values().flat_map(|gap| &gap.examples).map(String::as_bytes));
    for finding in findings {
        texts.extend(finding.details.values().chain(&finding.exposure.remote_refs).map(String::as_bytes));
        for place in &finding.places {
            let commit = place.commit.iter().flat_map(|commit| [commit.author.as_bytes(), commit.subject.as_bytes()]);
            texts.extend(commit.chain(place.path.as_deref()).chain(place.reference.as_deref().map(str::as_bytes)));
            texts.extend(place.site.inside.iter().map(|inside| inside.path.as_slice()));
            texts.extend(place.site.allows.iter().map(|allow| allow.reason.as_bytes()));
            texts.extend(place.suppression.iter().map(|suppression| suppression.reason.as_bytes()));
        }
    }
    let matches = texts.into_iter().flat_map(|text| scanner.scan_whole(text).matches);
    let shown = matches.filter(|found| !found.rule.public && found.implausible.is_none());
    shown.flat_map(|found| found.decoded.map(|decoded| decoded.stored).into_iter().chain([found.secret])).collect()
}

/// What was found so far, by all threads.
struct Found<'p> {
    sightings: Mutex<Vec<Sighting>>,
    progress: &'p Progress,
}

impl Found<'_> {
    fn add(&self, sightings: Vec<Sighting>) {
        if !sightings.is_empty() {
            self.progress.found(&sightings);
            lock(&self.sightings).extend(sightings);
        }
    }
    /// The objects that matched.
    fn wanted(&self) -> HashSet<ObjectId> {
        provenance::wanted(lock(&self.sightings).iter())
    }
    fn take(&self) -> Vec<Sighting> {
        let mut sightings = std::mem::take(&mut *lock(&self.sightings));
        keysieve::unpack::without_echoes(&mut sightings);
        sightings
    }
}

struct Reading<'a> {
    args: &'a Scan,
    config: &'a Config,
    look: &'a Look<'a>,
    names: &'a FileNames,
    found: &'a Found<'a>,
    progress: &'a Progress,
    deadline: Option<Instant>,
    worth: &'a Worth<'a>,
}

impl Reading<'_> {
    fn read(&self, mode: &Mode, repo: Option<&Repo>) -> Result<(Tally, Option<Testimony>)> {
        let see = |blob: &Blob<'_>| self.see(blob);
        let tally = match (mode, repo) {
            (Mode::Ci(run), Some(repo)) => return self.ci(&run.plan, repo),
            (Mode::History(_), Some(repo)) => {
                let (mut tally, witness) = self.history(repo, true)?;
                // Submodules that are checked out are read with it.
                if let Some(root) = &repo.work_tree {
                    tally.merge(self.files(std::slice::from_ref(root), Some(repo), true)?);
                }
                return Ok((tally, witness));
            }
            (Mode::Module(module), repo) => {
                let read = repo.ok_or_else(|| Error::Repository("it is no sound git directory".into()));
                return Ok(read.and_then(|repo| self.history(repo, true)).unwrap_or_else(|error| {
                    let mut tally = Tally::default();
                    tally.skip(Reason::Unreadable, format!("submodule {}: {error}", module.git_dir.display()));
                    (tally, None)
                }));
            }
            (Mode::Stdin, _) => Ok(Stdin.visit(&mut io::stdin().lock(), &see)),
            (Mode::Paths(paths), _) => self.files(paths, repo, false),
            (Mode::Staged, Some(repo)) => self.staged(repo).visit(&see),
            (Mode::Message(path), Some(repo)) => super::message::read(path, repo, self.look.scanner, &see),
            (Mode::Range(range), Some(repo)) => {
                let (include, exclude) = ends(repo, range)?;
                self.range(repo, include, exclude).visit(&see)
            }
            (Mode::Push(push), Some(repo)) => {
                let (include, exclude) = push.ends(repo)?;
                push.new_names().map(|name| Origin::Ref { name: name.to_owned() }).for_each(|origin| {
                    let Origin::Ref { name } = &origin else { return };
                    see(&Blob { binary: false, ..Blob::whole(&origin, name.as_bytes()) });
                });
                self.range(repo, include, exclude).visit(&see)
            }
            _ => Err(Error::Internal("a source without its repository".into())),
        };
        Ok((tally?, None))
    }

    fn see(&self, blob: &Blob<'_>) {
        self.progress.scanned(blob);
        self.found.add(self.look.at(blob));
    }

    fn staged<'s>(&'s self, repo: &'s Repo) -> Staged<'s> {
        let (skip, max_size, deadline) = (&self.config.skip, self.args.max_file_size, self.deadline);
        Staged { repo, skip, max_size, deadline, worth: self.worth }
    }

    /// What parents of commits have already at the paths of these sightings.
    fn known(&self, repo: &Repo, found: &[Sighting], id_key: Option<&[u8]>) -> Result<Known> {
        let (mut staged, mut added) = (BTreeSet::new(), BTreeSet::new());
        for sighting in found {
            match &sighting.origin {
                Origin::Index { path, .. } | Origin::Name { path, commit: None } => {
                    let _ = staged.insert(path.as_slice());
                }
                Origin::Added { path, commit, .. } | Origin::Name { path, commit: Some(commit) } => {
                    let _ = added.insert((*commit, path.as_slice()));
                }
                _ => {}
            }
        }
        let mut known = Known::default();
        let mut keep = |blob: &Blob<'_>| {
            let (commit, path) = match blob.origin {
                Origin::Index { path, .. } => (None, path),
                Origin::Added { path, commit, .. } => (Some(*commit), path),
                Origin::Name { path, commit } => (*commit, path),
                _ => return,
            };
            let there = self.look.at(blob);
            known.extend(there.iter().map(|s| (commit, path.clone(), s.hit.secret.fingerprint(id_key))));
        };
        self.staged(repo).earlier(&staged, &mut keep)?;
        self.range(repo, Vec::new(), Vec::new()).earlier(&added, &mut keep);
        Ok(known)
    }

    fn range<'s>(&'s self, repo: &'s Repo, include: Vec<ObjectId>, exclude: Vec<ObjectId>) -> Range<'s> {
        let (skip, max_size, deadline) = (&self.config.skip, self.args.max_file_size, self.deadline);
        Range { repo, include, exclude, skip, max_size, deadline, worth: self.worth }
    }

    fn files(&self, paths: &[PathBuf], repo: Option<&Repo>, only_changed: bool) -> Result<Tally> {
        let files = Files {
            paths,
            repo,
            no_ignore: self.args.no_ignore,
            skip: &self.config.skip,
            max_size: self.args.max_file_size,
            threads: self.args.threads.unwrap_or(0),
            only_changed,
        };
        files.visit(&|blob: &Blob<'_>| self.see(blob))
    }

    /// What a CI run is about.
    fn ci(&self, plan: &Plan, repo: &Repo) -> Result<(Tally, Option<Testimony>)> {
        let (mut tally, witness) = match &plan.scope {
            Scope::Everything => self.history(repo, false)?,
            Scope::Range { include, exclude } => {
                let see = |blob: &Blob<'_>| self.see(blob);
                (self.range(repo, include.clone(), exclude.clone()).visit(&see)?, None)
            }
            Scope::Nothing => Default::default(),
        };
        plan.gaps.iter().for_each(|(reason, what)| tally.skip(*reason, what.as_str()));
        Ok((tally, witness))
    }

    /// Every object, and in somebody's own clone its configuration: that of a CI run holds what the run itself put there,
    /// such as its token. Where contents matched, what trees and commits say of them is noted while their own texts are
    /// read.
    fn history(&self, repo: &Repo, is_own: bool) -> Result<(Tally, Option<Testimony>)> {
        let scanner = self.look.scanner;
        let scan = |blob: &Blob<'_>, base: Option<Base<'_, keysieve::scan::Scanned>>| {
            let nothing = Blob::whole(blob.origin, &[]);
            let blob = if is_own || !matches!(blob.origin, Origin::Config { .. }) { blob } else { &nothing };
            self.progress.scanned(blob);
            let whole = || (std::iter::once(0..blob.bytes.len()).collect(), Carried::default());
            let inherit = |base: Base<'_, _>| scanner.inherit(base.value, base.copies, blob.bytes.len());
            let (zones, carried) = base.map_or_else(whole, inherit);
            let scanned = scanner.scan(blob.bytes, blob.binary, &zones, carried);
            self.found.add(scanner.sightings(blob, &scanned, &[]));
            // A container is opened whole: what a delta copied says nothing of what comes out.
            self.found.add(self.look.inside(blob));
            scanned
        };
        let knows = |name: &[u8]| self.names.knows(name);
        let worth = |bytes: &[u8]| scanner.may_match(bytes);
        let history = History { repo, max_size: self.args.max_file_size, knows: &knows, worth: &worth };
        self.progress.expect(|| repo.store().estimate());
        let mut tally = history.contents(&scan)?;
        let wanted = self.found.wanted();
        let witness = (!wanted.is_empty()).then(|| Witness::new(wanted, repo.hash));
        let note = |passed: Passed<'_, Noted>| {
            self.progress.passed(match &passed {
                Passed::Tree(tree) => tree.bytes.len(),
                Passed::Commit(..) => 0,
            });
            match (&witness, passed) {
                (Some(witness), Passed::Tree(tree)) => {
                    witness.tree(tree.id, tree.bytes, tree.layout, tree.named, tree.base)
                }
                (Some(witness), Passed::Commit(id, commit)) => {
                    witness.commit(id, commit);
                    Noted::default()
                }
                (None, _) => Noted::default(),
            }
        };
        let see = |blob: &Blob<'_>| self.found.add(self.look.at(blob));
        tally.merge(history.structure(&see, &note, &mut |blob, name| {
            let seen = self.look.named(blob, name);
            self.found.add(seen.into_iter().filter(|sighting| sighting.hit.rule.kind == Kind::File).collect());
        }));
        if tally.blobs + tally.commits == 0 {
            tally.skip(Reason::Missing, "the repository has no objects: there was nothing to audit");
        }
        repo.store().tidy();
        Ok((tally, witness.map(Witness::done)))
    }
}

/// `A..B`, `A..` (to HEAD), `..B` (all of B), or a single commit (all that it reaches).
fn ends(repo: &Repo, range: &str) -> Result<(Vec<ObjectId>, Vec<ObjectId>)> {
    if range.contains("...") {
        return Err(Error::Usage(format!(
            "`{range}`: write A..B; A...B (symmetric difference) is not a range that adds something"
        )));
    }
    let (from, to) = range.split_once("..").unwrap_or(("", range));
    let to = if to.is_empty() { "HEAD" } else { to };
    let exclude = if from.is_empty() { vec![] } else { vec![repo.commit_named(from)?] };
    Ok((vec![repo.commit_named(to)?], exclude))
}

/// The configuration that holds: named, found, or none.
pub fn configuration(args: &RuleArgs, repo: Option<&Repo>, folder: &Path) -> Result<Config> {
    match &args.config {
        Some(path) => Config::named(path),
        None if args.no_config => Ok(Config::default()),
        None => Config::found(repo, folder),
    }
}

/// The rules that flags and configuration ask for.
pub fn load(args: &RuleArgs, config: &Config) -> Result<RuleSet> {
    let join = |a: &[String], b: &[String]| [a, b].concat();
    let rules = RuleSet::load(&Selection {
        no_builtin: args.no_builtin_rules,
        files: [args.rules.as_slice(), config.rules.as_slice()].concat(),
        texts: config.rule_texts.clone(),
        enable: join(&args.enable, &config.enable),
        disable: join(&args.disable, &config.disable),
    })?;
    if !(args.rules.is_empty() && config.rules.is_empty() && config.rule_texts.is_empty()) {
        compilable(&rules)?;
    }
    Ok(rules)
}

/// Refuses rules of the user that the engine refuses: they would silently find nothing. Tests compile the built-in ones.
fn compilable(rules: &RuleSet) -> Result<()> {
    let builtin = RuleSet::every_builtin();
    let own: Vec<_> = rules.all().filter(|rule| builtin.all().all(|other| !std::ptr::eq(other, *rule))).collect();
    let faults = too_large(&RuleSet::of(own));
    if faults.is_empty() { Ok(()) } else { Err(Error::Faults { faults }) }
}

/// What is said of the rules that the engine refuses.
pub fn too_large(rules: &RuleSet) -> Vec<String> {
    let fault = |id| format!("the pattern of rule `{id}` is too large; make its counts smaller");
    keysieve::scan::uncompilable(rules).into_iter().map(fault).collect()
}

/// All rules, those that are off too.
pub fn everything(args: &RuleArgs, config: &Config) -> Result<RuleSet> {
    let enable = [args.enable.as_slice(), &["*".to_owned()]].concat();
    let (rules, no_builtin_rules) = (args.rules.clone(), args.no_builtin_rules);
    load(&RuleArgs { rules, no_builtin_rules, enable, ..RuleArgs::default() }, config)
}

/// The secret of the user's own that keys fingerprints, if there is one.
pub fn id_key() -> Option<String> {
    std::env::var("KEYSIEVE_ID_KEY").ok().filter(|key| !key.is_empty())
}

fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    keysieve::time::iso8601(since.as_secs() as i64, 0)
}

/// The day, `YYYY-MM-DD` in UTC.
pub fn today() -> String {
    now().get(..10).unwrap_or_default().to_owned()
}
