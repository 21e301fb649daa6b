//! Git hooks of ours: put into a repository, looked at, taken away.
//!
//! A hook that is already there is never overwritten. It is renamed next to ours, which runs it first and then scans:
//! an earlier hook may be a formatter that changes the index, and what is scanned is to be what is committed.
//! Nothing here prints; what was done and found comes back as plain values.

mod global;
mod locate;
mod manager;
mod place;
mod script;
mod trial;

use std::path::{Path, PathBuf};

use crate::error::Result;
pub use manager::{Detected, Manager};
pub use place::{Chained, Found, Installed, Program, Removed, Runs, State, Status};
pub use trial::Trial;

/// The moments at which git can call us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before a commit is made; what is staged is scanned.
    PreCommit,
    /// Before a commit is made; its message is scanned.
    CommitMsg,
    /// Before a push; the commits that the remote lacks are scanned.
    PrePush,
    /// On a server, before a push is stored; all that it brings is scanned.
    PreReceive,
    /// On a server, before one ref of a push is changed.
    Update,
}

impl Stage {
    /// Every stage, for `hook status`.
    pub const ALL: &'static [Self] = &[Self::PreCommit, Self::CommitMsg, Self::PrePush, Self::PreReceive, Self::Update];

    /// The name of the hook, which is its file name for git.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::CommitMsg => "commit-msg",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// Whether it guards what others send.
    pub fn is_server(self) -> bool {
        matches!(self, Self::PreReceive | Self::Update)
    }

    /// Whether git runs this hook in bare repositories.
    fn in_bare(self) -> bool {
        !matches!(self, Self::PreCommit | Self::CommitMsg)
    }
}

/// What a hook is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start<'a> {
    /// The absolute path of this executable.
    pub program: &'a Path,
    /// For a server: the only configuration, if any.
    pub trusted_config: Option<&'a Path>,
    /// For a server: the only baseline, if any.
    pub trusted_baseline: Option<&'a Path>,
    /// How long it may take, as it is written on the command line.
    pub time_budget: Option<&'a str>,
}

impl<'a> Start<'a> {
    /// With nothing but the program.
    pub fn of(program: &'a Path) -> Self {
        Self { program, trusted_config: None, trusted_baseline: None, time_budget: None }
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
    /// It is copied into every repository that is made or cloned from now on.
    Template,
}

/// Where the hooks of a repository live.
#[derive(Debug, Clone)]
pub struct Hooks {
    dir: PathBuf,
    work_tree: Option<PathBuf>,
    scope: Scope,
    is_global: bool,
}

impl Hooks {
    /// The hooks directory of the repository at `start`, as git sees it: `core.hooksPath`, worktrees and `GIT_DIR` hold.
    pub fn locate(start: &Path) -> Result<Self> {
        locate::locate(start)
    }

    /// The hooks of every repository of this user: the global `core.hooksPath`, else the template for new repositories.
    pub fn global() -> Result<Self> {
        global::locate()
    }

    /// Has git use the template that [`Hooks::global`] chose, if the user had none; what was set, if anything.
    pub fn use_template(&self) -> Result<Option<PathBuf>> {
        global::turn_on(self)
    }

    /// Undoes [`Hooks::use_template`] once no hook is left in the template.
    pub fn leave_template(&self) -> Result<Option<PathBuf>> {
        global::turn_off(self)
    }

    /// The file by which this manager calls us already.
    pub fn called_by(&self, manager: Manager, stage: Stage) -> Option<PathBuf> {
        manager.calls_us(self.work_tree.as_deref()?, stage)
    }

    /// Tries a commit or a push of `planted`, a text that must be blocked with `expected` in the output, in a temporary
    /// repository with these hooks. Earlier hooks run, too.
    pub fn trial(&self, stage: Stage, planted: &str, expected: &str) -> Result<Trial> {
        trial::run(self, stage, planted, expected)
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

    /// Puts our hook in place.
    ///
    /// Doing it again changes nothing; a hook of an older version is replaced and keeps its earlier hook.
    pub fn install(&self, stage: Stage, start: Start<'_>) -> Result<Installed> {
        place::install(self, stage, start)
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
