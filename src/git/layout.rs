//! Where a repository keeps its parts: `.git` folders and files, worktrees, bare repositories, the environment.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::pack::HashKind;

/// Directories of a repository.
pub(super) struct Found {
    pub git_dir: PathBuf,
    pub common_dir: PathBuf,
    /// The folder that has `.git`, if that is how it was found.
    pub top: Option<PathBuf>,
    /// `GIT_WORK_TREE`, if it counts.
    work_tree: Option<PathBuf>,
}

/// What the repository's configuration says that we must know.
pub(super) struct Settings {
    pub hash: HashKind,
    pub foreign_refs: bool,
    pub work_tree: Option<PathBuf>,
}

/// The object directory and further ones to read from.
pub(super) struct Objects {
    pub directory: PathBuf,
    pub alternates: Vec<PathBuf>,
}

/// Finds the repository that `start` is in.
pub(super) fn find(start: &Path, environment: bool) -> Result<Option<Found>> {
    if environment && let Some(dir) = variable("GIT_DIR") {
        let git_dir = absolute(&dir)?;
        if !is_git_dir(&git_dir) {
            return Err(Error::Repository(format!("GIT_DIR is {}, which is not a git repository", dir.display())));
        }
        // Without GIT_WORK_TREE, git takes the current folder for the top of the working tree.
        let top = variable("GIT_WORK_TREE").map_or_else(|| absolute(Path::new(".")), |tree| absolute(&tree))?;
        let common_dir = common_dir(&git_dir);
        return Ok(Some(Found { git_dir, common_dir, work_tree: variable("GIT_WORK_TREE"), top: Some(top) }));
    }
    let start = absolute(start)?;
    for folder in start.ancestors() {
        let dot_git = folder.join(".git");
        let git_dir = if dot_git.is_file() { Some(linked(&dot_git)?) } else { None };
        let git_dir = git_dir.or_else(|| is_git_dir(&dot_git).then(|| dot_git.clone()));
        if let Some(git_dir) = git_dir {
            return Ok(Some(Found {
                common_dir: common_dir(&git_dir),
                git_dir,
                top: Some(folder.to_owned()),
                work_tree: None,
            }));
        }
        if is_git_dir(folder) {
            let in_dot_git = folder.file_name().is_some_and(|name| name == ".git");
            let top = if in_dot_git { folder.parent().map(Path::to_owned) } else { None };
            return Ok(Some(Found {
                git_dir: folder.to_owned(),
                common_dir: common_dir(folder),
                top,
                work_tree: None,
            }));
        }
    }
    Ok(None)
}

/// Reads the few settings that say how to read a repository, without letting libgit2 open it: it refuses SHA-256.
pub(super) fn settings(found: &Found) -> Result<Settings> {
    let failed = |error: git2::Error| {
        let path = found.common_dir.join("config");
        Error::Repository(format!("{}: {}", path.display(), error.message()))
    };
    let path = found.common_dir.join("config");
    let mut config = git2::Config::new().map_err(failed)?;
    if path.is_file() {
        config.add_file(&path, git2::ConfigLevel::Local, false).map_err(failed)?;
    }
    if config.get_bool("extensions.worktreeconfig").unwrap_or(false) {
        let own = found.git_dir.join("config.worktree");
        if own.is_file() {
            config.add_file(&own, git2::ConfigLevel::Worktree, false).map_err(failed)?;
        }
    }
    let hash = match config.get_string("extensions.objectformat").ok().as_deref() {
        None | Some("sha1") => HashKind::Sha1,
        Some("sha256") => HashKind::Sha256,
        Some(other) => {
            let why =
                format!("{}: objects are named by `{other}`, which keysieve does not know", found.git_dir.display());
            return Err(Error::Repository(why));
        }
    };
    let foreign_refs = config.get_string("extensions.refstorage").is_ok_and(|format| format != "files");
    Ok(Settings { hash, foreign_refs, work_tree: work_tree(found, &config) })
}

fn work_tree(found: &Found, config: &git2::Config) -> Option<PathBuf> {
    if let Some(tree) = &found.work_tree {
        return absolute(tree).ok();
    }
    if let Ok(tree) = config.get_path("core.worktree") {
        return Some(normal(&found.git_dir.join(tree)));
    }
    let is_linked = found.git_dir != found.common_dir;
    if config.get_bool("core.bare").unwrap_or(false) && !is_linked {
        return None;
    }
    if let Some(top) = &found.top {
        return Some(top.clone());
    }
    // Inside the git directory of a linked worktree: `gitdir` names the `.git` file of the working tree.
    let text = fs::read_to_string(found.git_dir.join("gitdir")).ok()?;
    Path::new(text.trim()).parent().map(Path::to_owned)
}

/// The object directory, with what the environment of a hook or a quarantine adds.
pub(super) fn objects(found: &Found, environment: bool) -> Objects {
    let from_env = |name| if environment { variable(name) } else { None };
    let directory = from_env("GIT_OBJECT_DIRECTORY").unwrap_or_else(|| found.common_dir.join("objects"));
    let list = if environment { env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES") } else { None };
    let alternates =
        list.map_or_else(Vec::new, |list| env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect());
    Objects { directory, alternates }
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The directory that a `.git` file names.
fn linked(file: &Path) -> Result<PathBuf> {
    let failed = |source| Error::Read { path: file.to_owned(), source };
    let text = fs::read(file).map_err(failed)?;
    let target = text.strip_prefix(b"gitdir:").map(|rest| path_of(rest.trim_ascii()));
    let target = target.map(|target| normal(&file.parent().unwrap_or(file).join(target)));
    target.filter(|target| is_git_dir(target)).ok_or_else(|| {
        Error::Repository(format!(
            "{}: it should name a git directory (`gitdir: PATH`), and there is none",
            file.display()
        ))
    })
}

/// As git judges it: a HEAD, refs and objects (in the common directory).
pub(super) fn is_git_dir(path: &Path) -> bool {
    let head = path.join("HEAD");
    if fs::symlink_metadata(&head).is_err() {
        return false;
    }
    let common = common_dir(path);
    common.join("objects").is_dir() && (common.join("refs").exists() || common.join("reftable").exists())
}

fn common_dir(git_dir: &Path) -> PathBuf {
    match fs::read(git_dir.join("commondir")) {
        Ok(text) => normal(&git_dir.join(path_of(text.trim_ascii()))),
        Err(_) => git_dir.to_owned(),
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    // Symbolic links are resolved as git does, so that paths below compare equal.
    path.canonicalize().or_else(|_| std::path::absolute(path)).map_err(failed)
}

pub(super) fn normal(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(unix)]
pub(super) fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(not(unix))]
pub(super) fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

#[cfg(unix)]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
