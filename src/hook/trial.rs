//! Whether a hook really blocks: by trying, in a temporary repository.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use super::{Hooks, Stage};
use crate::error::{Error, Result};

/// How a trial went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// keysieve blocked it.
    Blocked,
    /// It went through: nobody looked.
    Passed,
    /// Something else stopped it before keysieve had its turn, and said this.
    Stopped(String),
}

/// Variables that would lead git elsewhere, or us to skip.
const FOREIGN: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "KEYSIEVE_SKIP",
    "SKIP",
];

/// See [`Hooks::trial`].
pub(super) fn run(hooks: &Hooks, stage: Stage, planted: &str, expected: &str) -> Result<Trial> {
    let place = Place::new()?;
    let (work, server) = (place.0.join("work"), place.0.join("server.git"));
    place.git(&place.0, &["init", "--quiet", "work"])?;
    place.git(&place.0, &["init", "--quiet", "--bare", "server.git"])?;
    let quiet = if stage.is_server() { &work } else { &server };
    let watched = if stage.is_server() { &server } else { &work };
    place.git(quiet, &["config", "core.hooksPath", "no-hooks"])?;
    place.git(watched, &[OsStr::new("config"), OsStr::new("core.hooksPath"), hooks.dir().as_os_str()])?;
    let (content, message) = if stage == Stage::CommitMsg { ("trial\n", planted) } else { (planted, "trial") };
    fs::write(work.join("trial"), content).map_err(|source| failed(&work, source))?;
    place.git(&work, &["add", "--force", "trial"])?;
    let commit = ["commit", "--quiet", "-m", message];
    let output = if matches!(stage, Stage::PreCommit | Stage::CommitMsg) {
        place.run(&work, &commit)?
    } else {
        place.git(&work, &[&["-c", "core.hooksPath=no-hooks"][..], &commit].concat())?;
        place.run(&work, &["push", "--quiet", "../server.git", "HEAD:refs/heads/trial"])?
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Ok(match (output.status.success(), said.contains(expected)) {
        (true, _) => Trial::Passed,
        (false, true) => Trial::Blocked,
        (false, false) => Trial::Stopped(said.trim().lines().take(5).collect::<Vec<_>>().join("\n")),
    })
}

/// A directory that goes when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("keysieve-trial-{}", std::process::id()));
        fs::create_dir(&path).map_err(|source| failed(&path, source))?;
        Ok(Self(path))
    }

    fn run<S: AsRef<OsStr>>(&self, dir: &Path, arguments: &[S]) -> Result<Output> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=keysieve", "-c", "user.email=trial@example.org", "-c", "commit.gpgSign=false"]);
        git.args(arguments).current_dir(dir).stdin(Stdio::null());
        for name in FOREIGN {
            git.env_remove(name);
        }
        git.output().map_err(|error| Error::Repository(format!("git cannot be started: {error}")))
    }

    fn git<S: AsRef<OsStr>>(&self, dir: &Path, arguments: &[S]) -> Result<()> {
        let output = self.run(dir, arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.success() {
            true => Ok(()),
            false => Err(Error::Repository(format!("the trial could not be set up: {}", said.trim()))),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Write { what: path.display().to_string(), source }
}
