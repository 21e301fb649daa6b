//! The staged content: what the index that git names adds to HEAD, read from the object store, never the working files.

use std::collections::BTreeSet;
use std::time::Instant;

use rayon::prelude::*;

use crate::blob::{Blob, ObjectId, Origin};
use crate::coverage::{Reason, Tally};
use crate::error::Result;
use crate::git::Repo;
use crate::git::diff::Added;
use crate::pack::Kind;

/// Fewer blobs than this are not worth waking other threads for.
const PARALLEL: usize = 32;

/// The blobs that the next commit adds.
pub struct Staged<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Paths that the configuration leaves out.
    pub skip: &'a globset::GlobSet,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// What is not read by then is left out, and makes the scan incomplete.
    pub deadline: Option<Instant>,
    /// Which paths are worth a second look.
    pub worth: &'a super::Worth<'a>,
}

impl Staged<'_> {
    /// Lends every blob that the index has at a path where neither HEAD nor a commit being merged has it.
    ///
    /// # Errors
    /// The index or HEAD cannot be read.
    pub fn visit(&self, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Result<Tally> {
        let mut tally = Tally::default();
        let index = self.repo.index(true)?;
        let head = self.tree(self.repo.head()?, &mut tally);
        let changes = self.repo.staged(&index, head);
        for (id, lost) in &changes.lost {
            super::note_lost(self.repo, id, "a tree of HEAD", lost, &mut tally);
        }
        for path in &changes.submodules {
            tally.skip(Reason::Submodule, super::lossy(path));
        }
        let merging: Vec<ObjectId> = self.repo.merge_heads().iter().filter_map(|id| self.repo.tree_of(id)).collect();
        let is_merged =
            |added: &Added| merging.iter().any(|tree| self.repo.blob_at(tree, &added.path) == Some(added.id));
        let added: Vec<Added> = changes.added.into_iter().filter(|added| !is_merged(added)).collect();
        let read = |added: &Added| self.read(added, visit);
        let tallies: Vec<Tally> = if added.len() < PARALLEL {
            added.iter().map(read).collect()
        } else {
            added.par_iter().map(read).collect()
        };
        tallies.into_iter().for_each(|other| tally.merge(other));
        Ok(tally)
    }

    /// Lends, for each of these paths of the index, what HEAD and every commit being merged has at it, or at the path
    /// that git would say it was renamed from, and what they have of the name. The origin is that of the path asked for.
    ///
    /// # Errors
    /// The index or HEAD cannot be read.
    pub fn earlier(&self, paths: &BTreeSet<&[u8]>, visit: &mut dyn FnMut(&Blob<'_>)) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let index = self.repo.index(true)?;
        let parents = self.repo.head()?.into_iter().chain(self.repo.merge_heads());
        for tree in parents.filter_map(|id| self.repo.tree_of(&id)) {
            let mut renames = None;
            for path in paths {
                let here = self.repo.blob_at(&tree, path);
                let renamed = match here {
                    Some(_) => None,
                    None => renames
                        .get_or_insert_with(|| self.repo.renames(&self.repo.staged(&index, Some(tree)), tree))
                        .get(*path),
                };
                let before = here.or_else(|| renamed.map(|before| before.id));
                let old_name = renamed.map(|before| before.path.as_slice());
                super::names_before(self.repo, &tree, path, old_name, None, visit);
                let mut bytes = Vec::new();
                let Some(id) = before.filter(|id| self.repo.read(id, Kind::Blob, &mut bytes).is_ok()) else { continue };
                visit(&Blob::whole(&Origin::Index { path: path.to_vec(), id }, &bytes));
            }
        }
        Ok(())
    }

    fn tree(&self, commit: Option<ObjectId>, tally: &mut Tally) -> Option<ObjectId> {
        let commit = commit?;
        let tree = self.repo.tree_of(&commit);
        if tree.is_none() {
            tally.skip(Reason::Missing, format!("HEAD (commit {commit})"));
        }
        tree
    }

    fn read(&self, added: &Added, visit: &dyn Fn(&Blob<'_>)) -> Tally {
        let (mut tally, mut bytes) = (Tally::default(), Vec::new());
        let path = super::lossy(&added.path);
        if self.skip.is_match(crate::git::bytes_path(&added.path)) {
            tally.skip(Reason::Configured, path);
            return tally;
        }
        if super::is_over(self.deadline) {
            tally.skip(Reason::OutOfTime, path);
            return tally;
        }
        if (self.worth)(&added.path) {
            let origin = Origin::Name { path: added.path.clone(), commit: None };
            visit(&Blob { binary: false, ..Blob::whole(&origin, &added.path) });
        }
        if let Err(lost) = self.repo.read(&added.id, Kind::Blob, &mut bytes) {
            super::note_lost(self.repo, &added.id, &path, &lost, &mut tally);
            return tally;
        }
        if self.max_size.is_some_and(|max| bytes.len() as u64 > max) {
            tally.skip(Reason::TooLarge, path);
            return tally;
        }
        let origin = Origin::Index { path: added.path.clone(), id: added.id };
        let blob = Blob::whole(&origin, &bytes);
        super::note_lfs(&blob, || path, &mut tally);
        tally.files += 1;
        tally.bytes += bytes.len() as u64;
        visit(&blob);
        tally
    }
}
