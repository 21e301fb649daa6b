//! What a range of commits adds: by set difference, merges included.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Instant;

use rayon::prelude::*;

use crate::blob::{Blob, ObjectId, Origin};
use crate::coverage::{Reason, Tally};
use crate::error::Result;
use crate::git::diff::{Added, Changes};
use crate::git::{Commit, Repo, Tag};
use crate::lock::lock;
use crate::pack::Kind;

/// Commits reachable from some and not from others.
pub struct Range<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// Commits whose history counts; annotated tags and what they name, blobs and trees count by themselves.
    pub include: Vec<ObjectId>,
    /// Commits whose history does not.
    pub exclude: Vec<ObjectId>,
    /// Paths that the configuration leaves out.
    pub skip: &'a globset::GlobSet,
    /// Larger blobs are left out.
    pub max_size: Option<u64>,
    /// What is not read by then is left out, and makes the scan incomplete.
    pub deadline: Option<Instant>,
}

/// A parent of a commit, and what was renamed since, once that was asked.
struct Parent {
    tree: ObjectId,
    child: ObjectId,
    renames: Option<HashMap<Vec<u8>, Added>>,
}

/// What was lent, by path.
type Seen = Mutex<HashSet<(ObjectId, Vec<u8>)>>;

impl Range<'_> {
    /// Lends every blob that a commit of the range adds at a path, once for each path, and the commits' texts.
    ///
    /// # Errors
    /// The history cannot be walked.
    pub fn visit(&self, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Result<Tally> {
        let mut tally = Tally::default();
        let seen = Mutex::new(HashSet::new());
        let mut tips = Vec::new();
        for id in self.include.iter().filter(|id| !self.exclude.contains(id)) {
            tips.extend(self.tip(*id, &seen, &mut tally, visit));
        }
        let commits = self.repo.commits_between(&tips, &self.exclude)?;
        // Oldest first, so that a blob is attributed to the commit that brought it.
        let tallies: Vec<Tally> = commits.par_iter().rev().map(|id| self.commit(id, &seen, visit)).collect();
        tallies.into_iter().for_each(|other| tally.merge(other));
        let cut: HashSet<ObjectId> = self.repo.shallow().into_iter().collect();
        for id in commits.iter().filter(|id| cut.contains(*id)) {
            tally.skip(Reason::Shallow, format!("history ends at {id}; `git fetch --unshallow` gets the rest"));
        }
        Ok(tally)
    }

    /// Lends, for paths that commits add, what each parent of the commit has at it, or at the path that git would say it
    /// was renamed from. The origin is that of the path asked for.
    pub fn earlier(&self, added: &BTreeSet<(ObjectId, &[u8])>, visit: &mut dyn FnMut(&Blob<'_>)) {
        let mut last: Option<(ObjectId, Vec<Parent>)> = None;
        for (commit, path) in added {
            if last.as_ref().is_none_or(|(id, _)| id != commit) {
                last = Some((*commit, self.parents(commit)));
            }
            for parent in last.iter_mut().flat_map(|(_, parents)| parents) {
                let before = self.repo.blob_at(&parent.tree, path).or_else(|| {
                    let renames = parent.renames.get_or_insert_with(|| {
                        self.repo.renames(&self.repo.added(parent.child, &[parent.tree]), parent.tree)
                    });
                    renames.get(*path).map(|before| before.id)
                });
                let mut bytes = Vec::new();
                let Some(id) = before.filter(|id| self.repo.read(id, Kind::Blob, &mut bytes).is_ok()) else { continue };
                visit(&Blob::whole(&Origin::Added { path: path.to_vec(), id, commit: *commit }, &bytes));
            }
        }
    }

    fn parents(&self, commit: &ObjectId) -> Vec<Parent> {
        let mut bytes = Vec::new();
        let commit = self.repo.read(commit, Kind::Commit, &mut bytes).ok().and_then(|()| Commit::parse(&bytes));
        let Some(commit) = commit else { return Vec::new() };
        let trees = commit.parents.iter().filter_map(|id| self.repo.tree_of(id));
        trees.map(|tree| Parent { tree, child: commit.tree, renames: None }).collect()
    }

    /// The commit that a tip leads to, if it leads to one; tags on the way, blobs and trees are lent at once.
    fn tip(
        &self,
        tip: ObjectId,
        seen: &Seen,
        tally: &mut Tally,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) -> Option<ObjectId> {
        let (mut id, mut bytes) = (tip, Vec::new());
        for _ in 0..16 {
            match self.repo.store().find(&id, &mut bytes) {
                Ok(Some(Kind::Tag)) => {
                    let Some(tag) = Tag::parse(&bytes) else { break };
                    tally.tags += 1;
                    let origin = Origin::Tag { id };
                    [tag.name, tag.tagger, tag.message].iter().for_each(|text| visit(&Blob::whole(&origin, text)));
                    id = tag.target;
                }
                Ok(Some(Kind::Blob)) => {
                    self.blob(Vec::new(), id, tip, tally, visit);
                    return None;
                }
                Ok(Some(Kind::Tree)) => {
                    self.changes(&tip, self.repo.added(id, &[]), seen, tally, visit);
                    return None;
                }
                _ => return Some(id),
            }
        }
        tally.skip(Reason::Corrupt, format!("tag {tip}"));
        None
    }

    fn commit(&self, id: &ObjectId, seen: &Seen, visit: &(dyn Fn(&Blob<'_>) + Sync)) -> Tally {
        let (mut tally, mut bytes) = (Tally::default(), Vec::new());
        if super::is_over(self.deadline) {
            tally.skip(Reason::OutOfTime, format!("commit {id}"));
            return tally;
        }
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
        self.changes(id, self.repo.added(commit.tree, &parents), seen, &mut tally, visit);
        tally
    }

    /// Lends what was added, but nothing twice at the same path.
    fn changes(
        &self,
        commit: &ObjectId,
        changes: Changes,
        seen: &Seen,
        tally: &mut Tally,
        visit: &(dyn Fn(&Blob<'_>) + Sync),
    ) {
        for (id, lost) in &changes.lost {
            super::note_lost(id, "a tree", lost, tally);
        }
        for path in &changes.submodules {
            tally.skip(Reason::Submodule, super::lossy(path));
        }
        for added in changes.added {
            let key = (added.id, added.path.clone());
            if lock(seen).insert(key) {
                self.blob(added.path, added.id, *commit, tally, visit);
            }
        }
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
        if super::is_over(self.deadline) {
            tally.skip(Reason::OutOfTime, shown);
            return;
        }
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
