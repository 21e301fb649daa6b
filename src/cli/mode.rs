//! What the command line asks to read, and in which repositories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keysieve::error::{Error, Result};
use keysieve::finding::Level;
use keysieve::git::{Module, Repo};
use keysieve::rules::Confidence;

use super::args::Scan;
use super::ci;
use super::push::Push;

/// What the command line asks to read.
pub enum Mode {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// What the next commit would record.
    Staged,
    /// A whole repository.
    History(PathBuf),
    /// The repository of a submodule, as a part of the audit of the one around it.
    Module(Module),
    /// What some commits add.
    Range(String),
    /// Standard input.
    Stdin,
    /// The message of the next commit, in the file that git names.
    Message(PathBuf),
    /// What is being pushed.
    Push(Push),
    /// What a CI run is about.
    Ci(Box<ci::Run>),
}

impl Mode {
    /// What was asked for.
    ///
    /// # Errors
    /// A PATH does not exist.
    pub fn of(args: &Scan) -> Result<Self> {
        let source = &args.source;
        if source.staged {
            return Ok(Self::Staged);
        }
        if let Some(repo) = &source.history {
            // `--history --format json REPO`: a flag between the two makes REPO look like a PATH.
            let repo = match (repo, args.paths.as_slice()) {
                (None, []) => PathBuf::from("."),
                (Some(repo), []) | (None, [repo]) => repo.clone(),
                _ => {
                    let why = "`--history` reads one repository; scan others in runs of their own";
                    return Err(Error::Usage(why.into()));
                }
            };
            return Ok(Self::History(repo));
        }
        if let Some(range) = &source.range {
            return Ok(Self::Range(range.clone()));
        }
        if source.stdin {
            return Ok(Self::Stdin);
        }
        let here = || vec![PathBuf::from(".")];
        let paths = if args.paths.is_empty() { here() } else { args.paths.clone() };
        match paths.iter().find(|path| std::fs::symlink_metadata(path).is_err()) {
            Some(path) => {
                Err(Error::Usage(format!("{}: no such file or directory; nothing was scanned", path.display())))
            }
            None => Ok(Self::Paths(paths)),
        }
    }

    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Paths(_) => "paths",
            Self::Staged => "staged",
            Self::History(_) | Self::Module(_) => "history",
            Self::Range(_) => "range",
            Self::Stdin => "stdin",
            Self::Message(_) => "commit-msg",
            Self::Push(Push { receiving: false, .. }) => "pre-push",
            Self::Push(_) => "pre-receive",
            Self::Ci(_) => "ci",
        }
    }

    /// The least confidence of findings that count as open, unless the command line says otherwise: what is not sure
    /// stops no commit, and what is hardly likely is listed only if asked for.
    pub fn min_confidence(&self) -> Confidence {
        match self {
            Self::Staged | Self::Message(_) | Self::Push(_) | Self::Ci(_) => Confidence::High,
            Self::Paths(_) | Self::History(_) | Self::Module(_) | Self::Range(_) | Self::Stdin => Confidence::Medium,
        }
    }

    /// How far commits got, where that is known: those on their way to a server are in the sender's clone alone, and what
    /// CI was given was pushed.
    pub fn level(&self) -> Option<Level> {
        match self {
            Self::Push(_) => Some(Level::Local),
            Self::Ci(_) => Some(Level::Pushed),
            _ => None,
        }
    }

    /// Whether blobs are read before their paths are known.
    pub fn is_whole_history(&self) -> bool {
        match self {
            Self::History(_) | Self::Module(_) => true,
            Self::Ci(run) => run.plan.scope == ci::Scope::Everything,
            _ => false,
        }
    }

    /// Whether this is a server that looks at what others sent.
    pub fn is_received(&self) -> bool {
        matches!(self, Self::Push(Push { receiving: true, .. }))
    }

    /// The scan that each repository gets, in an order that does not depend on the order of PATHs.
    ///
    /// # Errors
    /// There must be a repository and is none, or it cannot be understood.
    pub fn by_repository(self) -> Result<Vec<(Self, Option<Repo>)>> {
        let here = Path::new(".");
        let repo = match &self {
            Self::Paths(paths) => return by_root(paths),
            Self::Stdin => None,
            Self::History(path) => {
                let repo = Repo::at(path)?;
                // One that cannot be understood is told of when it is to be read.
                let modules = repo.modules().into_iter().map(|module| {
                    let repo = Repo::at(&module.git_dir).ok();
                    (Self::Module(module), repo)
                });
                let modules: Vec<_> = modules.collect();
                return Ok(std::iter::once((self, Some(repo))).chain(modules).collect());
            }
            Self::Module(module) => Some(Repo::at(&module.git_dir)?),
            Self::Range(_) | Self::Message(_) | Self::Push(_) | Self::Ci(_) => {
                Some(needed(Repo::discover(here, true)?)?)
            }
            Self::Staged => {
                let repo = needed(Repo::discover(here, true)?)?;
                if repo.is_bare() {
                    return Err(Error::Usage("a bare repository has nothing staged; use --history or --range".into()));
                }
                Some(repo)
            }
        };
        Ok(vec![(self, repo)])
    }

    /// Where a configuration is looked for outside repositories.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Paths(paths) => paths.first().cloned().unwrap_or_else(|| PathBuf::from(".")),
            _ => PathBuf::from("."),
        }
    }
}

/// The repository that there must be.
///
/// # Errors
/// There is none.
pub fn needed(repo: Option<Repo>) -> Result<Repo> {
    repo.ok_or_else(|| Error::Repository("not in a git repository; `keysieve scan PATH` scans plain files".into()))
}

fn by_root(paths: &[PathBuf]) -> Result<Vec<(Mode, Option<Repo>)>> {
    let mut groups: BTreeMap<Option<PathBuf>, (Vec<PathBuf>, Option<Repo>)> = BTreeMap::new();
    for path in paths {
        let repo = Repo::discover(path, false)?;
        let root = repo.as_ref().map(|repo| repo.work_tree.clone().unwrap_or_else(|| repo.git_dir.clone()));
        groups.entry(root).or_insert_with(|| (Vec::new(), repo)).0.push(path.clone());
    }
    let sorted = groups.into_values().map(|(mut paths, repo)| {
        paths.sort();
        (Mode::Paths(paths), repo)
    });
    Ok(sorted.collect())
}
