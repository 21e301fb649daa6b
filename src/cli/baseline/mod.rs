//! The baseline: where a scan takes it from and what is said of it; `keysieve baseline` changes it.

mod change;
mod check;
mod write;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use keysieve::baseline::{Baseline, MAX_SIZE, NAME, State};
use keysieve::blob::ObjectId;
use keysieve::error::{Error, Result};
use keysieve::finding::Finding;
use keysieve::git::Repo;
use keysieve::pack::Kind;

use super::args::{self, Scan};
use super::exit::Exit;
use super::mode::Mode;
use super::replace::replace;
pub use change::{Given, Secrets, unionise};

/// Runs a `baseline` command.
pub fn run(command: args::Baseline) -> Result<Exit> {
    match command {
        args::Baseline::Write(args) => write::write(args),
        args::Baseline::Update(args) => write::update(args),
        args::Baseline::Prune(args) => write::prune(args),
        args::Baseline::Check(args) => check::run(args),
    }
}

/// What holds in a scan: what somebody named, else, unless that is unwanted, what the repository or the folder has.
///
/// # Errors
/// It is named and not there, cannot be read, or has faults.
pub fn of_scan(args: &Scan, mode: &Mode, repo: Option<&Repo>) -> Result<Option<Baseline>> {
    match &args.known.baseline {
        Some(path) => named(path).map(Some),
        // Who pushes to a server has no say in what it accepts.
        None if args.known.only_named || args.rules.no_config || mode.is_received() => Ok(None),
        None => found(repo, &mode.folder()),
    }
}

/// The baseline that somebody named.
///
/// # Errors
/// It is not there, cannot be read, or has faults.
pub fn named(path: &Path) -> Result<Baseline> {
    plain(path)?;
    read(path, &path.display().to_string())
}

/// Opening anything else may wait for ever.
fn plain(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(data) if data.is_file() => Ok(()),
        Ok(_) => Err(Error::Usage(format!("{}: must be a plain file", path.display()))),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// The baseline at the root of a repository (of a bare one, in HEAD's tree), or at the root of a folder.
fn found(repo: Option<&Repo>, folder: &Path) -> Result<Option<Baseline>> {
    if let Some(repo) = repo.filter(|repo| repo.is_bare()) {
        let head = repo.head()?;
        return head.map_or(Ok(None), |head| at(repo, &head, "HEAD", NAME));
    }
    let path = root(repo, folder).join(NAME);
    match fs::symlink_metadata(&path) {
        Ok(data) if data.is_file() => read(&path, NAME).map(Some),
        Ok(_) => {
            let why = "must be a plain file, not a link; name another with --baseline, or use --no-config";
            Err(Error::Usage(format!("{}: {why}", path.display())))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// The folder that has the baseline.
fn root<'a>(repo: Option<&'a Repo>, folder: &'a Path) -> &'a Path {
    repo.and_then(|repo| repo.work_tree.as_deref()).unwrap_or(folder)
}

/// The baseline that a commit has at a path, if it has one there.
///
/// # Errors
/// It cannot be read, or has faults.
pub fn at(repo: &Repo, commit: &ObjectId, called: &str, path: &str) -> Result<Option<Baseline>> {
    let Some(blob) = repo.tree_of(commit).and_then(|tree| repo.blob_at(&tree, path.as_bytes())) else {
        return Ok(None);
    };
    let source = format!("{called}:{path}");
    let mut bytes = Vec::new();
    if repo.read(&blob, Kind::Blob, &mut bytes).is_err() {
        return Err(Error::Repository(format!("{source}: the object {blob} is missing or damaged")));
    }
    Baseline::parse(bytes, &source).map(Some)
}

fn read(path: &Path, source: &str) -> Result<Baseline> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    Baseline::parse(bytes, source)
}

/// What is to be said of a baseline in a report, a sentence each: what it kept back, and what of it does not hold.
pub fn notices(baseline: &Baseline, findings: &[Finding], today: &str, has_key: bool) -> Vec<String> {
    let source = &baseline.source;
    let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
    let kept = findings.iter().filter_map(|finding| finding.suppression.as_ref()).filter(|kept| kept.by == "baseline");
    kept.filter_map(|kept| State::named(&kept.state)).for_each(|state| *by_state.entry(state).or_default() += 1);
    let mut notices = Vec::new();
    if !by_state.is_empty() {
        let words: Vec<_> = by_state.iter().map(|(state, count)| format!("{count} {}", state.word())).collect();
        notices.push(format!("{source} keeps back {}", words.join(", ")));
    }
    if let Some((count, latest)) = baseline.over(today) {
        let entries = if count == 1 { "1 entry of" } else { &format!("{count} entries of") };
        let last = if count == 1 { "on" } else { "the last on" };
        notices.push(format!("{entries} {source} ran out, {last} {latest}: open again; see `keysieve baseline check`"));
    }
    notices.extend(of_another_key(baseline, has_key));
    notices
}

/// Fingerprints that cannot be compared with those of this run.
fn of_another_key(baseline: &Baseline, has_key: bool) -> Option<String> {
    let (source, count) = (&baseline.source, baseline.keyed(!has_key));
    let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
    match (count, has_key) {
        (0, _) => None,
        (_, false) => Some(format!(
            "{lines} of {source} cannot count: their fingerprints (ks1k:) were made with a KEYSIEVE_ID_KEY, and none is set"
        )),
        (_, true) => Some(format!(
            "{lines} of {source} cannot count: their fingerprints (ks1:) were made without a KEYSIEVE_ID_KEY, and one is set"
        )),
    }
}

/// A baseline that is to be changed.
pub struct Target {
    /// Where it is, or is to be.
    pub path: PathBuf,
    /// What it is called in messages.
    pub name: String,
    /// The folder that it and its paths belong to.
    pub root: PathBuf,
    /// Whether that is a repository's, and the file is where scans look by themselves.
    pub by_default: bool,
    /// Whether it is there.
    pub exists: bool,
}

impl Target {
    /// The file that somebody named, else that of the repository or folder.
    ///
    /// # Errors
    /// Its place is no place for a file.
    pub fn of(named: Option<&Path>, repo: Option<&Repo>, folder: &Path) -> Result<Self> {
        if named.is_none() && repo.is_some_and(Repo::is_bare) {
            let why = format!("a bare repository has its {NAME} in HEAD: write it in a clone and push that");
            return Err(Error::Usage(why));
        }
        let root = root(repo, folder).to_owned();
        let (path, name, by_default) = match named {
            Some(path) => (path.to_owned(), path.display().to_string(), false),
            None => (root.join(NAME), NAME.to_owned(), repo.is_some()),
        };
        let exists = fs::symlink_metadata(&path).is_ok();
        if by_default && exists && !fs::symlink_metadata(&path).is_ok_and(|data| data.is_file()) {
            return Err(Error::Usage(format!("{}: must be a plain file, not a link", path.display())));
        }
        Ok(Self { path, name, root, by_default, exists })
    }

    /// What it says.
    ///
    /// # Errors
    /// It is not there, cannot be read, or has faults.
    pub fn read(&self) -> Result<Baseline> {
        if !self.exists {
            return Err(Error::Usage(format!("there is no {}; `keysieve baseline write` makes one", self.name)));
        }
        plain(&self.path)?;
        read(&self.path, &self.name)
    }

    /// Puts a new text in its place, which must be sound.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, text: Vec<u8>) -> Result<()> {
        let text = Baseline::parse(text, &self.name)
            .map_err(|error| Error::Internal(format!("what was to be written has faults: {error}")))?
            .into_text();
        replace(&self.path, Some(&self.root), &text)
    }
}
