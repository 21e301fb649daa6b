//! What a range of commits adds: by set difference, merges included.

use std::collections::HashSet;
use std::sync::Mutex;

use rayon::prelude::*;

use crate::blob::{Blob, ObjectId, Origin};
use crate::coverage::{Reason, Tally};
use crate::error::Result;
use crate::git::{Commit, Repo};
use crate::pack::Kind;

/// Commits reachable from some and not from others.
pub struct Range<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Commits whose history counts.
    pub include: Vec<ObjectId>,
    /// Commits whose history does not.
    pub exclude: Vec<ObjectId>,
    /// Paths that the configuration leaves out.
    pub skip: &'a globset::GlobSet,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
}

impl Range<'_> {
    /// Lends every blob that a commit of the range adds at a path, once for each path, and the commits' texts.
    ///
    /// # Errors
    /// The history cannot be walked.
    pub fn visit(&self, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Result<Tally> {
        let commits = self.repo.commits_between(&self.include, &self.exclude)?;
        let seen = Mutex::new(HashSet::new());
        // Oldest first, so that a blob is attributed to the commit that brought it.
        let tallies: Vec<Tally> = commits.par_iter().rev().map(|id| self.commit(id, &seen, visit)).collect();
        let mut tally = Tally::default();
        tallies.into_iter().for_each(|other| tally.merge(other));
        let cut: HashSet<ObjectId> = self.repo.shallow().into_iter().collect();
        for id in commits.iter().filter(|id| cut.contains(*id)) {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        Ok(tally)
    }

    fn commit(
        &self,
        id: &ObjectId,
        seen: &Mutex<HashSet<(ObjectId, Vec<u8>)>>,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) -> Tally {
        let (mut tally, mut bytes) = (Tally::default(), Vec::new());
        if let Err(lost) = self.repo.read(id, Kind::Commit, &mut bytes) {
            super::note_lost(id, "a commit", &lost, &mut tally);
            return tally;
        }
        let Some(commit) = Commit::parse(&bytes) else {
            tally.skip(Reason::Corrupt, format!("commit {id}"));
            return tally;
        };
        tally.commits += 1;
        super::history::commit_texts(id, &commit, &mut |blob| visit(blob));
        let parents: Vec<ObjectId> = commit.parents.iter().filter_map(|parent| self.repo.tree_of(parent)).collect();
        let changes = self.repo.added(commit.tree, &parents);
        for (id, lost) in &changes.lost {
            super::note_lost(id, "a tree", lost, &mut tally);
        }
        for path in &changes.submodules {
            tally.skip(Reason::Submodule, super::lossy(path));
        }
        for added in changes.added {
            let key = (added.id, added.path.clone());
            if seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(key) {
                self.blob(added.path, added.id, *id, &mut tally, visit);
            }
        }
        tally
    }

    fn blob(
        &self,
        path: Vec<u8>,
        id: ObjectId,
        commit: ObjectId,
        tally: &mut Tally,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) {
        let (shown, mut bytes) = (super::lossy(&path), Vec::new());
        if self.skip.is_match(crate::git::bytes_path(&path)) {
            tally.skip(Reason::Configured, shown);
            return;
        }
        if let Err(lost) = self.repo.read(&id, Kind::Blob, &mut bytes) {
            super::note_lost(&id, &shown, &lost, tally);
            return;
        }
        if self.max_size.is_some_and(|max| bytes.len() as u64 > max) {
            tally.skip(Reason::TooLarge, shown);
            return;
        }
        let origin = Origin::Added { path, id, commit };
        let blob = Blob::whole(&origin, &bytes);
        super::note_lfs(&blob, || shown, tally);
        tally.blobs += 1;
        tally.bytes += bytes.len() as u64;
        visit(&blob);
    }
}
