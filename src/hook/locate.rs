//! Asks git where the hooks of a repository are.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{Hooks, Scope};
use crate::error::{Error, Result};

/// See [`Hooks::locate`].
pub(super) fn locate(start: &Path) -> Result<Hooks> {
    if !start.is_dir() {
        return Err(Error::Usage(format!("{}: no such directory", start.display())));
    }
    let git_dir = path_of(ask(start, ["rev-parse", "--absolute-git-dir"])?)?;
    let work_tree = work_tree(start)?;
    // A relative core.hooksPath counts from the top of the working tree, else from the git directory, and so do we.
    let base = work_tree.clone().unwrap_or_else(|| git_dir.clone());
    let fixed = Fixed { base: &base, git_dir: &git_dir, work_tree: work_tree.as_deref() };
    let configured = fixed.configured()?;
    let dir = base.join(path_of(fixed.ask(&["rev-parse", "--git-path", "hooks"])?)?);
    let is_off = configured.as_ref().is_some_and(|path| path.as_os_str().is_empty());
    if is_off || (dir.exists() && !dir.is_dir()) {
        let value = configured.unwrap_or_else(|| dir.clone());
        return Err(Error::Repository(format!(
            "hooks are switched off here: core.hooksPath is '{}', which is no directory \
             (git config --show-origin --get core.hooksPath says who set it)",
            value.display()
        )));
    }
    let common = base.join(path_of(fixed.ask(&["rev-parse", "--git-common-dir"])?)?);
    let scope = scope(&dir, &common, work_tree.as_deref());
    Ok(Hooks { dir: tidy(&dir), work_tree, scope, is_global: false })
}

/// The top of the working tree, which need not be around `start`; a bare repository has none.
fn work_tree(start: &Path) -> Result<Option<PathBuf>> {
    if ask(start, ["rev-parse", "--is-bare-repository"])? == b"true" {
        return Ok(None);
    }
    path_of(ask(start, ["rev-parse", "--show-toplevel"])?).map(Some)
}

/// git with its directories named, so that the current directory can be the one that relative paths count from.
struct Fixed<'a> {
    base: &'a Path,
    git_dir: &'a Path,
    work_tree: Option<&'a Path>,
}

impl Fixed<'_> {
    fn arguments(&self, rest: &[&str]) -> Vec<OsString> {
        let mut all = vec![OsString::from("--git-dir"), self.git_dir.into()];
        if let Some(top) = self.work_tree {
            all.extend([OsString::from("--work-tree"), top.into()]);
        }
        all.extend(rest.iter().map(OsString::from));
        all
    }

    fn ask(&self, rest: &[&str]) -> Result<Vec<u8>> {
        ask(self.base, self.arguments(rest))
    }

    /// `core.hooksPath`, if it is set at all; git takes an empty one literally and finds no hooks.
    fn configured(&self) -> Result<Option<PathBuf>> {
        let output = run(self.base, self.arguments(&["config", "--get", "core.hooksPath"]))?;
        if output.status.code() == Some(1) {
            return Ok(None);
        }
        path_of(answer(self.base, output)?).map(Some)
    }
}

/// What git prints, without its last line feed: everything else can be part of a path.
fn ask(dir: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Vec<u8>> {
    answer(dir, run(dir, arguments)?)
}

fn answer(dir: &Path, output: Output) -> Result<Vec<u8>> {
    if !output.status.success() {
        return Err(refusal(dir, &String::from_utf8_lossy(&output.stderr)));
    }
    let mut text = output.stdout;
    if text.last() == Some(&b'\n') {
        text.pop();
    }
    Ok(text)
}

/// git in the C locale: its complaints are told apart by their words.
pub(super) fn run(dir: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
    let mut git = Command::new("git");
    git.args(arguments).current_dir(dir).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").stdin(Stdio::null());
    git.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            Error::Usage("git is not on PATH; hooks need it (nothing else in keysieve's hook does)".to_owned())
        }
        _ => Error::Repository(format!("git cannot be started: {error}")),
    })
}

fn refusal(dir: &Path, said: &str) -> Error {
    let said = said.trim();
    let dir = dir.display();
    Error::Repository(if said.contains("not a git repository") {
        format!("{dir}: not in a git repository; hooks belong to one (git init makes one)")
    } else if said.contains("dubious ownership") {
        format!("{dir}: git does not trust this repository, since somebody else owns it. git says:\n{said}")
    } else if said.contains("must be run in a work tree") {
        format!("{dir}: this is inside the git directory; go to the working tree")
    } else {
        format!("{dir}: git cannot say where its hooks are: {said}")
    })
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "fails on other systems")]
pub(super) fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: Vec<u8>) -> Result<PathBuf> {
    String::from_utf8(bytes)
        .map(PathBuf::from)
        .map_err(|_| Error::Repository("git names a path that is not UTF-8".to_owned()))
}

/// Links are followed: `.git/hooks` may be one to a directory that other repositories use as well.
fn scope(dir: &Path, common: &Path, work_tree: Option<&Path>) -> Scope {
    let (dir, common) = (real(dir), real(common));
    if dir.starts_with(&common) {
        return Scope::Repository;
    }
    // Hooks in the main working tree can be those of a linked one.
    let main = common.parent().filter(|_| common.ends_with(".git")).map(Path::to_path_buf);
    let mut tops = work_tree.map(real).into_iter().chain(main);
    if tops.any(|top| dir.starts_with(top)) { Scope::WorkTree } else { Scope::Shared }
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(mut found) = fs::canonicalize(ancestor) {
            found.extend(rest.iter().rev());
            return found;
        }
        rest.extend(ancestor.file_name());
    }
    path.to_path_buf()
}

/// Without `.` and doubled slashes, for messages; `..` may lead through a link and stays.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}
