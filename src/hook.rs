//! Git hooks of ours: put into a repository, looked at, taken away.
//!
//! A hook that is already there is never overwritten. It is renamed next to ours, which runs it first and then scans:
//! an earlier hook may be a formatter that changes the index, and what is scanned is to be what is committed.
//! Nothing here prints; what was done and found comes back as plain values.

mod locate;
mod manager;
mod place;
mod script;

use std::path::{Path, PathBuf};

use crate::error::Result;
pub use manager::{Detected, Manager};
pub use place::{Chained, Found, Installed, Program, Removed, Runs, State, Status};

/// The moments at which git can call us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before a commit is made; what is staged is scanned.
    PreCommit,
}

impl Stage {
    /// Every stage, for `hook status`.
    pub const ALL: &'static [Self] = &[Self::PreCommit];

    /// The name of the hook, which is its file name for git.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
        }
    }

    /// Whether git runs this hook in bare repositories.
    fn in_bare(self) -> bool {
        match self {
            Self::PreCommit => false,
        }
    }

    /// The hook as it is in `hooks/`, with placeholders.
    fn template(self) -> &'static str {
        match self {
            Self::PreCommit => include_str!("../hooks/pre-commit"),
        }
    }
}

/// Whom a hooks directory serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This repository and its worktrees: the directory is inside its git directory.
    Repository,
    /// It is in the working tree, so the hook can be committed, and comes to others with a path of this machine in it.
    WorkTree,
    /// It is elsewhere (a `core.hooksPath` for all, a link): a hook there acts on other repositories too.
    Shared,
}

/// Where the hooks of a repository live.
#[derive(Debug, Clone)]
pub struct Hooks {
    dir: PathBuf,
    work_tree: Option<PathBuf>,
    scope: Scope,
}

impl Hooks {
    /// The hooks directory of the repository at `start`, as git sees it: `core.hooksPath`, worktrees and `GIT_DIR` hold.
    pub fn locate(start: &Path) -> Result<Self> {
        locate::locate(start)
    }

    /// The directory that git takes hooks from. It may not exist yet.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The top of the working tree; a bare repository has none.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// Whom the directory serves.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Puts our hook in place; `program` is the absolute path of this executable.
    ///
    /// Doing it again changes nothing; a hook of an older version is replaced and keeps its earlier hook.
    pub fn install(&self, stage: Stage, program: &Path) -> Result<Installed> {
        place::install(self, stage, program)
    }

    /// Takes our hook away and puts back what was there before it, byte for byte.
    pub fn uninstall(&self, stage: Stage) -> Result<Removed> {
        place::uninstall(self, stage)
    }

    /// What is there now. Reads only: nothing that a hook names is executed.
    pub fn status(&self, stage: Stage) -> Result<Status> {
        place::status(self, stage)
    }
}
