//! Submodules whose repositories are here.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Mode, Repo, layout};

/// Folders of folders of modules; names of modules may have slashes in them.
const DEEPEST: usize = 16;

/// The repository of a submodule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// What comes before its paths: where it is checked out, else where its repository lies. From the root of the
    /// outermost working tree, with `/` at the end.
    pub prefix: Vec<u8>,
    /// Its git directory.
    pub git_dir: PathBuf,
}

impl Repo {
    /// The repositories of submodules that are here: below the git directory, whether checked out or not, and those
    /// that have a `.git` folder in the working tree. Those of submodules of submodules, too.
    pub fn modules(&self) -> Vec<Module> {
        let mut found = Vec::new();
        self.find_modules(&self.common_dir.join("modules"), DEEPEST, &mut found);
        if let Some(root) = &self.work_tree {
            let index = self.index(false).unwrap_or_default();
            for entry in index.entries().filter(|entry| entry.mode == Mode::Submodule) {
                let dot_git = root.join(layout::path_of(entry.path)).join(".git");
                if is_own_folder(&dot_git) && layout::is_git_dir(&dot_git) {
                    found.push(Module { prefix: with_slash(entry.path.to_vec()), git_dir: dot_git });
                }
            }
        }
        found.sort();
        found
    }

    /// Symbolic links lead out of the repository, and are not followed.
    fn find_modules(&self, folder: &Path, depth: usize, found: &mut Vec<Module>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| is_own_folder(path)) {
            if layout::is_git_dir(&path) {
                found.push(Module { prefix: self.prefix_of(&path), git_dir: path.clone() });
                self.find_modules(&path.join("modules"), depth, found);
            } else {
                self.find_modules(&path, depth, found);
            }
        }
    }

    fn prefix_of(&self, module: &Path) -> Vec<u8> {
        let work_tree = Self::at(module).ok().and_then(|module| self.relative(&module.work_tree?));
        let lies = || {
            let below = module.strip_prefix(&self.common_dir).unwrap_or(module);
            let dot_git: &[u8] = if self.is_bare() { b"" } else { b".git/" };
            [dot_git, &layout::bytes_of(below)].concat()
        };
        with_slash(work_tree.filter(|path| !path.is_empty()).unwrap_or_else(lies))
    }
}

fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.is_dir())
}

fn with_slash(mut path: Vec<u8>) -> Vec<u8> {
    path.push(b'/');
    path
}
