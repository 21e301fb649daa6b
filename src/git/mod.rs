//! The window onto git: where a repository's parts are, its refs, its index, and its objects parsed. Plain values come out.
//! Nothing here runs a program that a scanned repository names, or reaches the network unless it is asked to fetch.

mod child;
pub mod diff;
pub mod index;
mod layout;
mod message;
mod modules;
pub mod object;
mod refs;
mod remote;
mod renames;
pub mod tree;
mod walk;

use std::path::{Path, PathBuf};

use crate::blob::ObjectId;
use crate::error::{Error, Result};
use crate::pack::{HashKind, Kind, Store};
pub use message::MessageRules;
pub use modules::Module;
pub use object::{Commit, Tag};
pub use refs::{Ref, RefKind};
pub use remote::Tracked;
pub use tree::Mode;

/// A repository: where its parts are. Opening reads no refs and no objects.
pub struct Repo {
    /// The git directory of this worktree.
    pub git_dir: PathBuf,
    /// The directory that worktrees share.
    pub common_dir: PathBuf,
    /// The root of the working tree; `None` if bare.
    pub work_tree: Option<PathBuf>,
    /// The hash that names objects.
    pub hash: HashKind,
    /// Whether refs are kept in a format that only git itself reads.
    foreign_refs: bool,
    /// Listed once: a scan sees one state of them.
    refs: std::sync::OnceLock<Vec<Ref>>,
    objects: layout::Objects,
    store: Store,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repo")
            .field("git_dir", &self.git_dir)
            .field("work_tree", &self.work_tree)
            .finish_non_exhaustive()
    }
}

/// A blob's content was asked for and cannot be had.
#[derive(Debug)]
pub enum Lost {
    /// It is not in the object store.
    Missing,
    /// It is there and cannot be read.
    Damaged(String),
}

impl Repo {
    /// The repository that `start` is in, or `None`. With `environment`, `GIT_DIR` and its kin go first, as in a hook.
    ///
    /// # Errors
    /// A repository that is there and cannot be understood.
    pub fn discover(start: &Path, environment: bool) -> Result<Option<Self>> {
        layout::find(start, environment)?.map(|found| Self::open(found, environment)).transpose()
    }

    /// The repository at `path`: a working tree, a folder in one, a git directory, or a bare repository.
    ///
    /// # Errors
    /// `path` does not exist, is in no repository, or the repository cannot be understood.
    pub fn at(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::Usage(format!("{}: no such file or directory", path.display())));
        }
        Self::discover(path, false)?.ok_or_else(|| {
            Error::Repository(format!(
                "{}: not a git repository (nor any folder above it); use `keysieve scan PATH` for plain files",
                path.display()
            ))
        })
    }

    fn open(found: layout::Found, environment: bool) -> Result<Self> {
        let settings = layout::settings(&found)?;
        let objects = layout::objects(&found, environment);
        let failed =
            |error| Error::Repository(format!("{}: the object store cannot be read: {error}", found.git_dir.display()));
        let store = Store::open_with(&objects.directory, &objects.alternates, settings.hash).map_err(failed)?;
        let work_tree = settings.work_tree.clone();
        Ok(Self {
            git_dir: found.git_dir,
            common_dir: found.common_dir,
            work_tree,
            hash: settings.hash,
            refs: std::sync::OnceLock::new(),
            foreign_refs: settings.foreign_refs,
            objects,
            store,
        })
    }

    /// Reads the objects of another directory, too.
    ///
    /// # Errors
    /// The object store cannot be read.
    pub fn borrow(&mut self, directory: PathBuf) -> Result<()> {
        self.objects.alternates.push(directory);
        let opened = Store::open_with(&self.objects.directory, &self.objects.alternates, self.hash);
        self.store = opened.map_err(|error| {
            Error::Repository(format!("{}: the object store cannot be read: {error}", self.git_dir.display()))
        })?;
        Ok(())
    }

    /// Whether there is no working tree.
    pub fn is_bare(&self) -> bool {
        self.work_tree.is_none()
    }

    /// All objects.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The content of an object of a kind.
    ///
    /// # Errors
    /// It is missing, damaged, or of another kind.
    pub fn read(&self, id: &ObjectId, kind: Kind, out: &mut Vec<u8>) -> std::result::Result<(), Lost> {
        match self.store.find(id, out) {
            Ok(Some(found)) if found == kind => Ok(()),
            Ok(Some(found)) => Err(Lost::Damaged(format!("it is a {found:?}, not a {kind:?}"))),
            Ok(None) => Err(Lost::Missing),
            Err(error) => Err(Lost::Damaged(error.to_string())),
        }
    }

    /// The root tree of a commit, following tags.
    pub fn tree_of(&self, commit: &ObjectId) -> Option<ObjectId> {
        let mut bytes = Vec::new();
        self.read(&self.peel(commit)?, Kind::Commit, &mut bytes).ok()?;
        Commit::parse(&bytes).map(|commit| commit.tree)
    }

    /// The commit that an id stands for, following annotated tags.
    pub fn peel(&self, id: &ObjectId) -> Option<ObjectId> {
        let (mut id, mut bytes) = (*id, Vec::new());
        // Tags of tags of tags: nobody nests deeper, and a cycle is impossible but for damage.
        for _ in 0..16 {
            match self.store.find(&id, &mut bytes) {
                Ok(Some(Kind::Commit)) => return Some(id),
                Ok(Some(Kind::Tag)) => id = Tag::parse(&bytes)?.target,
                _ => return None,
            }
        }
        None
    }

    /// The blob at a path of a tree.
    pub fn blob_at(&self, tree: &ObjectId, path: &[u8]) -> Option<ObjectId> {
        self.entry_at(tree, path).filter(|(mode, _)| *mode == Mode::Blob).map(|(_, id)| id)
    }

    /// What is at a path of a tree.
    pub fn entry_at(&self, tree: &ObjectId, path: &[u8]) -> Option<(Mode, ObjectId)> {
        let (mut mode, mut id, mut bytes) = (Mode::Tree, *tree, Vec::new());
        for part in path.split(|b| *b == b'/') {
            if mode != Mode::Tree {
                return None;
            }
            self.read(&id, Kind::Tree, &mut bytes).ok()?;
            let entry = tree::tree_entries(&bytes, self.hash).find(|entry| entry.name == part)?;
            (mode, id) = (entry.mode, entry.id());
        }
        Some((mode, id))
    }

    /// The names and modes in a tree; none if it cannot be read.
    pub fn names_in(&self, tree: &ObjectId) -> Vec<(Mode, Vec<u8>)> {
        let mut bytes = Vec::new();
        if self.read(tree, Kind::Tree, &mut bytes).is_err() {
            return Vec::new();
        }
        tree::tree_entries(&bytes, self.hash).map(|entry| (entry.mode, entry.name.to_vec())).collect()
    }

    /// The commits where a shallow clone's history was cut off; empty if it is not shallow.
    pub fn shallow(&self) -> Vec<ObjectId> {
        let text = std::fs::read_to_string(self.common_dir.join("shallow")).unwrap_or_default();
        text.lines().filter_map(|line| ObjectId::from_hex(line.trim().as_bytes()).ok()).collect()
    }

    /// Whether it was cloned with `--filter`: then packs are marked as another repository's promises.
    pub fn is_partial(&self) -> bool {
        let packs = std::fs::read_dir(self.common_dir.join("objects/pack"));
        packs.is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|ext| ext == "promisor")))
        })
    }

    /// A path on disk as bytes from the root of the working tree, with `/`.
    pub fn relative(&self, path: &Path) -> Option<Vec<u8>> {
        let relative = path.strip_prefix(self.work_tree.as_ref()?).ok()?;
        Some(layout::bytes_of(relative))
    }
}

/// A path as bytes with `/`.
pub fn path_bytes(path: &Path) -> Vec<u8> {
    layout::bytes_of(path)
}

/// Bytes with `/` as a path of this system.
pub fn bytes_path(bytes: &[u8]) -> PathBuf {
    layout::path_of(bytes)
}
